"""The masters that can be followed, each behind the same face."""

from collections.abc import Callable, Sequence
from typing import Protocol

from plugin_host.control.midi.ports import MidiSystem
from plugin_host.control.sync.link_peer import LinkPeer
from plugin_host.control.sync.listening import SyncInput
from plugin_host.control.sync.master import MasterClock, MasterPlace
from plugin_host.control.sync.midi_clock_in import MidiClockIn, is_clock
from plugin_host.control.sync.mmc_in import MachineCommand, MmcIn, is_machine_control
from plugin_host.control.sync.mtc_in import MtcIn, is_time_code

OpenSystem = Callable[[], MidiSystem]


class Source(Protocol):
    """A master that is listened to. For one thread."""

    @property
    def problem(self) -> str:
        """Why it is not heard, as far as that is known; "" where nothing is wrong."""

    def look(self) -> Sequence[MachineCommand]:
        """Take in what has come; what is asked for beside a place."""

    def place_at(self, now: float) -> MasterPlace | None:
        """Where the master is; None of one that only gives commands."""

    def close(self) -> None:
        """Listen no longer."""


class ClockSource:
    """MIDI clock or MTC on a port."""

    def __init__(self, decoder: MasterClock, ports: SyncInput) -> None:
        self._decoder, self._ports = decoder, ports

    @property
    def problem(self) -> str:
        """See `Source`."""
        return self._ports.problem

    def look(self) -> Sequence[MachineCommand]:
        """See `Source`."""
        for arrival in self._ports.receive():
            self._decoder.hear(arrival.message, arrival.seconds)
        return ()

    def place_at(self, now: float) -> MasterPlace | None:
        """See `Source`."""
        return self._decoder.place_at(now)

    def close(self) -> None:
        """See `Source`."""
        self._ports.close()


class MachineSource:
    """MMC on a port."""

    def __init__(self, decoder: MmcIn, ports: SyncInput) -> None:
        self._decoder, self._ports = decoder, ports

    @property
    def problem(self) -> str:
        """See `Source`."""
        return self._ports.problem

    def look(self) -> Sequence[MachineCommand]:
        """See `Source`."""
        return [one for each in self._ports.receive() for one in self._decoder.hear(each.message, each.seconds)]

    def place_at(self, now: float) -> MasterPlace | None:
        """See `Source`."""
        return None

    def close(self) -> None:
        """See `Source`."""
        self._ports.close()


class LinkSource:
    """The others on Ableton Link."""

    def __init__(self, peer: LinkPeer) -> None:
        self.peer = peer

    @property
    def problem(self) -> str:
        """See `Source`."""
        return ""

    def look(self) -> Sequence[MachineCommand]:
        """See `Source`."""
        return ()

    def place_at(self, now: float) -> MasterPlace | None:
        """See `Source`."""
        return self.peer.place_at(now)

    def close(self) -> None:
        """See `Source`."""
        self.peer.close()


def open_source(
    name: str, open_system: OpenSystem, part: str, clock: Callable[[], float], tempo: float | None
) -> Source:
    """midi-clock, mtc, mmc or link; `ControlError` where it cannot be had. tempo: the song's, for Link."""
    if name == "link":
        return LinkSource(LinkPeer(tempo, clock))
    system = open_system()
    if name == "mmc":
        return MachineSource(MmcIn(), SyncInput(system, part, clock, is_machine_control))
    if name == "mtc":
        return ClockSource(MtcIn(), SyncInput(system, part, clock, is_time_code))
    return ClockSource(MidiClockIn(), SyncInput(system, part, clock, is_clock))
