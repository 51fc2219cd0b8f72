"""What a playing host listens to: OSC, MIDI and a master to follow, over one table of parameters."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from plugin_host.cli.play_sync import NO_SYNC, SyncWishes, open_sync
from plugin_host.cli.reporting import note
from plugin_host.errors import ControlError

if TYPE_CHECKING:
    from plugin_host.control.osc.settings import OscSettings
    from plugin_host.control.parameters.table import ParameterTable
    from plugin_host.desk.desk import Desk
    from plugin_host.stems.open_session import HostSession


@dataclass(frozen=True, slots=True)
class SurfaceWishes:
    """OSC's settings; MIDI through which API ("" the usual one, None for no MIDI), and PORT=CONTROLLER choices; whom
    to be in step with."""

    osc: "OscSettings"
    midi: str | None
    midi_maps: Sequence[str] = ()
    sync: SyncWishes = NO_SYNC


def check_ports(osc: "OscSettings") -> None:
    """`ControlError` where a port cannot be had: time to say so before an older recording is written over."""
    from plugin_host.control.osc.sockets import listening_socket, udp_socket

    udp_socket(osc.listen, osc.port).close()
    for port, option in ((osc.tcp_port, "--osc-tcp-port"), (osc.oscquery_port, "--oscquery-port")):
        if port is not None:
            listening_socket(osc.listen, port, option).close()


@contextmanager
def surfaces(desk: "Desk", session: "HostSession", wishes: SurfaceWishes) -> Iterator[None]:
    """Everything that is wished for, open; what was opened is told in a line each."""
    from plugin_host.control.osc.surfaces import open_surfaces

    table = _table(desk, session)
    with ExitStack() as stack:
        osc = stack.enter_context(open_surfaces(table, wishes.osc))
        for line in (osc.announcement, *osc.warnings):
            note(line)
        if wishes.midi is not None:
            _open_midi(table, wishes.midi, wishes.midi_maps, stack)
        open_sync(table, wishes.sync, wishes.midi, stack)
        yield


def _table(desk: "Desk", session: "HostSession") -> "ParameterTable":
    from plugin_host.cli.session_mix import MIX_FILE
    from plugin_host.control.parameters.table import ParameterTable
    from plugin_host.desk.take_files import TAKES_FOLDER
    from plugin_host.effects.catalogue import check_effect
    from plugin_host.mix.presets import find_library

    return ParameterTable(
        desk,
        find_library(check_effect),
        frames=session.frames,
        rate=session.rate,
        takes_folder=session.folder / TAKES_FOLDER,
        captures_folder=session.folder,
        mix_file=session.folder / MIX_FILE,
    )


def _open_midi(table: "ParameterTable", through: str, maps: Sequence[str], stack: ExitStack) -> None:
    """Controllers, where this machine has MIDI; only if they were asked for is it an error that it has none."""
    from plugin_host.control.midi.controller_library import find_controllers
    from plugin_host.control.midi.ports import VIRTUAL_PORT
    from plugin_host.control.midi.rtmidi_ports import open_system
    from plugin_host.control.midi.surface import MidiPlan, MidiSurface

    try:
        system = open_system(through)
    except ControlError as error:
        if through or maps:
            raise
        note(f"no MIDI: {error}")
        return
    plan = MidiPlan(chosen=dict(_pair(text) for text in maps), virtual={VIRTUAL_PORT: "generic-8"})
    surface = stack.enter_context(closing(MidiSurface(table, find_controllers(), system, plan=plan)))
    surface.start()
    note(f"MIDI through {system.title}")


def _pair(text: str) -> tuple[str, str]:
    port, equals, controller = text.rpartition("=")
    if not (port and equals and controller):
        raise typer.BadParameter(f"{text!r}: give PORT=CONTROLLER", param_hint="--midi-map")
    return port, controller
