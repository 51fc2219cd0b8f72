"""Listening to every port there is, to learn a control or to show what arrives."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.controller_library import BARE, ControllerLibrary
from plugin_host.control.midi.learn import Found, Learner
from plugin_host.control.midi.ports import Arrival, Clock, InputPort, MidiSystem, stable_name, without_port
from plugin_host.errors import ControlError

PORTS_SECONDS = 1.0
RETRY_SECONDS = 5.0


class _Closed(NamedTuple):
    """A port that could not be opened, why, and when (by the clock) to try it again."""

    reason: str
    try_at: float


class PortWatcher:
    """All inputs whose name has `part` in it (None: none), and the virtual port of that name; new ones as they come.

    One that cannot be opened (another program holds it) is tried again every few seconds.
    """

    def __init__(self, system: MidiSystem, clock: Clock, *, part: str | None = "", virtual: str = "") -> None:
        self._system, self._clock, self._part = system, clock, part
        self._open: dict[str, InputPort] = {}
        self._closed: dict[str, _Closed] = {}
        self._virtual = virtual
        self._look_at = clock()
        self._absent = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The ports that are open."""
        return tuple(self._open)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why what was wanted is not heard: no port has that part in its name, or one cannot be opened."""
        return (*([self._absent] if self._absent else []), *(each.reason for each in self._closed.values()))

    def receive(self) -> Iterator[tuple[str, Arrival]]:
        """What has come, with the port's name."""
        if self._clock() >= self._look_at:
            self._look_at = self._clock() + PORTS_SECONDS
            self._look()
        for name, port in self._open.items():
            for arrival in port.receive():
                yield name, arrival

    def close(self) -> None:
        """Leave all ports; the system is not the watcher's to close, and better closed before."""
        for name in tuple(self._open):
            self._open.pop(name).close()

    def _look(self) -> None:
        if not self._system.poll():
            self.close()
            return
        there = self._wanted()
        for name in tuple(self._open):
            if name not in there:
                self._open.pop(name).close()
        self._closed = {name: each for name, each in self._closed.items() if name in there}
        for name in there:
            if name not in self._open and (name not in self._closed or self._clock() >= self._closed[name].try_at):
                self._try(name)

    def _wanted(self) -> list[str]:
        part, inputs = self._part, self._system.inputs()
        there = [] if part is None else [name for name in inputs if part.lower() in name.lower()]
        self._absent = without_port(part, inputs) if part else ""
        return [*there, self._virtual] if self._virtual else there

    def _try(self, name: str) -> None:
        virtual = name == self._virtual
        try:
            self._open[name] = self._system.open_input(f"{name} in" if virtual else name, virtual=virtual)
            self._closed.pop(name, None)
        except ControlError as error:
            self._closed[name] = _Closed(str(error), self._clock() + RETRY_SECONDS)


class PortsLearner:
    """A learner for each port: the first control that is clear is the one that was meant."""

    def __init__(self) -> None:
        self._learners: dict[str, Learner] = {}
        self._heard = Learner()

    @property
    def hint(self) -> str:
        """What to do next, as the port that was heard last wants it."""
        return self._heard.hint

    def feed(self, port: str, arrival: Arrival) -> None:
        """A message of that port."""
        self._heard = self._learners.setdefault(port, Learner())
        self._heard.feed(arrival.message, arrival.seconds)

    def finding(self, now: float) -> tuple[str, Found] | None:
        """(the port's stable name, the control) as soon as it is clear."""
        for port, learner in self._learners.items():
            found = learner.finding(now)
            if found:
                return stable_name(port), found
        return None


def unbound_controllers(library: ControllerLibrary, clock: Clock) -> Callable[[str], Controller]:
    """For each port a controller that names controls and targets, and moves nothing."""
    made: dict[str, Controller] = {}

    def controller(port: str) -> Controller:
        if port not in made:
            mapped = library.recognised(port) or BARE
            made[port] = Controller(mapped.device, mapped.bindings.assignments, lambda address: (), clock=clock)
        return made[port]

    return controller
