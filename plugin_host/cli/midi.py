"""`stemrack midi`: which ports there are, what arrives, and binding a control by moving it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from plugin_host.cli.reporting import detail, note, out, print_json

if TYPE_CHECKING:
    from plugin_host.control.midi.controller import Heard
    from plugin_host.control.midi.learn import Found
    from plugin_host.control.midi.ports import Arrival, MidiSystem
    from plugin_host.control.midi.surface import MidiSurface
    from plugin_host.control.midi.watching import PortWatcher
    from plugin_host.desk.desk import Desk

Through = Annotated[
    str, typer.Option("--through", help="alsa, jack, coreaudio or winmm; else the usual one.", show_default=False)
]
PortPart = Annotated[str, typer.Option("--port", help="Only ports with this in their name.", show_default=False)]
LOOK_SECONDS = 0.002


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    midi = typer.Typer(name="midi", help="MIDI controllers: ports, monitor, learn.", no_args_is_help=True)
    for command in (ports, monitor, learn):
        midi.command()(command)
    app.add_typer(midi)


def ports(
    through: Through = "",
    json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the MIDI ports, and which controller each is taken for."""
    from plugin_host.control.midi.controller_library import find_controllers
    from plugin_host.control.midi.rtmidi_ports import open_system

    library, system = find_controllers(), open_system(through)
    rows = [(name, "in", library.recognised(name)) for name in system.inputs()]
    rows += [(name, "out", library.recognised(name)) for name in system.outputs()]
    title = system.title
    system.close()
    found = [{"port": name, "direction": way, "controller": fits and fits.bindings.name} for name, way, fits in rows]
    if json:
        print_json({"system": title, "ports": found})
        return
    table = Table("port", "", "controller", box=None, pad_edge=False)
    for row in found:
        table.add_row(escape(str(row["port"])), str(row["direction"]), escape(str(row["controller"] or "–")))
    out.print(table if found else f"no MIDI ports on {title}: plug a controller in")
    detail(f"controllers that are known: {', '.join(library.names)}")
    for problem in library.problems:
        note(problem)


def monitor(
    session: Annotated[
        Path | None,
        typer.Argument(
            help="Try controllers that are known, or learned, on this session's mix, without sound.", show_default=False
        ),
    ] = None,
    through: Through = "",
    port: PortPart = "",
    seconds: Annotated[float, typer.Option(help="End after so long; 0 is until Ctrl-C.")] = 0.0,
) -> None:
    """Show every message that arrives, the control that sent it, and what it moves."""
    from plugin_host.control.midi.rtmidi_ports import open_system

    system = open_system(through)
    try:
        _monitor(system, session, port, time.monotonic() + (seconds or float("inf")))
    except KeyboardInterrupt:
        return
    finally:
        system.close()


def _monitor(system: "MidiSystem", session: Path | None, part: str, until: float) -> None:
    if session is not None:
        _monitor_mix(system, session, part, until)
        return
    from plugin_host.control.midi.controller_library import find_controllers
    from plugin_host.control.midi.ports import VIRTUAL_PORT
    from plugin_host.control.midi.watching import PortWatcher, unbound_controllers

    watcher = PortWatcher(system, time.monotonic, part=part, virtual=VIRTUAL_PORT)
    library = find_controllers()
    for problem in library.problems:
        note(problem)
    controller = unbound_controllers(library, time.monotonic)
    known: set[str] = set()
    try:
        while time.monotonic() < until:
            for name, arrival in watcher.receive():
                _show(name, arrival, controller(name).receive(arrival.message), with_result=False)
            known = _note_ports(watcher, known)
            time.sleep(LOOK_SECONDS)
    finally:
        watcher.close()


def _note_ports(watcher: "PortWatcher", known: set[str]) -> set[str]:
    """Tell of ports that came and went, and of those that cannot be opened."""
    heard, problems = {f"listening to {name}" for name in watcher.names}, set(watcher.problems)
    for text in sorted((heard | problems) - known):
        note(text)
    for text in sorted(known - heard - problems):
        if text.startswith("listening"):  # a problem is over once its port is listened to, or gone
            note(f"no longer {text}")
    return heard | problems


def _monitor_mix(system: "MidiSystem", folder: Path, part: str, until: float) -> None:
    from plugin_host.desk.events import DeskWarning

    desk, surface = _silent_surface(system, folder, part)
    told = desk.subscribe()
    surface.start()
    try:
        while time.monotonic() < until:
            for event in told.drain():
                if isinstance(event, DeskWarning):
                    note(event.text)
            time.sleep(LOOK_SECONDS * 10)
    finally:
        surface.close()


def _silent_surface(system: "MidiSystem", folder: Path, part: str) -> "tuple[Desk, MidiSurface]":
    """Controllers on a desk whose engine plays nothing."""
    from plugin_host.cli.session_mix import MixChanges, changed_mix
    from plugin_host.control.midi.controller_library import find_controllers
    from plugin_host.control.midi.ports import VIRTUAL_PORT
    from plugin_host.control.midi.surface import MidiPlan, MidiSurface
    from plugin_host.control.parameters.table import ParameterTable
    from plugin_host.desk.desk import Desk
    from plugin_host.desk.silent_engine import SilentEngine
    from plugin_host.effects.catalogue import check_effect
    from plugin_host.mix.presets import find_library
    from plugin_host.stems.open_session import open_for_host

    session = open_for_host(folder)
    mix = changed_mix(session, MixChanges())
    frames, rate = int(session.frames), int(session.rate)
    desk = Desk(SilentEngine(mix, frames=frames, rate=rate), mix, frames=frames, rate=rate)
    table = ParameterTable(desk, find_library(check_effect), frames=frames, rate=rate)

    def show(name: str, arrival: "Arrival", heard: "Heard") -> None:
        if part.lower() in name.lower():
            _show(name, arrival, heard, with_result=True)

    plan = MidiPlan(chosen={}, virtual={VIRTUAL_PORT: "generic-8"})
    return desk, MidiSurface(table, find_controllers(), system, plan=plan, listener=show)


def _show(name: str, arrival: "Arrival", heard: "Heard", *, with_result: bool) -> None:
    what = " ".join(f"{byte:02X}" for byte in arrival.message.bytes()[:16])
    does = [text for text in (heard.control, heard.address, heard.text if with_result else "") if text]
    out.print(f"{name}  {what}  {' → '.join(does)}", soft_wrap=True, highlight=False, markup=False)


def learn(
    address: Annotated[str, typer.Argument(help="What to move, such as /track/vocals/gain.", show_default=False)],
    through: Through = "",
    port: PortPart = "",
    seconds: Annotated[float, typer.Option(help="Give up after so long.")] = 60.0,
) -> None:
    """Bind ADDRESS to a control: move it, it is recognised and kept in your folder."""
    from plugin_host.control.midi.controller_library import find_controllers
    from plugin_host.control.midi.learned_file import keep_learned, learned
    from plugin_host.control.midi.rtmidi_ports import open_system
    from plugin_host.control.midi.target_address import check_target

    check_target(address)
    library, system = find_controllers(), open_system(through)
    try:
        name, found = _learned(system, port, seconds)
    finally:
        system.close()
    keep_learned(library.learned_file, learned(name, found.source, found.kind, found.code, address))
    out.print(f"{name}: {found} → {address}", soft_wrap=True, highlight=False, markup=False)
    detail(f"kept in {library.learned_file}")


def _learned(system: "MidiSystem", part: str, seconds: float) -> "tuple[str, Found]":
    from plugin_host.control.midi.ports import VIRTUAL_PORT
    from plugin_host.control.midi.watching import PortsLearner, PortWatcher
    from plugin_host.errors import ControlError

    watcher, learner = PortWatcher(system, time.monotonic, part=part, virtual=VIRTUAL_PORT), PortsLearner()
    until, hint = time.monotonic() + seconds, ""
    try:
        while time.monotonic() < until:
            for name, arrival in watcher.receive():
                learner.feed(name, arrival)
            found = learner.finding(time.monotonic())
            if found:
                return found
            if learner.hint != hint:
                hint = learner.hint
                note(hint)
            time.sleep(LOOK_SECONDS)
        heard = "; ".join((", ".join(watcher.names) or "no port", *watcher.problems))
    finally:
        watcher.close()
    raise ControlError(f"no control was clear in {seconds:g} s on {heard}: move it further, or see `midi monitor`")
