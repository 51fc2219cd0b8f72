"""What is asked of an output: which kind, which device, and which signals come out of which of its channels."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plugin_host.engine.outputs.contract import TransportFollower
from plugin_host.errors import OutputError

OutputKind = Literal["null", "portaudio", "jack", "file"]

LEAST_BUFFER, MOST_BUFFER = 16, 8192
LEAST_RATE, MOST_RATE = 1000, 768_000
_MOST_CHANNEL = 1024
"""More than any device has; a file of so many channels is still one that other programs open."""

MASTER = "master"


@dataclass(frozen=True, slots=True)
class Lane:
    """One stereo signal that leaves the host.

    name: "master" or a track; "" is a place kept free, which can be named later (JACK). pre_fader: taken before the
    track's fader; it is up to whoever fills the ring. channels: the device's channels, counted from 1, that take left
    and right; None is the next pair that is free (JACK: ports of its own, of which the master's are connected to the
    loudspeakers); () is none (JACK: ports connected to nothing).
    """

    name: str
    pre_fader: bool = False
    channels: tuple[int, int] | tuple[()] | None = None


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """An output to open; `OutputError` for values that no output can have.

    rate: the session's, in Hz. device: a PortAudio device or a JACK server by name; "" is the usual one. buffer:
    frames, 16 to 8192; JACK's is the server's. path: of the file. device_rate: Hz to run the device at; None is the
    session's rate where the device can, else the device's own. speed: of the clock of "null" and "file", for tests;
    infinity never waits. transport: told of the server's transport, where there is one (JACK).
    """

    kind: OutputKind
    rate: int
    lanes: tuple[Lane, ...] = (Lane(MASTER),)
    device: str = ""
    buffer: int = 256
    path: Path | None = None
    device_rate: int | None = None
    speed: float = 1.0
    transport: TransportFollower | None = None

    def __post_init__(self) -> None:
        if not LEAST_BUFFER <= self.buffer <= MOST_BUFFER:
            raise OutputError(f"a buffer of {self.buffer} frames: give {LEAST_BUFFER} to {MOST_BUFFER}; 256 is usual")
        for rate in (self.rate, self.device_rate):
            if rate is not None and not LEAST_RATE <= rate <= MOST_RATE:
                raise OutputError(f"an output at {rate} Hz: give {LEAST_RATE} to {MOST_RATE}")
        if not self.speed > 0:
            raise OutputError(f"a clock at speed {self.speed:g}: give a number above 0")
        if self.kind == "file" and self.path is None:
            raise OutputError("an output to a file needs the file's path")
        lane_channels(self.lanes)

    @property
    def wanted_rate(self) -> int:
        """What the device should run at, in Hz."""
        return self.rate if self.device_rate is None else self.device_rate


def lane_channels(lanes: Sequence[Lane]) -> tuple[int | None, ...]:
    """The device's channel, counted from 0, of every pulled channel: left and right of each lane in turn; None: none.

    `OutputError`: no lane or too many, none that goes anywhere, a channel below 1 or above 1024 or asked for twice.
    """
    if not 0 < len(lanes) <= _MOST_CHANNEL // 2:
        raise OutputError(f"{len(lanes)} output signals: send the master at least, and {_MOST_CHANNEL // 2} at most")
    chosen = [channel for lane in lanes for channel in lane.channels or ()]
    _check_channels(chosen)
    taken = set(chosen)
    free = (first for first in itertools.count(1, 2) if not {first, first + 1} & taken)
    places: list[int | None] = []
    for lane in lanes:
        if lane.channels is None:
            first = next(free)
            places += (first - 1, first)
        else:
            places += [channel - 1 for channel in lane.channels] or [None, None]
    if all(place is None for place in places):
        raise OutputError("no output signal goes anywhere: send the master or a track to a channel pair")
    return tuple(places)


def _check_channels(chosen: list[int]) -> None:
    for channel in chosen:
        if not 1 <= channel <= _MOST_CHANNEL:
            raise OutputError(f"output channel {channel}: channels are counted from 1, to {_MOST_CHANNEL} at most")
        if chosen.count(channel) > 1:
            raise OutputError(f"output channel {channel} is asked for twice: give every signal channels of its own")
