"""`stemrack evaluate`: separated stems, or a separator, scored against true stems."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from plugin_host.cli.model_choice import (
    AugmentOption,
    OverlapOption,
    QualityOption,
    ShiftsOption,
    chosen_effort,
    real_name,
)
from plugin_host.cli.reporting import detail, note, out, print_json, stage_progress
from plugin_host.cli.separate import PrecisionChoice
from plugin_host.cli.session_words import device_named

if TYPE_CHECKING:
    from separation_core.evaluation.evaluation_summary import Metric
    from separation_core.evaluation.song_scores import SongScores
    from separation_core.evaluation.stem_folders import SongCase, TrueSong
    from separation_core.inference.quality import Effort
    from separation_core.jobs.options import SessionOptions

    Cases = Sequence[AbstractContextManager[SongCase]]
    Groups = Mapping[str, Sequence[SongScores]]

Show = Callable[[str, int, int], None]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(evaluate)


def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            help="Folder of songs with true stems, as MUSDB18-HQ: SONG/vocals.wav …; or one song.", show_default=False
        ),
    ],
    estimates: Annotated[
        Path | None, typer.Argument(help="Folder of the same songs separated: stems or sessions.", show_default=False)
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Separate the mixtures with this model instead.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep the sessions that --model makes in this folder.")
    ] = None,
    sum_mode: Annotated[
        Literal["residual", "least-squares", "off"],
        typer.Option("--sum", help="With --model: as in separate; off is what publications score."),
    ] = "residual",
    quality: QualityOption = "normal",
    overlap: OverlapOption = None,
    shifts: ShiftsOption = None,
    augment: AugmentOption = None,
    device: Annotated[str, typer.Option(help="With --model: auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[PrecisionChoice, typer.Option(help="With --model: as in separate.")] = "auto",
    museval: Annotated[bool, typer.Option(help="Also museval's SDR, ISR, SIR and SAR (slower).")] = True,
    audible: Annotated[
        float | None,
        typer.Option(
            metavar="DB", max=0.0, help="Leave out true stems whose RMS is under this many dBFS.", show_default=False
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="BEGINNING", help="Also the means of the songs whose names begin so; may be repeated."),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option("--output", "-o", help="Write scores to FILE.csv, .json, .png, .svg or .pdf; may be repeated."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Score separated stems against TRUTH: MDX SDR, SI-SDR, museval's SDR/ISR/SIR/SAR, and leaks into silent stems.

    A true stem without a file is silence. Give the folder of ESTIMATES, or --model to separate the mixtures here.
    A song with a file that cannot be read is left out, and the exit code is 1.
    """
    if (estimates is None) == (model is None):
        raise typer.BadParameter("give either a folder of estimates or --model", param_hint="ESTIMATES")
    if keep and model is None:
        raise typer.BadParameter("only --model makes sessions that can be kept", param_hint="--keep")
    if keep and keep.exists() and not keep.is_dir():
        raise typer.BadParameter(f"{keep} is a file: give a folder for the sessions", param_hint="--keep")
    from separation_core.evaluation.score_files import check_target, write_scores
    from separation_core.evaluation.stem_folders import find_songs

    for path in output or []:
        check_target(path)
    songs = find_songs(truth)
    _check_groups(songs, group or [])
    model = model and real_name(model)
    about = {"truth": str(truth), "estimates": str(estimates or ""), "model": model or ""}
    with stage_progress() as show:
        if estimates is not None:
            cases = _found(songs, estimates)
        else:
            effort = chosen_effort(quality, overlap, shifts, augment, model=model or "")
            options = _options(model or "", sum_mode, effort, device, precision)
            about["settings"] = _settings_text(options)
            about["device"] = device_named(options)
            cases = _separated(songs, options, keep, show)
        scores, failed = _scored(cases, show, museval=museval, audible=audible)
    groups = _grouped(scores, group or [])
    if audible is not None:
        about["audible"] = f"true stems under {audible:g} dBFS RMS are left out"
    _tell(scores, groups, about, json=json)
    for path in output or []:
        write_scores(path, scores, about, groups)
    if failed:
        raise typer.Exit(1)


def _options(model: str, sum_mode: str, effort: "Effort", device: str, precision: str) -> "SessionOptions":
    from separation_core.inference.consistency import SumMode
    from separation_core.inference.precision import Precision
    from separation_core.inference.separate import SeparationSettings
    from separation_core.jobs.options import SessionOptions

    settings = SeparationSettings(
        overlap=effort.overlap,
        shifts=effort.shifts,
        augment=effort.augment,
        device=device,
        precision=Precision(precision),
    )
    return SessionOptions(model=model, separation=settings, sum_mode=SumMode(sum_mode))


def _settings_text(options: "SessionOptions") -> str:
    """The options as one would type them."""
    chosen = options.separation
    augment = " --augment" if chosen.augment else ""
    return (
        f"--sum {options.sum_mode.value} --overlap {chosen.overlap} --shifts {chosen.shifts}{augment} "
        f"--precision {chosen.precision.value}"
    )


def _check_groups(songs: Sequence["TrueSong"], beginnings: Sequence[str]) -> None:
    """Wrong usage, before the work, where a group has no songs."""
    for text in beginnings:
        if not any(song.name.startswith(text) for song in songs):
            raise typer.BadParameter(f"no song's name begins with {text!r}", param_hint="--group")


def _grouped(scores: Sequence["SongScores"], beginnings: Sequence[str]) -> "Groups":
    """The scored songs of each group that has any."""
    groups = {text: [song for song in scores if song.name.startswith(text)] for text in beginnings}
    return {text: songs for text, songs in groups.items() if songs}


def _found(songs: Sequence["TrueSong"], estimates: Path) -> "Cases":
    """The songs that have estimates, each paired with them; a note about those that have none."""
    from separation_core.evaluation.stem_folders import make_cases

    cases, missing = make_cases(songs, estimates)
    if missing:
        note(f"{len(missing)} of {len(songs)} songs have no estimates and are left out: {', '.join(missing)}")
    return [nullcontext(case) for case in cases]


def _separated(songs: Sequence["TrueSong"], options: "SessionOptions", keep: Path | None, show: Show) -> "Cases":
    """Each song, to be separated when its turn comes."""
    known = {stem for song in songs for stem in song.stems}
    prefixes = [f"{place + 1}/{len(songs)} " for place in range(len(songs))]
    return [
        _session_of(song, known, options, keep, _named(show, prefix))
        for song, prefix in zip(songs, prefixes, strict=True)
    ]


@contextmanager
def _session_of(
    song: "TrueSong", known: set[str], options: "SessionOptions", keep: Path | None, progress: Show
) -> "Iterator[SongCase]":
    """The song separated; its session is removed afterwards unless it is kept."""
    from separation_core.evaluation.mixture import mixture_file
    from separation_core.evaluation.stem_folders import make_case, session_stems
    from separation_core.jobs.prepare_session import prepare_session

    with _folder(keep) as folder, tempfile.TemporaryDirectory(prefix="stemrack-") as work:
        target = folder / f"{song.name}.stemrack"
        target.parent.mkdir(parents=True, exist_ok=True)
        mixture = mixture_file(song, Path(work))
        session = prepare_session(mixture, target, options=options, progress=progress, note=note)
        yield make_case(song, session_stems(session.folder), known)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="stemrack-") as folder:
        yield Path(folder)


def _named(show: Show, prefix: str) -> Show:
    return lambda stage, done, total: show(prefix + stage, done, total)


def _scored(cases: "Cases", show: Show, *, museval: bool, audible: float | None) -> tuple[list["SongScores"], int]:
    """The scores, and how many songs had none because a file of theirs is no sound; that error where all had none."""
    from separation_core.errors import SongUnreadable, UnsupportedAudio
    from separation_core.evaluation.song_scores import score_song

    scores: list[SongScores] = []
    for place, one in enumerate(cases):
        progress = partial(show, f"{place + 1}/{len(cases)} score")
        try:
            with one as case:
                found = score_song(case, museval=museval, audible_db=audible, progress=progress)
        except (SongUnreadable, UnsupportedAudio) as error:
            if place + 1 == len(cases) and not scores:
                raise
            note(f"left out: {error}")
            continue
        for warning in found.warnings:
            note(warning)
        scores.append(found)
    return scores, len(cases) - len(scores)


def _tell(songs: Sequence["SongScores"], groups: "Groups", about: dict[str, str], *, json: bool) -> None:
    from separation_core.evaluation.evaluation_summary import GENERAL, as_json, present

    if json:
        print_json(as_json(songs, about, groups))
        return
    metrics = present(songs)
    for song in songs:
        _show(song.name, metrics, song.stems)
    for text, some in groups.items():
        _show_summary(some, metrics, f"{text}…, ")
    _show_summary(songs, metrics)
    if "audible" in about:
        detail(about["audible"])
    for metric in metrics:
        detail(f"{metric.title}: {metric.definition}")
    detail(GENERAL)


def _show_summary(songs: Sequence["SongScores"], metrics: Sequence["Metric"], title: str = "") -> None:
    from separation_core.evaluation.evaluation_summary import summarise

    usual = {metric.name: metric.usual for metric in metrics}
    rows = {
        stem: {name: float(getattr(one, usual[name])) for name, one in row.items()}
        for stem, row in summarise(songs).items()
    }
    _show(f"{title}{len(songs)} {'song' if len(songs) == 1 else 'songs'}", metrics, rows, averages=True)


def _show(
    title: str, metrics: Sequence["Metric"], rows: Mapping[str, Mapping[str, float]], *, averages: bool = False
) -> None:
    out.print(title, style="bold", markup=False, highlight=False)
    table = Table("stem", box=None, pad_edge=False)
    for metric in metrics:
        table.add_column(f"{metric.usual}\n{metric.title}" if averages else metric.title, justify="right")
    for stem, scores in rows.items():
        cells = (f"{scores[m.name]:.2f}".replace("-", "−") if m.name in scores else "" for m in metrics)
        table.add_row(escape(stem), *cells)
    out.print(table)
