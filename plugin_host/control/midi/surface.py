"""MIDI control of a running host: a thread that polls the ports, does what comes and shows what changes."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plugin_host.control.midi.attached import Attached, outputs_for
from plugin_host.control.midi.controller import Controller, Heard
from plugin_host.control.midi.controller_library import BARE, ControllerLibrary, Mapped
from plugin_host.control.midi.learned_file import Learned, read_learned, with_learned
from plugin_host.control.midi.ports import Arrival, MidiSystem, stable_name
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.control.reasons import Reasons
from plugin_host.errors import ControlError, HostError

POLL_SECONDS = 0.001
SHOW_SECONDS = 0.02
REFRESH_SECONDS = 0.25
"""Lights and texts are looked at this often also when nothing is known to have changed."""
METER_SECONDS = 0.1
PORTS_SECONDS = 1.0
"""Between two looks at which ports there are."""
GONE_SECONDS = 0.2
"""Between two looks at which are gone: a plug that comes loose for a moment is away for longer."""
WARN_SECONDS = 5.0
AFTER_FAULT_SECONDS = 0.05
JOIN_SECONDS = 5.0

Listener = Callable[[str, Arrival, Heard], None]
"""Told of every message: the port's name, the message and when it came, and what it did. Called in the MIDI thread."""


@dataclass(frozen=True, slots=True)
class MidiPlan:
    """What to open. chosen: part of a port's name → binding file, before any recognition. virtual: name of a port of
    our own → binding file for what is connected to it."""

    chosen: Mapping[str, str]
    virtual: Mapping[str, str]

    def named(self, port: str) -> str | None:
        """The binding file that was chosen for a port."""
        fitting = [part for part in self.chosen if part.lower() in port.lower()]
        return self.chosen[max(fitting, key=len)] if fitting else None


NO_PLAN = MidiPlan({}, {})


class MidiSurface:
    """Controllers on the ports of a MIDI system, found by their names, there or not yet.

    `start` runs its thread, without it `step` must be called. Raises `PresetError` for a chosen binding file that is
    not there. Files that are wrong, ports that come and go and messages that do not fit are told through the desk.
    """

    def __init__(
        self,
        table: ParameterTable,
        library: ControllerLibrary,
        system: MidiSystem,
        *,
        plan: MidiPlan = NO_PLAN,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.refused = 0
        self._table, self._library, self._system = table, library, system
        self._plan, self._listener, self._clock = plan, listener, clock
        for name in (*plan.chosen.values(), *plan.virtual.values()):
            library.mapped(name)
        self._desk = table.host.desk
        self._learned_at: tuple[int, int] | None = None
        self._learned: tuple[Learned, ...] = ()
        self._reread_learned()
        self._attached: dict[str, Attached] = {}
        self._banks: dict[str, int] = {}
        self._events, self._panel = self._desk.subscribe(64), table.host.panel.listen()
        self._due = {"ports": 0.0, "gone": 0.0, "show": 0.0, "refresh": 0.0, "meters": 0.0, "warn": 0.0}
        self._reasons = Reasons()
        self._told_of: set[str] = set()
        self._is_dirty = True
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="midi", daemon=True)
        for problem in library.problems:
            self._desk.warn(f"MIDI: {problem}")

    @property
    def attached(self) -> tuple[tuple[str, str], ...]:
        """(port, device) of every controller that is plugged in."""
        return tuple((each.name, each.controller.device.name) for each in tuple(self._attached.values()))

    def start(self) -> None:
        """Run the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and leave every port and the system."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)
        self._system.close()
        self._detach(list(self._attached))
        self._events.close()
        self._table.host.panel.leave(self._panel)

    def step(self) -> None:
        """Look at the ports when that is due, do what has come, show what has changed."""
        now = self._clock()
        if self._is_due("ports", PORTS_SECONDS, now):
            self._look_for_ports()
        elif self._is_due("gone", GONE_SECONDS, now):
            self._leave_gone(self._system.inputs())
        for each in tuple(self._attached.values()):
            self._receive(each)
        self._show(now)
        self._tell(now)

    def _run(self) -> None:
        while not self._ending.wait(POLL_SECONDS if self._attached else SHOW_SECONDS):
            try:
                self.step()
            except Exception as error:  # noqa: BLE001  (what is wrong with one port must not silence all)
                self._refuse(f"{type(error).__name__}: {error}")
                self._tell(self._clock())
                self._ending.wait(AFTER_FAULT_SECONDS)

    def _tell(self, now: float) -> None:
        if self._reasons and self._is_due("warn", WARN_SECONDS, now):
            self._desk.warn(f"MIDI: {self._reasons.taken()}")

    def _is_due(self, what: str, seconds: float, now: float) -> bool:
        if now < self._due[what]:
            return False
        self._due[what] = now + seconds
        return True

    def _receive(self, each: Attached) -> None:
        broken = each.input.refused
        for arrival, heard in each.receive():
            self._is_dirty = True
            if heard.refused:
                self._refuse(heard.text)
            if self._listener:
                self._listener(each.name, arrival, heard)
        if each.input.refused > broken:
            self._refuse(f"{each.name} sent bytes that are no MIDI message", each.input.refused - broken)

    def _refuse(self, text: str, count: int = 1) -> None:
        self.refused += count
        self._reasons.add(text, count)

    def _show(self, now: float) -> None:
        self._is_dirty |= bool(self._events.drain()) | bool(self._panel)
        self._panel.clear()
        self._is_dirty |= self._is_due("refresh", REFRESH_SECONDS, now)
        if self._is_dirty and self._is_due("show", SHOW_SECONDS, now):
            self._is_dirty = False
            for each in self._attached.values():
                each.show()
        if self._is_due("meters", METER_SECONDS, now):
            for each in self._attached.values():
                each.show_meters()

    def _look_for_ports(self) -> None:
        if not self._system.poll():
            self._detach(list(self._attached))
            return
        self._take_up_learned()
        inputs, outputs = self._system.inputs(), self._system.outputs()
        self._leave_gone(inputs)
        for name, bindings in self._plan.virtual.items():
            if name not in self._attached:
                self._attach(name, self._library.mapped(bindings), virtual=True)
        for name in inputs:
            mapped = self._mapped(name)
            if name not in self._attached and mapped:
                self._attach(name, mapped)
        self._look_for_outputs(outputs)

    def _leave_gone(self, inputs: Sequence[str]) -> None:
        self._detach([name for name, each in self._attached.items() if not each.virtual and name not in inputs])

    def _mapped(self, port: str) -> Mapped | None:
        chosen = self._plan.named(port)
        if chosen:
            return self._library.mapped(chosen)
        return self._library.recognised(port) or (BARE if self._learned_for(port) else None)

    def _attach(self, name: str, mapped: Mapped, *, virtual: bool = False) -> None:
        device, assignments = with_learned(mapped.device, mapped.bindings.assignments, self._learned_for(name))
        try:
            port = self._system.open_input(f"{name} in" if virtual else name, virtual=virtual)
        except ControlError as error:
            self._tell_once(name, str(error))
            return
        self._told_of.discard(name)
        origin = f"midi {name}"
        bank = mapped.bindings.bank
        controller = Controller(device, assignments, self._table.resolve, bank=bank, origin=origin, clock=self._clock)
        controller.bank = self._banks.pop(name, 0)
        self._attached[name] = Attached(name, port, controller, virtual=virtual)
        self._desk.warn(f"MIDI: {name} is {mapped.device.purpose or mapped.device.name}")

    def _look_for_outputs(self, outputs: Sequence[str]) -> None:
        for each in self._attached.values():
            if not each.virtual and each.sends_to not in outputs:
                each.disconnect()  # it may go alone, and come back
        used = {each.sends_to for each in self._attached.values()}
        waiting = [each for each in self._attached.values() if each.output is None]
        names = [each.name for each in waiting if not each.virtual and each.controller.device.shows]
        found = outputs_for(names, [name for name in outputs if name not in used])
        for each in waiting:
            port = f"{each.name} out" if each.virtual else found.get(each.name)
            if port is not None:
                self._connect(each, port)

    def _connect(self, each: Attached, port: str) -> None:
        try:
            each.connect(self._system.open_output(port, virtual=each.virtual), port)
        except ControlError as error:
            self._tell_once(port, str(error))

    def _tell_once(self, port: str, text: str) -> None:
        """Tell of a port that cannot be opened; it is tried again with every look."""
        if port not in self._told_of:
            self._told_of.add(port)
            self._desk.warn(f"MIDI: {text}")

    def _detach(self, names: Iterable[str]) -> None:
        for name in names:
            self._attached.pop(name).close()
            if not self._ending.is_set():
                self._desk.warn(f"MIDI: {name} is gone: it is taken up again when it returns")

    def _reread_learned(self) -> bool:
        """Whether the file was written since; one that is wrong changes nothing but what is told."""
        path = self._library.learned_file
        written = _written_at(path)
        if written == self._learned_at:
            return False
        self._learned_at = written
        try:
            self._learned = read_learned(path)
        except HostError as error:
            self._desk.warn(f"MIDI: {error}")
        return True

    def _take_up_learned(self) -> None:
        """Controllers for which something was learned begin anew with it, at the same ports and in the same bank."""
        before = {name: self._learned_for(name) for name in self._attached}
        if not self._reread_learned():
            return
        for name in [name for name, old in before.items() if old != self._learned_for(name)]:
            each = self._attached.pop(name)
            self._banks[name] = each.controller.bank
            each.close()

    def _learned_for(self, port: str) -> tuple[Learned, ...]:
        return tuple(each for each in self._learned if stable_name(each.port) == stable_name(port))


def _written_at(path: Path) -> tuple[int, int] | None:
    """Tells one version of a file from another; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
