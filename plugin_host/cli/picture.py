"""`stemrack picture`: a session to look at."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from plugin_host.cli.reporting import out
from plugin_host.cli.times import seconds

if TYPE_CHECKING:
    from plugin_host.demo.overview import Stretch
    from plugin_host.stems.open_session import HostSession


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(picture)


def picture(
    session: Annotated[Path, typer.Argument(help="A session folder.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write, .png, .jpg or .webp.", show_default="SESSION.png here"),
    ] = None,
    remix: Annotated[
        Path | None, typer.Option(help="WAV or FLAC of a remix at the session's rate, drawn below.", show_default=False)
    ] = None,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="From here: seconds or m:ss.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Up to here: seconds or m:ss.")] = "",
    width: Annotated[int, typer.Option(min=400, max=4000, help="Of the picture, in pixels.")] = 1430,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Draw the song, its stems and perhaps a remix, as waveforms over spectrograms (needs the extra `plots`)."""
    from plugin_host.demo.overview import Stretch
    from plugin_host.demo.picture import draw_overview
    from plugin_host.errors import HostError
    from plugin_host.stems.open_session import open_for_host

    opened = open_for_host(session)
    first, last = _stretch(opened, start, end)
    target = output or Path(f"{opened.folder.name.removesuffix('.stemrack')}.png")
    if target.exists() and not force:
        raise HostError(f"{target} is there already: give another name with -o, or --force to overwrite it")
    with ExitStack() as files:
        song = Stretch(files.enter_context(opened.open_song()), last - first, first)
        stems = {name: replace(song, source=files.enter_context(opened.open_stem(name))) for name in opened.stems}
        draw_overview(target, song, stems, _remix(opened, remix, song, files), width=width)
    size = target.stat().st_size / 1000
    out.print(f"[green]✓[/] {escape(str(target))}: {size:.0f} kB", highlight=False, soft_wrap=True)


def _stretch(session: "HostSession", start: str, end: str) -> tuple[int, int]:
    """The frames to draw; wrong usage where there are none."""
    length = session.frames / session.rate
    begin = seconds(start, "--from") if start else 0.0
    finish = min(length, seconds(end, "--to") if end else length)
    if not begin < finish:
        raise typer.BadParameter(
            f"{begin:g} to {finish:g} s cannot be drawn: give a stretch of the song, which is {length:.1f} s long",
            param_hint="--from, --to",
        )
    return round(begin * session.rate), round(finish * session.rate)


def _remix(session: "HostSession", path: Path | None, song: "Stretch", files: ExitStack) -> "Stretch | None":
    """The same stretch of the remix, open as long as `files`."""
    from plugin_host.errors import HostError
    from separation_core.audio.frames import WavSource

    if path is None:
        return None
    file = files.enter_context(WavSource(path))
    if file.rate != session.rate:
        raise HostError(f"{path} has {file.rate} Hz, the session {session.rate} Hz: bounce it at the session's rate")
    return replace(song, source=file)
