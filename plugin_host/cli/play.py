"""`stemrack play`: a session's stems as tracks, live, until Ctrl-C."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plugin_host.cli.reporting import note

if TYPE_CHECKING:
    from plugin_host.desk.desk import Desk
    from plugin_host.engine.outputs.request import OutputKind
    from plugin_host.live.messages import Begin, LiveSettings, Ready
    from plugin_host.mix.transport import Transport

DirectOuts = Literal["none", "pre", "post"]

TAIL_SECONDS = 10.0
"""How long echoes may go on after the song before it is over all the same."""
QUIET_SECONDS = 0.5
QUIET = 10 ** (-90 / 20)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is done on the way: begin at once, end with the song, record or replay a take, write what is heard."""

    start: bool
    until_end: bool
    record: str
    take: str
    capture: Path | None


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(play)


def play(
    session: Annotated[Path, typer.Argument(help="A session folder.", show_default=False)],
    jack: Annotated[bool, typer.Option("--jack", help="Play into JACK: a port pair for the master.")] = False,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="Sound device, or part of its name.")] = "",
    null: Annotated[bool, typer.Option("--null", help="Play into nothing, at the pace of a clock.")] = False,
    to_file: Annotated[
        Path | None, typer.Option("--file", help="Play into a WAV file, every output a channel pair.")
    ] = None,
    direct: Annotated[
        DirectOuts, typer.Option(help="An output for each track as well: before its fader, or after it.")
    ] = "none",
    buffer: Annotated[int, typer.Option(help="Frames, 64 … 4096; with JACK the server decides.")] = 256,
    ahead: Annotated[int, typer.Option(min=1, max=64, help="Buffers rendered ahead.")] = 4,
    osc_port: Annotated[int, typer.Option("--osc-port", help="UDP port for OSC; 0 takes a free one.")] = 9000,
    osc_listen: Annotated[
        str, typer.Option("--osc-listen", metavar="ADDRESS", help="Let others in: an address of this machine.")
    ] = "127.0.0.1",
    osc_allow: Annotated[
        list[str] | None, typer.Option("--osc-allow", metavar="ADDRESS", help="Let only these in; may be repeated.")
    ] = None,
    osc_feedback: Annotated[
        list[str] | None,
        typer.Option("--osc-feedback", metavar="HOST:PORT[=DIALECT]", help="Tell this surface without being asked."),
    ] = None,
    osc_tcp_port: Annotated[int | None, typer.Option("--osc-tcp-port", help="OSC over TCP too.")] = None,
    oscquery_port: Annotated[int | None, typer.Option("--oscquery-port", help="OSCQuery (HTTP).")] = None,
    midi: Annotated[bool, typer.Option("--midi/--no-midi", help="MIDI controllers, as they are plugged in.")] = True,
    midi_through: Annotated[
        str, typer.Option("--midi-through", metavar="API", help="alsa, jack, coreaudio or winmm; else the usual one.")
    ] = "",
    midi_map: Annotated[
        list[str] | None,
        typer.Option("--midi-map", metavar="PORT=CONTROLLER", help="What a port is, where its name does not say."),
    ] = None,
    start: Annotated[bool, typer.Option("--start", help="Begin to play at once.")] = False,
    until_end: Annotated[bool, typer.Option("--until-end", help="Quit when the song has ended.")] = False,
    scene: Annotated[list[str] | None, typer.Option("--scene", help="Begin with this scene.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Begin with untouched stems, not the saved mix.")] = False,
    record: Annotated[str, typer.Option("--record", metavar="NAME", help="Record a take from Play on.")] = "",
    take: Annotated[str, typer.Option("--take", metavar="NAME", help="Replay a take.")] = "",
    capture: Annotated[Path | None, typer.Option("--capture", help="Write what is heard to this WAV file.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the mix in the session when it ends.")] = False,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="Pass by plugins that are not there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No picture; warnings only.")] = False,
) -> None:
    """Play SESSION live: every change is heard at once. It starts stopped; OSC /transport/play begins."""
    from plugin_host.cli.play_surfaces import SurfaceWishes, surfaces
    from plugin_host.cli.session_mix import MixChanges, changed_mix
    from plugin_host.control.osc.settings import OscSettings
    from plugin_host.live.messages import Begin, LiveSettings
    from plugin_host.stems.open_session import open_for_host

    opened = open_for_host(session)
    mix = changed_mix(opened, MixChanges(plain=plain, scenes=scene or ()))
    settings = LiveSettings(
        session=opened.folder,
        output=_output_kind(jack, device, null, to_file),
        device=device,
        buffer=_checked_buffer(buffer),
        ahead=ahead,
        direct="" if direct == "none" else direct,
        path=to_file,
        allow_missing=allow_missing,
    )
    begin = Begin(mix, _saved_transport(opened.folder, opened.frames))
    wishes = _Wishes(start, until_end, record, take, capture)
    osc = OscSettings(
        osc_port,
        osc_listen,
        tuple(osc_allow or ()),
        osc_tcp_port,
        oscquery_port,
        feedback_to=tuple(osc_feedback or ()),
    )
    listening = SurfaceWishes(osc, midi_through if midi else None, midi_map or ())
    with _desk(settings, begin, opened.frames, opened.rate) as (desk, ready):
        _announce(ready, settings)
        _arm(desk, wishes)
        with surfaces(desk, opened, listening):
            _show(desk, wishes, opened.rate, opened.frames, quiet=quiet)
        if save:
            _save(opened.folder, desk)


def _output_kind(jack: bool, device: str, null: bool, file: Path | None) -> "OutputKind":
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


def _checked_buffer(buffer: int) -> int:
    if not 64 <= buffer <= 4096:
        raise typer.BadParameter(f"{buffer} frames: give 64 to 4096", param_hint="--buffer")
    return buffer


def _saved_transport(folder: Path, frames: int) -> "Transport":
    from plugin_host.desk.transport_file import FILE_NAME, read_transport
    from plugin_host.mix.transport import Transport

    path = folder / FILE_NAME
    return read_transport(path, frames) if path.exists() else Transport()


@contextmanager
def _desk(settings: "LiveSettings", begin: "Begin", frames: int, rate: int) -> Iterator[tuple["Desk", "Ready"]]:
    """The engine and the desk over it, ended in reverse."""
    from plugin_host.desk.desk import Desk
    from plugin_host.desk.take_files import TAKES_FOLDER
    from plugin_host.live.host import EngineHost

    with EngineHost(settings, begin, frames) as engine, ExitStack() as stack:
        takes = settings.session / TAKES_FOLDER
        desk = Desk(engine, begin.mix, frames=frames, rate=rate, transport=begin.transport, takes_folder=takes)
        desk.start()
        stack.callback(desk.close)
        yield desk, engine.ready


def _announce(ready: "Ready", settings: "LiveSettings") -> None:
    milliseconds = 1000 * ready.buffer / ready.rate
    note(
        f"{ready.device}: {ready.rate} Hz, buffer {ready.buffer} frames ({milliseconds:.1f} ms), "
        f"{settings.ahead} rendered ahead, {ready.latency_ms:.1f} ms from a control to the ear"
    )


def _arm(desk: "Desk", wishes: _Wishes) -> None:
    """What must be ready before anyone can press Play."""
    if wishes.capture is not None:
        desk.capture(wishes.capture)
    if wishes.record:
        desk.record(wishes.record)


def _show(desk: "Desk", wishes: _Wishes, rate: int, frames: int, *, quiet: bool) -> None:
    from plugin_host.cli.play_view import PlayView
    from plugin_host.mix.transport import Play

    stopped = threading.Event()
    with _until_signal(stopped):
        if wishes.take:
            desk.replay(wishes.take)
        elif wishes.start:
            desk.do(Play())
        view = PlayView(desk, rate=rate, frames=frames, quiet=quiet)
        view.run(_Ending(desk, stopped, until_end=wishes.until_end))
        if wishes.capture is not None:
            desk.capture(None)


class _Ending:
    """Whether to quit: a signal came, or the song has ended and died away where that was asked for."""

    def __init__(self, desk: "Desk", stopped: threading.Event, *, until_end: bool) -> None:
        self._desk, self._stopped, self._until_end = desk, stopped, until_end
        self._played = False
        self._ended_at: float | None = None

    def __call__(self) -> bool:
        return self._stopped.is_set() or (self._until_end and self._has_died_away())

    def _has_died_away(self) -> bool:
        playing = self._desk.transport.playing
        self._played |= playing
        if playing or not self._played:
            return False
        self._ended_at = self._ended_at or time.monotonic()
        after = time.monotonic() - self._ended_at
        return after > TAIL_SECONDS or (after > QUIET_SECONDS and max(self._desk.status().master.peak) < QUIET)


@contextmanager
def _until_signal(stopped: threading.Event) -> Iterator[None]:
    """Ctrl-C and a polite kill set the event instead of tearing things down half-way."""

    def note_it(number: int, frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, note_it) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _save(folder: Path, desk: "Desk") -> None:
    from plugin_host.cli.session_mix import MIX_FILE
    from plugin_host.desk.transport_file import FILE_NAME, write_transport
    from plugin_host.mix.mix_file import write_mix

    write_mix(folder / MIX_FILE, desk.mix)
    write_transport(folder / FILE_NAME, desk.transport)
    note(f"the mix is kept in {folder / MIX_FILE}")
