"""What the host and the audio engine say to each other, as frozen data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from plugin_host.mix.commands import Command, SetEffectBypass
from plugin_host.mix.take import Take
from plugin_host.mix.transport import Pause, Play, Seek, TransportCommand


@dataclass(frozen=True, slots=True)
class SetReference:
    """Hear the original song instead of the remix, or the remix again; crossfaded, equally loud, in time."""

    on: bool


@dataclass(frozen=True, slots=True)
class ClearClips:
    """Take back every clip light that is held."""


TAKE_MIX = -1
"""The number under which the engine tells of the mix that a take begins with; `number_of_move` those of its moves."""


def number_of_move(place: int) -> int:
    """Of the move in that place of a take, from 0."""
    return TAKE_MIX - 1 - place


EngineCommand = Command | TransportCommand | SetReference | ClearClips


@dataclass(frozen=True, slots=True)
class Meter:
    """Levels of one signal. peak, rms: left and right, amplitude (1 is full scale), of the last tenths of a second.

    clipped: a sample went beyond full scale since the clip lights were cleared. reduction_db: what compressors and
    limiters take away, 0 or more.
    """

    peak: tuple[float, float] = (0.0, 0.0)
    rms: tuple[float, float] = (0.0, 0.0)
    clipped: bool = False
    reduction_db: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How the engine is doing.

    song_frame, engine_frame: of the next frame to enter the mixer. lufs: short-term loudness of the master (3 s),
    -inf for silence. dropouts: buffers the device asked for that were not ready, since the start. xruns: times the
    device or its server was late by its own account. starved: frames
    that the disk did not deliver in time. load: share of the time that rendering takes, 0 … 1 and above. restarts: of
    the engine process. latency_ms: from a command to the ear. song_delay_ms: from when a frame of the song enters the
    mixer to when it is heard.
    """

    alive: bool = False
    playing: bool = False
    reference: bool = False
    song_frame: int = 0
    engine_frame: int = 0
    tracks: Mapping[str, Meter] = field(default_factory=dict)
    master: Meter = Meter()
    lufs: float = float("-inf")
    dropouts: int = 0
    xruns: int = 0
    starved: int = 0
    load: float = 0.0
    restarts: int = 0
    latency_ms: float = 0.0
    song_delay_ms: float = 0.0
    device: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """Commands (by the numbers they were sent under) that were carried out together, and when.

    Of a take that is replayed: `TAKE_MIX` for the mix it began with, and from there downwards its moves in order.
    early: faders that moved although a mix on its way will set them; their numbers come once more with that mix.
    """

    numbers: tuple[int, ...]
    engine_frame: int
    song_frame: int
    early: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that could not be carried out, and why, in one line. The mix stayed as it was."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know, in one line."""

    text: str


@dataclass(frozen=True, slots=True)
class CaptureLost:
    """What is heard is not written to that file any longer, which nobody asked for; a `Notice` says why."""

    path: Path


@dataclass(frozen=True, slots=True)
class Stopped:
    """The transport stopped by itself, at the song's end."""

    song_frame: int


@dataclass(frozen=True, slots=True)
class Moved:
    """JACK's transport moved the song: a Play or Pause where it is then, or a Seek; at that engine frame."""

    command: Play | Pause | Seek
    engine_frame: int


@dataclass(frozen=True, slots=True)
class Died:
    """The engine's process ended by itself. blamed: what it was working on, in words, or "" where that is unknown."""

    text: str
    blamed: str = ""


@dataclass(frozen=True, slots=True)
class Back:
    """The engine runs again.

    bypassed: the plugin that is passed by since its second crash, in words, or "". command: what was done to the mix
    for that, for the desk to do too.
    """

    bypassed: str = ""
    command: SetEffectBypass | None = None


EngineEvent = Applied | Refused | Notice | CaptureLost | Stopped | Moved | Died | Back


class EnginePort(Protocol):
    """The engine as the desk sees it. No call waits for the engine."""

    def send(self, number: int, command: EngineCommand) -> None:
        """Have a command carried out as soon as can be; `Applied` or `Refused` tells of it."""

    def send_all(self, orders: Sequence[tuple[int, EngineCommand]]) -> None:
        """Have numbered commands carried out together: what needs nothing built first is heard from one frame on."""

    def play_take(self, take: Take | None) -> None:
        """Carry out a take's events as the song passes them; None ends that, and so does `Died`."""

    def capture(self, path: Path | None) -> None:
        """Write what is heard to a file, from the next buffer on; None ends that and completes the file."""

    def status(self) -> EngineStatus:
        """How it stands; cheap, by any number of threads, as often as they like."""

    def events(self) -> list[EngineEvent]:
        """What happened since the last call, in order."""

    def close(self) -> None:
        """End the engine; captures are completed."""
