"""`stemrack separate` of several songs: one line for each, a count of those that failed, and a bar over all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from plugin_host.cli.reporting import clock, note, notes, out, print_json
from plugin_host.cli.session_words import device_named, session_summary

if TYPE_CHECKING:
    from separation_core.jobs.batch import BatchProgress, Outcome
    from separation_core.jobs.options import SessionOptions

_LONGEST_NAME = 40


def separate_many(
    paths: Sequence[Path],
    into: Path | None,
    options: "SessionOptions",
    *,
    recursive: bool,
    force: bool,
    json: bool,
) -> None:
    """Separate every song that `paths` mean; exit code 1 where one failed, or a folder of them cannot be read."""
    from separation_core.jobs.batch import Outcome, prepare_sessions
    from separation_core.jobs.songs import find_songs

    where = device_named(options)
    left_out: list[Outcome] = []
    songs = find_songs(
        paths,
        recursive=recursive,
        leave_out=lambda folder, error: left_out.append(Outcome(folder, None, error, 0.0, found_again=False)),
    )
    for outcome in left_out:
        _tell(outcome, "", where, json=json)
    outcomes: list[Outcome] = []
    try:
        with _progress(songs) as progress:
            for outcome in prepare_sessions(songs, into, options=options, force=force, progress=progress, note=note):
                outcomes.append(outcome)
                _tell(outcome, f"{len(outcomes)}/{len(songs)}", where, json=json)
    except KeyboardInterrupt:
        note(f"stopped after {len(outcomes)} of {len(songs)} songs; the same command goes on from here")
        raise typer.Exit(130) from None
    if json:
        print_json([_summary(outcome, where) for outcome in (*left_out, *outcomes)])
    failed = sum(outcome.session is None for outcome in outcomes)
    if failed and len(songs) > 1:
        _print_error(f"{failed} of {len(songs)} songs could not be separated")
    if failed or left_out:
        raise typer.Exit(1)


@contextmanager
def _progress(songs: Sequence[Path]) -> "Iterator[BatchProgress]":
    """Two bars: all songs with the name of the one at work, and what is being done with it; none when piped."""
    columns = (
        TextColumn("{task.description:<44}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    # Lines about finished songs go above the bars, but not where standard output is a file.
    bars = Progress(*columns, console=notes, disable=not notes.is_terminal, redirect_stdout=out.is_terminal)
    with bars:
        overall = bars.add_task(_title(songs, 0), total=len(songs))
        current = bars.add_task("", total=None)
        shown = ""

        def show(place: int, stage: str, done: int, total: int) -> None:
            nonlocal shown
            if shown != f"{place} {stage}":
                shown = f"{place} {stage}"
                bars.reset(current, description=f"  {stage}")
                bars.update(overall, description=_title(songs, place))
            bars.update(current, completed=done, total=total or None)
            share = done / total if stage == "separate" and total else 0.0
            bars.update(overall, completed=max(bars.tasks[0].completed, place + share))

        yield show
        bars.update(overall, completed=len(songs))


def _title(songs: Sequence[Path], place: int) -> str:
    name = songs[place].name
    shown = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return f"{place + 1}/{len(songs)} {shown}"


def _tell(outcome: "Outcome", place: str, where: str, *, json: bool) -> None:
    """What became of one song, as soon as it is known; where: the device."""
    session = outcome.session
    if session is None:
        _print_error(_named(outcome))
        return
    for warning in session.manifest.warnings:
        note(f"{outcome.song}: {warning}")
    if json:
        return
    length = clock(session.manifest.frames / session.manifest.rate)
    done = "found again" if outcome.found_again else f"done in {clock(outcome.seconds)} on {where}"
    stems = ", ".join(session.stem_names)
    line = f"{place}  {outcome.song.name} → {session.folder}  {length}, {stems}, {done}"
    out.print(line, soft_wrap=True, highlight=False, markup=False)


def _named(outcome: "Outcome") -> str:
    """What went wrong, and with which song where that does not say it."""
    said, song = str(outcome.error), str(outcome.song)
    return said if song in said else f"{song}: {said}"


def _summary(outcome: "Outcome", where: str) -> dict[str, object]:
    """One entry of the JSON list: the session, or the song and why it failed."""
    if outcome.session is None:
        return {"source": str(outcome.song.absolute()), "error": str(outcome.error), "seconds": outcome.seconds}
    summary = session_summary(outcome.session)
    return summary | {"seconds": outcome.seconds, "found_again": outcome.found_again, "device": where}


def _print_error(text: str) -> None:
    notes.print(f"stemrack: {' '.join(text.split())}", style="red", soft_wrap=True, highlight=False, markup=False)
