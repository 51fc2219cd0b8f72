"""Where the sound goes, as it is typed: `--jack --direct post --out vocals=3,4 --out master=off`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

if TYPE_CHECKING:
    from plugin_host.engine.outputs.request import OutputKind
    from plugin_host.stems.open_session import HostSession

DirectOuts = Literal["none", "pre", "post"]
JackTransport = Literal["off", "follow", "lead", "both"]

MASTER = "master"
OFF = "off"
_HINT = "--out"

Outs = tuple[tuple[str, tuple[int, int] | tuple[()]], ...]


def output_kind(jack: bool, device: str, null: bool, file: Path | None) -> "OutputKind":
    """The one that is asked for, a sound card where none is; `BadParameter` where several are."""
    chosen: list[OutputKind] = []
    if jack:
        chosen.append("jack")
    if null:
        chosen.append("null")
    if file:
        chosen.append("file")
    if device and not jack:
        chosen.append("portaudio")
    if len(chosen) > 1:
        raise typer.BadParameter("choose one of --jack, --device, --null and --file")
    return chosen[0] if chosen else "portaudio"


def checked_jack_transport(mode: JackTransport, *, jack: bool) -> JackTransport:
    """The mode; `BadParameter` where there is no JACK to have a transport."""
    if mode != "off" and not jack:
        raise typer.BadParameter(
            f"{mode}: JACK has a transport, other outputs do not: add --jack", param_hint="--jack-transport"
        )
    return mode


def checked_buffer(buffer: int) -> int:
    """Frames; `BadParameter` out of range."""
    if not 64 <= buffer <= 4096:
        raise typer.BadParameter(f"{buffer} frames: give 64 to 4096", param_hint="--buffer")
    return buffer


def new_file(path: Path | None, session: "HostSession") -> Path | None:
    """A file to be written while it plays, which must be none of the session's own."""
    from plugin_host.engine.bounce_files import mix_target
    from plugin_host.live.capture_file import check_unbegun
    from separation_core.audio.writing import SampleFormat

    if path is None:
        return None
    check_unbegun(path)
    return mix_target(path, SampleFormat.FLOAT32, session.files)


def check_apart(file: Path | None, capture: Path | None) -> None:
    """`BadParameter` where both would be written to one file."""
    if file is not None and capture is not None and file.resolve() == capture.resolve():
        raise typer.BadParameter(f"{capture} is what --file writes: choose another name", param_hint="--capture")


def chosen_outs(wishes: Sequence[str], tracks: Sequence[str]) -> Outs:
    """What is given channels of its own: (left, right) from 1, or none. `BadParameter` names what is wrong."""
    found = {}
    for text in wishes:
        name, _, where = text.rpartition("=")
        if name not in (MASTER, *tracks):
            raise typer.BadParameter(f"{text!r}: there are {', '.join((MASTER, *tracks))}", param_hint=_HINT)
        found[name] = () if where == OFF else _pair(text, where)
    return tuple(found.items())


def _pair(text: str, where: str) -> tuple[int, int]:
    left, _, right = where.partition(",")
    if not (left.isdecimal() and right.isdecimal()):
        raise typer.BadParameter(f"{text!r}: give two channels, such as vocals=3,4, or {OFF}", param_hint=_HINT)
    return int(left), int(right)
