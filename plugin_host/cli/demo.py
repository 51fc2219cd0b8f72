"""`stemrack demo`: the whole way from a song to a remix, on a song composed here, so that nothing is downloaded."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plugin_host.cli.reporting import clock, decibels, detail, out, print_json, stage_progress

if TYPE_CHECKING:
    import numpy as np

    from plugin_host.engine.bounce_settings import BounceReport
    from plugin_host.stems.open_session import HostSession
    from separation_core.evaluation.report import SumError

SCENE = "night-drive"
TRUTH = "truth"
TURN_SECONDS = 5.0


@dataclass(frozen=True)
class DemoResult:
    """What the demo measured. sdr: MDX SDR per stem in dB against the true stems. seconds: wall time of each step."""

    folder: str
    sdr: Mapping[str, float]
    loudness: Mapping[str, float]
    sum_error: "SumError | None"
    seconds: Mapping[str, float]
    song_seconds: float
    files: Mapping[str, str]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(demo)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for everything it makes.")] = Path("demo"),
    scene: Annotated[str, typer.Option(help="The scene to remix with.")] = SCENE,
    seed: Annotated[int, typer.Option(min=0, help="Another performance of the song.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compose a song, separate it, remix it with a scene, bounce remix and stems, compare, measure and draw."""
    result = _run(output, scene, seed)
    if json:
        print_json(asdict(result))
    else:
        _show(result, scene)


def _run(folder: Path, scene: str, seed: int) -> DemoResult:
    from plugin_host.demo.compose import RATE, compose
    from plugin_host.effects.catalogue import check_effect
    from plugin_host.mix.presets import find_library
    from plugin_host.stems.open_session import open_for_host
    from separation_core.evaluation.checks import check_session
    from separation_core.jobs.prepare_session import prepare_session

    find_library(check_effect).scene(scene)  # told before the work where there is none of that name
    _make_room(folder)
    laps = _Laps()
    truth = compose(seed)
    song = _write_song(folder, truth, RATE)
    laps.end("compose")
    with stage_progress() as show:
        made = prepare_session(song, folder / "song.stemrack", force=True, progress=show)
    laps.end("separate")
    session = open_for_host(made.folder)
    report = _bounce(session, folder, scene)
    laps.end("bounce")
    compared = _compare(session, folder)
    laps.end("compare")
    checked = check_session(session.folder)
    sdr = {name: _score(session, name, truth[name]) for name in session.stems}
    laps.end("measure")
    files = {"song": str(song), "session": str(session.folder), "remix": str(folder / "remix.wav")}
    files |= {"tracks": str(folder / "remix-tracks"), "compare": str(compared)}
    files |= _draw(session, folder, sdr, scene)
    laps.end("draw")
    loudness = {stem.name: stem.lufs for stem in checked.stems}
    if report.mix and report.mix.levels:
        loudness["remix"] = report.mix.levels.lufs
    return DemoResult(str(folder), sdr, loudness, checked.sum_error, laps.seconds, session.frames / session.rate, files)


def _make_room(folder: Path) -> None:
    """A folder that is new, empty, or a demo's: what is there is written over."""
    from plugin_host.errors import HostError

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / TRUTH).is_dir():
        raise HostError(f"{folder} holds other files and no demo: give another folder with -o")


class _Laps:
    """Wall time of one step after the other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.perf_counter()

    def end(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step], self._began = now - self._began, now


def _write_song(folder: Path, truth: "Mapping[str, np.ndarray]", rate: int) -> Path:
    """The mix as `song.wav`, the true stems in a folder."""
    import numpy as np

    from separation_core.audio.writing import SongWriter
    from separation_core.units import Hertz

    (folder / TRUTH).mkdir(exist_ok=True)
    mix = np.sum(list(truth.values()), axis=0, dtype=np.float32)
    paths = {folder / "song.wav": mix} | {folder / TRUTH / f"{name}.wav": stem for name, stem in truth.items()}
    for path, samples in paths.items():
        with SongWriter(path, Hertz(rate), 2, expected_frames=samples.shape[1]) as writer:
            writer.write(samples)
    return folder / "song.wav"


def _bounce(session: "HostSession", folder: Path, scene: str) -> "BounceReport":
    from plugin_host.cli.session_mix import MixChanges, changed_mix
    from plugin_host.engine.bounce import bounce
    from plugin_host.engine.bounce_files import TrackFiles
    from plugin_host.engine.bounce_settings import BounceSettings

    mix = changed_mix(session, MixChanges(plain=True, scenes=(scene,)))
    settings = BounceSettings(tracks=TrackFiles.WET)
    with stage_progress() as show:
        return bounce(
            session, mix, folder / "remix.wav", settings, progress=lambda done, total: show("bounce", done, total)
        )


def _compare(session: "HostSession", folder: Path) -> Path:
    from plugin_host.engine.compare import CompareSettings, compare
    from separation_core.audio.frames import WavSource

    target = folder / "remix-compare.wav"
    with session.open_song() as song, WavSource(folder / "remix.wav") as remix:
        compare(song, remix, target, CompareSettings(every=TURN_SECONDS))
    return target


def _score(session: "HostSession", name: str, truth: "np.ndarray") -> float:
    from separation_core.evaluation.metrics import mdx_sdr

    with session.open_stem(name) as stem:
        return mdx_sdr(truth, stem.read(0, session.frames))


def _draw(session: "HostSession", folder: Path, sdr: Mapping[str, float], scene: str) -> dict[str, str]:
    """The overview picture; without matplotlib a line on how to get it."""
    from plugin_host.demo.overview import Stretch
    from plugin_host.demo.picture import draw_overview
    from plugin_host.errors import HostError
    from separation_core.audio.frames import WavSource

    with ExitStack() as files:
        song = Stretch(files.enter_context(session.open_song()), session.frames)
        stems = {name: replace(song, source=files.enter_context(session.open_stem(name))) for name in session.stems}
        remix = files.enter_context(WavSource(folder / "remix.wav"))
        try:
            draw_overview(folder / "overview.png", song, stems, Stretch(remix, remix.frames), sdr, scene)
        except HostError as error:
            detail(str(error))
            return {}
    return {"picture": str(folder / "overview.png")}


def _show(result: DemoResult, scene: str) -> None:
    table = Table("stem", "SDR against the truth", "loudness", box=None, pad_edge=False)
    for name, score in result.sdr.items():
        table.add_row(name, decibels(score), decibels(result.loudness[name], "LUFS"))
    out.print(f"[bold]{clock(result.song_seconds)} of music, separated and remixed with the scene {escape(scene)}[/]")
    out.print(table)
    if result.sum_error:
        out.print(f"sum of stems − song: peak {decibels(result.sum_error.peak_db, 'dBFS')}")
    out.print(f"remix: {decibels(result.loudness['remix'], 'LUFS')}")
    detail("  ".join(f"{step} {seconds:.1f} s" for step, seconds in result.seconds.items()))
    for what, path in result.files.items():
        out.print(f"  {what:<8} {path}", highlight=False, markup=False)
