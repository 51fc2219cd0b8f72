"""`stemrack bounce`: a session and its mix become files."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Column, Table

from plugin_host.cli.reporting import clock, decibels, note, out, print_json, stage_progress
from plugin_host.cli.times import seconds
from plugin_host.errors import BounceError

if TYPE_CHECKING:
    from plugin_host.cli.session_mix import MixChanges
    from plugin_host.engine.bounce_settings import BounceReport, BounceSettings
    from plugin_host.engine.compare import CompareSettings
    from plugin_host.mix.state import Mix
    from plugin_host.mix.take import Take
    from plugin_host.stems.open_session import HostSession

FileFormat = Literal["float32", "pcm24", "pcm16", "flac"]
TrackChoice = Literal["none", "wet", "dry", "both"]
Many = list[str]


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(bounce)


def bounce(
    session: Annotated[Path, typer.Argument(help="A session folder.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.", show_default="SESSION-remix.wav here")
    ] = None,
    scene: Annotated[Many | None, typer.Option("--scene", help="Apply this scene; may be repeated.")] = None,
    chain: Annotated[Many | None, typer.Option(metavar="TRACK=PRESET", help="Put this chain on a track.")] = None,
    gain: Annotated[
        Many | None, typer.Option(metavar="TRACK=DB", help="-inf … +12; the master is a track too.")
    ] = None,
    pan: Annotated[Many | None, typer.Option(metavar="TRACK=PAN", help="-1 left … 1 right.")] = None,
    mute: Annotated[Many | None, typer.Option(metavar="TRACK", help="Silence a track.")] = None,
    solo: Annotated[Many | None, typer.Option(metavar="TRACK", help="Hear only this track.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Start from untouched stems, not from the saved mix.")] = False,
    take: Annotated[
        str, typer.Option(metavar="NAME", help="Replay a take recorded by `stemrack play`; it brings its own mix.")
    ] = "",
    limiter: Annotated[
        bool | None, typer.Option("--limiter/--no-limiter", help="The master's safety limiter.", show_default=False)
    ] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the mix in the session (mix.toml).")] = False,
    tracks: Annotated[
        TrackChoice, typer.Option(help="Files of single tracks too: with effects, without, or both.")
    ] = "none",
    only_tracks: Annotated[bool, typer.Option("--only-tracks", help="Write no mix, only the track files.")] = False,
    sample_format: Annotated[FileFormat, typer.Option("--format", help="Of every file.")] = "float32",
    loudness: Annotated[
        float | None, typer.Option(metavar="LUFS", help="Bring the mix to this loudness, true peak under the ceiling.")
    ] = None,
    ceiling: Annotated[
        float | None,
        typer.Option(metavar="DB", help="Of the limiter, and of --loudness without one.", show_default="the mix's, -1"),
    ] = None,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Seconds or m:ss.", show_default=False)] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Seconds or m:ss.", show_default=False)] = "",
    tail: Annotated[float, typer.Option(help="Seconds that a reverb may sound on after the end.")] = 10.0,
    compare: Annotated[
        str,
        typer.Option(
            metavar="EVERY|TIMES",
            help="Also write remix and original in turn, equally loud: every 8 (seconds), or at 0:20,0:40.",
            show_default=False,
        ),
    ] = "",
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Pass by plugins that are not there.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, max=8, help="Cores to use.", show_default="all")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Mix SESSION down: its saved mix, changed by scenes, chains and faders given here."""
    from plugin_host.cli.session_mix import MixChanges, changed_mix
    from plugin_host.engine.bounce_files import TrackFiles, mix_target
    from plugin_host.engine.bounce_settings import BounceSettings
    from plugin_host.stems.open_session import open_for_host
    from separation_core.audio.writing import SampleFormat

    changes = MixChanges(
        plain, scene or (), chain or (), gain or (), pan or (), mute or (), solo or (), limiter, ceiling
    )
    opened = open_for_host(session)
    played = _take(opened, take, changes) if take else None
    mix = played.mix if played else changed_mix(opened, changes)
    _check_ceiling(mix, ceiling, loudness)
    settings = BounceSettings(
        mix=not only_tracks,
        tracks=TrackFiles(tracks),
        fmt=SampleFormat(sample_format),
        loudness=loudness,
        start=seconds(start, "--from") if start else None,
        end=seconds(end, "--to") if end else None,
        tail=tail,
        threads=threads,
        allow_missing=allow_missing,
        take=played,
    )
    target = output or Path(f"{opened.folder.name.removesuffix('.stemrack')}-remix.{settings.fmt.extension}")
    mix_target(target, settings.fmt, opened.files)
    turns = _comparison(opened, compare, settings) if compare else None
    compared = target.with_name(f"{target.stem}-compare{target.suffix}") if turns else None
    if not force:
        _refuse_overwriting([*_files(mix, target, settings), *([compared] if compared else [])])
    report = _bounce(opened, mix, target, settings)
    if turns and compared:
        _compare(opened, target, compared, turns)
    _show(report, compared, json=json)
    if save:
        _save(opened, mix)


def _take(session: "HostSession", name: str, changes: "MixChanges") -> "Take":
    """The take of that name; nothing else than the limiter may change the mix, whose every move the take knows."""
    from plugin_host.cli.session_mix import MixChanges, with_changes
    from plugin_host.desk.take_files import TAKES_FOLDER, read_take, take_path
    from plugin_host.effects.catalogue import check_effect

    if changes != MixChanges(limiter=changes.limiter, ceiling_db=changes.ceiling_db):
        raise typer.BadParameter("a take brings its own mix: leave scenes, chains and faders out", param_hint="--take")
    take = read_take(take_path(session.folder / TAKES_FOLDER, name), session.rate, check_effect)
    return replace(take, mix=with_changes(take.mix, changes))


def _check_ceiling(mix: "Mix", ceiling: float | None, loudness: float | None) -> None:
    """It is held by the limiter, or by the gain of a loudness; with neither the mix would pass it unheld."""
    if ceiling is not None and loudness is None and not mix.master.limiter:
        raise typer.BadParameter("the limiter is off: add --limiter", param_hint="--ceiling")


def _files(mix: "Mix", target: Path, settings: "BounceSettings") -> list[Path]:
    """What the bounce will write."""
    from plugin_host.engine.bounce_files import track_targets

    kinds = [dry for dry, wanted in ((False, settings.wet), (True, settings.dry)) if wanted]
    tracks = [path for dry in kinds for path in track_targets(target, mix, settings.fmt, dry=dry, protected=())]
    return [target, *tracks] if settings.mix else tracks


def _refuse_overwriting(files: Iterable[Path]) -> None:
    for path in files:
        if path.is_file():
            raise BounceError(f"{path} is there already: give another name with -o, or --force to overwrite it")


def _bounce(session: "HostSession", mix: "Mix", target: Path, settings: "BounceSettings") -> "BounceReport":
    from plugin_host.engine.bounce import bounce as render

    with stage_progress() as show:
        return render(session, mix, target, settings, progress=lambda done, total: show("bounce", done, total))


def _comparison(session: "HostSession", wish: str, settings: "BounceSettings") -> "CompareSettings":
    """What `--compare` says, checked before the work."""
    from plugin_host.engine.bounce_settings import part_of
    from plugin_host.engine.compare import CompareSettings

    if not settings.mix:
        raise typer.BadParameter("only a mix can be compared: leave --only-tracks out", param_hint="--compare")
    every, times = _turns(wish)
    return CompareSettings(times, every, original_start=part_of(session, settings).begin, fmt=settings.fmt)


def _compare(session: "HostSession", remix: Path, target: Path, turns: "CompareSettings") -> None:
    from plugin_host.engine.compare import compare
    from separation_core.audio.frames import WavSource

    with session.open_song() as song, WavSource(remix) as mixed, stage_progress() as show:
        compare(
            song,
            mixed,
            target,
            turns,
            protected=session.files,
            progress=lambda done, total: show("compare", done, total),
        )


def _turns(wish: str) -> tuple[float, tuple[float, ...]]:
    """What `--compare` says: a single number is the length of a turn, anything else the times to switch at."""
    from plugin_host.engine.compare import DEFAULT_EVERY

    if "," not in wish and ":" not in wish:
        return seconds(wish, "--compare"), ()
    return DEFAULT_EVERY, tuple(seconds(time, "--compare") for time in wish.split(",") if time)


def _save(session: "HostSession", mix: "Mix") -> None:
    from plugin_host.cli.session_mix import MIX_FILE
    from plugin_host.mix.mix_file import write_mix

    write_mix(session.folder / MIX_FILE, mix)
    note(f"the mix is kept in {session.folder / MIX_FILE}")


def _show(report: "BounceReport", compared: Path | None, *, json: bool) -> None:
    for warning in report.warnings:
        note(warning)
    if json:
        print_json(asdict(report) | {"compare": str(compared) if compared else None})
        return
    table = Table(Column("file", overflow="fold"), "loudness", "true peak", box=None, pad_edge=False)
    mixes = [report.mix] if report.mix else []
    for file in (*mixes, *report.tracks, *report.dry_tracks):
        levels = file.levels
        figures = (decibels(levels.lufs, "LUFS"), decibels(levels.true_peak_db, "dBTP")) if levels else ("", "")
        table.add_row(escape(str(file.path)), *figures)
    if compared:
        table.add_row(escape(str(compared)), "[dim]remix and original in turn, equally loud[/]", "")
    out.print(table)
    limited = f", limiter took up to {report.reduction_db:.1f} dB" if report.reduction_db > 0.05 else ""
    out.print(f"[dim]{clock(report.frames / report.rate)} at {report.rate} Hz{limited}[/]")
