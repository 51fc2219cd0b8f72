"""`stemrack play`: a session's stems as tracks, live, until Ctrl-C."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin_host.cli import play_sync
from plugin_host.cli.play_outputs import (
    DirectOuts,
    JackTransport,
    check_apart,
    checked_buffer,
    checked_jack_transport,
    chosen_outs,
    new_file,
    output_kind,
)
from plugin_host.cli.reporting import note

if TYPE_CHECKING:
    from plugin_host.cli.play_view import PlayView
    from plugin_host.desk.desk import Desk
    from plugin_host.live.messages import Begin, LiveSettings, Ready
    from plugin_host.mix.take import Take
    from plugin_host.mix.transport import Transport
    from plugin_host.stems.open_session import HostSession


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is done on the way: begin at once, end with the song, record or replay a take, write what is heard."""

    start: bool
    until_end: bool
    record: str
    take: "Take | None"
    capture: Path | None


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(play)


def play(
    session: Annotated[Path, typer.Argument(help="A session folder.", show_default=False)],
    jack: Annotated[bool, typer.Option("--jack", help="Play into JACK: a port pair for the master.")] = False,
    jack_transport: Annotated[
        JackTransport, typer.Option(help="JACK's transport moves the song, the song moves it, or each the other.")
    ] = "off",
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="Sound device, or part of its name.")] = "",
    null: Annotated[bool, typer.Option("--null", help="Play into nothing, at the pace of a clock.")] = False,
    to_file: Annotated[
        Path | None, typer.Option("--file", help="Play into a WAV file, every output a channel pair.")
    ] = None,
    direct: Annotated[
        DirectOuts, typer.Option(help="An output for each track as well: before its fader, or after it.")
    ] = "none",
    out: Annotated[
        list[str] | None,
        typer.Option("--out", metavar="NAME=L,R", help="Channels of the master or a track, or =off; may be repeated."),
    ] = None,
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
    sync: play_sync.Follow = "off",
    sync_from: play_sync.FollowPort = "",
    sync_out: play_sync.Send = None,
    sync_to: play_sync.SendPort = "",
    sync_rate: play_sync.FrameRate = "25",
    sync_start: play_sync.Start = "00:00:00:00",
    sync_offset: play_sync.Offset = 0.0,
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
    from plugin_host.cli.play_ending import until_signal
    from plugin_host.cli.play_saving import check_saving, save_mix
    from plugin_host.cli.play_surfaces import SurfaceWishes, check_ports, surfaces
    from plugin_host.cli.session_mix import MixChanges, changed_mix
    from plugin_host.control.osc.settings import OscSettings
    from plugin_host.control.sync.timecode import TimecodeRate
    from plugin_host.desk.promptness import be_prompt, set_aside_what_is_loaded
    from plugin_host.desk.take_files import TAKES_FOLDER, check_new
    from plugin_host.live.messages import Begin, LiveSettings
    from plugin_host.stems.open_session import open_for_host

    check_apart(to_file, capture)
    in_step = play_sync.sync_wishes(sync, sync_from, sync_out or (), sync_to, sync_rate, sync_start, sync_offset)
    be_prompt()
    opened = open_for_host(session)
    if save:
        check_saving(opened.folder)
    if record:
        check_new(opened.folder / TAKES_FOLDER, record)
    mix = changed_mix(opened, MixChanges(plain=plain, scenes=scene or ()))
    settings = LiveSettings(
        session=opened.folder,
        output=output_kind(jack, device, null, to_file),
        device=device,
        buffer=checked_buffer(buffer),
        ahead=ahead,
        direct="" if direct == "none" else direct,
        outs=chosen_outs(out or (), [track.name for track in mix.tracks]),
        path=new_file(to_file, opened),
        allow_missing=allow_missing,
        jack_transport=checked_jack_transport(jack_transport, jack=jack),
    )
    begin = Begin(mix, _saved_transport(opened.folder, opened.frames))
    wishes = _Wishes(start, until_end, record, _chosen_take(take, opened), new_file(capture, opened))
    osc = OscSettings(
        osc_port,
        osc_listen,
        tuple(osc_allow or ()),
        osc_tcp_port,
        oscquery_port,
        feedback_to=tuple(osc_feedback or ()),
        timecode=in_step.rate or TimecodeRate.PAL,
        timecode_start=in_step.origin,
    )
    check_ports(osc)
    listening = SurfaceWishes(osc, midi_through if midi else None, midi_map or (), in_step)
    stopped = threading.Event()
    with _desk(settings, begin, opened, quiet=quiet) as (desk, ready, view), until_signal(stopped):
        _announce(ready, settings, opened.rate)
        _arm(desk, wishes)
        with surfaces(desk, opened, listening):  # from here on there may be something to save
            set_aside_what_is_loaded()
            _show(desk, view, wishes, stopped)
            if save:  # at once: a second Ctrl-C while all is closed must not lose it
                save_mix(opened.folder, desk.mix, desk.transport)


def _saved_transport(folder: Path, frames: int) -> "Transport":
    from plugin_host.desk.transport_file import FILE_NAME, read_transport
    from plugin_host.mix.transport import Transport

    path = folder / FILE_NAME
    return read_transport(path, frames) if path.exists() else Transport()


def _chosen_take(name: str, session: "HostSession") -> "Take | None":
    from plugin_host.desk.take_files import TAKES_FOLDER, read_take, take_path
    from plugin_host.effects.catalogue import check_effect

    return read_take(take_path(session.folder / TAKES_FOLDER, name), session.rate, check_effect) if name else None


@contextmanager
def _desk(
    settings: "LiveSettings", begin: "Begin", session: "HostSession", *, quiet: bool
) -> Iterator[tuple["Desk", "Ready", "PlayView"]]:
    """The engine, the desk over it and what shows it, ended in reverse; the view hears their last words, too."""
    from plugin_host.cli.play_loading import loading_meanwhile
    from plugin_host.live.host import EngineHost

    with ExitStack() as last, loading_meanwhile(), EngineHost(settings, begin, session.frames) as engine:
        from plugin_host.cli.play_view import PlayView
        from plugin_host.desk.desk import Desk
        from plugin_host.desk.take_files import TAKES_FOLDER

        frames, rate, takes = session.frames, session.rate, session.folder / TAKES_FOLDER
        desk = Desk(engine, begin.mix, frames=frames, rate=rate, transport=begin.transport, takes_folder=takes)
        view = PlayView(desk, rate=rate, frames=frames, quiet=quiet)
        last.callback(view.close)
        with closing(desk):
            desk.start()
            yield desk, engine.ready, view


def _announce(ready: "Ready", settings: "LiveSettings", rate: int) -> None:
    milliseconds = 1000 * ready.buffer / ready.rate
    resampled = "" if ready.rate == rate else f" (resampled from {rate})"
    note(
        f"{ready.device}: {ready.rate} Hz{resampled}, buffer {ready.buffer} frames ({milliseconds:.1f} ms), "
        f"{settings.ahead} rendered ahead, {ready.latency_ms:.1f} ms from a control to the ear"
    )
    if not ready.real_time:
        note(
            "JACK does not run in real time (jackd -R does): where the machine is busy there are dropouts, and MIDI"
            " through JACK gets lost (with jackd -S it does not)"
        )


def _arm(desk: "Desk", wishes: _Wishes) -> None:
    """What must be ready before anyone can press Play; the capture last, which takes the place of an older file."""
    if wishes.record:
        desk.record(wishes.record)
    if wishes.capture is not None:
        desk.capture(wishes.capture)


def _show(desk: "Desk", view: "PlayView", wishes: _Wishes, stopped: threading.Event) -> None:
    from plugin_host.cli.play_ending import Ending
    from plugin_host.mix.transport import Play

    if wishes.take is not None:
        desk.replay_take(wishes.take)
    elif wishes.start:
        desk.do(Play())
    view.run(Ending(desk, view.frames, stopped, until_end=wishes.until_end))
    if wishes.capture is not None:
        desk.capture(None)
