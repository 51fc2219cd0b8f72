"""The port that a master is heard through: one that is named, and one of our own for others to connect to."""

from collections.abc import Callable

from mido import Message

from plugin_host.control.midi.ports import Arrival, MidiSystem
from plugin_host.control.midi.watching import PortWatcher

VIRTUAL_PORT = "sync"
"""With " in" or " out" behind it."""
LEADER_SECONDS = 2.0
IsFor = Callable[[Message], bool]
"""Whether a message is for the one that listens: a DAW has ports for clock, time code and MMC beside each other."""


class SyncInput:
    """What a master says. part: of the name of a port to listen to, "" for none but our own. For one thread.

    Where two ports speak, the one that spoke first is heard until it has been silent for `LEADER_SECONDS`.
    """

    def __init__(
        self, system: MidiSystem, part: str, clock: Callable[[], float], is_for: IsFor = lambda message: True
    ) -> None:
        self._system, self._clock, self._is_for = system, clock, is_for
        self._watcher = PortWatcher(system, clock, part=part or None, virtual=VIRTUAL_PORT)
        self._looked = clock()
        self._leader, self._leader_spoke = "", float("-inf")

    @property
    def ports(self) -> tuple[str, ...]:
        """The ports that are open."""
        return self._watcher.names

    @property
    def problem(self) -> str:
        """Why the port that is named is not heard; "" where it is, or none is named."""
        return "; ".join(self._watcher.problems)

    def receive(self) -> list[Arrival]:
        """Messages of the leader that are for us, in order.

        None can have come before the last call, which found it not: that bounds what times a port sums up.
        """
        before, self._looked = self._looked, self._clock()
        arrivals = []
        for name, arrival in self._watcher.receive():
            if not self._is_for(arrival.message) or not self._is_leader(name):
                continue
            arrivals.append(Arrival(arrival.message, max(arrival.seconds, before)))
        return arrivals

    def close(self) -> None:
        """Leave the ports and the system."""
        self._system.close()
        self._watcher.close()

    def _is_leader(self, name: str) -> bool:
        if name != self._leader and self._looked - self._leader_spoke < LEADER_SECONDS:
            return False
        self._leader, self._leader_spoke = name, self._looked
        return True
