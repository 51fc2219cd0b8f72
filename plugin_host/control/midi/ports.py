"""MIDI ports as the rest of this room sees them. `rtmidi_ports` opens real ones."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Protocol

from mido import Message

from plugin_host.mix.toml_document import shown

CLIENT = "stemrack midi"
"""What JACK and ALSA call us; ports of that name are our own and never opened."""
VIRTUAL_PORT = "control"
"""The port of our own that other programs connect to; with it " in" or " out" behind it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message and when it came, in seconds of `time.monotonic`."""

    message: Message
    seconds: float


class InputPort(Protocol):
    """A port that messages come from. Nothing waits; bytes that are no message are counted in `refused`."""

    refused: int

    def receive(self) -> list[Arrival]:
        """All that came since the last call, in order."""

    def close(self) -> None:
        """Leave it."""


class OutputPort(Protocol):
    """A port that messages go to."""

    def send(self, message: Message) -> None:
        """Send it; what a port that has gone is sent is lost."""

    def close(self) -> None:
        """Leave it."""


class MidiSystem(Protocol):
    """What the machine offers: ALSA, JACK, CoreAudio or Windows' own."""

    @property
    def title(self) -> str:
        """Its name, for a person."""

    def poll(self) -> bool:
        """Whether it still stands; call it about once a second, before the names are looked at.

        When it fell every port of it has ended; one that fell is looked for again by the next call.
        """

    def inputs(self) -> Sequence[str]:
        """Names of the ports that send to us, without our own. Two alike differ by a number at the end."""

    def outputs(self) -> Sequence[str]:
        """Names of the ports that we can send to, without our own."""

    def open_input(self, name: str, *, virtual: bool = False) -> InputPort:
        """Connect to that port, or make one of that name for others to connect to. `ControlError` where it fails."""

    def open_output(self, name: str, *, virtual: bool = False) -> OutputPort:
        """The same for a port that we send to."""

    def close(self) -> None:
        """Leave the system and all ports of it."""


MOST_LISTED = 10
"""Ports that a line names."""
Clock = Callable[[], float]
_NUMBERS = re.compile(r"\s+\d+:\d+$|\s+\[\d+\](?= \((?:capture|playback)\): )")
"""ALSA's own, "24:0" at the end, and where a2jmidid puts them: "a2j:X-Touch [24] (capture): X-Touch MIDI 1"."""


def stable_name(name: str) -> str:
    """A port's name without the numbers that ALSA gives anew each time it is plugged in."""
    return _NUMBERS.sub("", name)


def without_port(part: str, names: Sequence[str]) -> str:
    """That none of these ports has `part` in its name, and which there are; "" where one has."""
    if any(part.lower() in name.lower() for name in names):
        return ""
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"no MIDI port has {shown(part)} in its name: there are {', '.join(names[:MOST_LISTED]) or 'none'}{more}"


class PortNames:
    """Stable names, the second of two alike with " #2" behind it, which it keeps when the first one goes."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, int], str] = {}

    def told_apart(self, names: Sequence[str]) -> list[str]:
        """Those of the ports that the system calls so now, in the same order."""
        ports = [(name, names[:at].count(name)) for at, name in enumerate(names)]
        self._given = {port: name for port, name in self._given.items() if port in ports}
        for port in ports:
            if port not in self._given:
                self._given[port] = self._free(stable_name(port[0]))
        return [self._given[port] for port in ports]

    def _free(self, name: str) -> str:
        taken = set(self._given.values())
        numbered = (f"{name} #{number}" for number in count(2))
        return next(each for each in chain((name,), numbered) if each not in taken)
