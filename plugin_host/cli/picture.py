"""`stemrack picture`: a session to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from plugin_host.cli.reporting import out
from plugin_host.cli.times import seconds

if TYPE_CHECKING:
    import numpy as np

    from plugin_host.stems.open_session import HostSession

_LONGEST = 900
"""Seconds: of more, nothing could be told in one picture, and all of it would lie in memory."""


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(picture)


def picture(
    session: Annotated[Path, typer.Argument(help="A session folder.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, .png, .jpg or .webp. [default: SESSION.png here]"),
    ] = None,
    remix: Annotated[
        Path | None, typer.Option(help="WAV or FLAC of a remix at the session's rate, drawn below.", show_default=False)
    ] = None,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="From here: seconds or m:ss.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Up to here: seconds or m:ss.")] = "",
    width: Annotated[int, typer.Option(min=400, max=4000, help="Of the picture, in pixels.")] = 1430,
) -> None:
    """Draw the song, its stems and perhaps a remix, as waveforms over spectrograms (needs the extra `plots`)."""
    from plugin_host.demo.picture import draw_overview
    from plugin_host.stems.open_session import open_for_host

    opened = open_for_host(session)
    first, last = _stretch(opened, start, end)
    stems = {name: _stem(opened, name, first, last) for name in opened.stems}
    with opened.open_song() as file:
        song = file.read(first, last - first)
    target = output or Path(f"{opened.folder.name.removesuffix('.stemrack')}.png")
    draw_overview(target, song, stems, _remix(opened, remix, first, last), opened.rate, width=width)
    size = target.stat().st_size / 1000
    out.print(f"[green]✓[/] {escape(str(target))}: {size:.0f} kB", highlight=False, soft_wrap=True)


def _stretch(session: "HostSession", start: str, end: str) -> tuple[int, int]:
    """The frames to draw; wrong usage where there are none, or too many."""
    length = session.frames / session.rate
    begin = seconds(start, "--from") if start else 0.0
    finish = min(length, seconds(end, "--to") if end else length)
    if not begin < finish <= begin + _LONGEST:
        raise typer.BadParameter(
            f"{begin:g} to {finish:g} s cannot be drawn: give a stretch of at most {_LONGEST} s out of {length:.1f} s",
            param_hint="--from, --to",
        )
    return round(begin * session.rate), round(finish * session.rate)


def _stem(session: "HostSession", name: str, first: int, last: int) -> "np.ndarray":
    with session.open_stem(name) as file:
        return file.read(first, last - first)


def _remix(session: "HostSession", path: Path | None, first: int, last: int) -> "np.ndarray | None":
    from plugin_host.errors import HostError
    from separation_core.audio.frames import WavSource

    if path is None:
        return None
    with WavSource(path) as file:
        if file.rate != session.rate:
            raise HostError(
                f"{path} has {file.rate} Hz, the session {session.rate} Hz: bounce it at the session's rate"
            )
        return file.read(first, last - first)
