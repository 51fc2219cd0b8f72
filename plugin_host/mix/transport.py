"""Where and how a session plays, as frozen data, and all a user can do to it.

Positions are song frames at the session's rate. `apply_transport` is pure, so that the desk, the engine and a test see
the same transport; the clock moves `position` elsewhere.
"""

import math
from dataclasses import dataclass, replace
from functools import singledispatch

from plugin_host.errors import MixError

MIN_SPEED, MAX_SPEED = 0.5, 2.0
MAX_SEMITONES = 12.0
SHORTEST_LOOP = 32
"""Frames; a shorter loop is a tone rather than music, and would wrap more often than a buffer is filled."""
MAX_MARKERS = 999
MIN_TEMPO, MAX_TEMPO = 20.0, 400.0
MAX_BAR = 1_000_000
"""More than a day's song has at the fastest tempo, with a beat in each."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A named place in the song."""

    name: str
    frame: int


@dataclass(frozen=True, slots=True)
class Transport:
    """How the song plays.

    position: song frame at which the last command left it (while playing the engine knows better). began: where the
    last Play began, to which Stop returns. loop: first frame and the one after the last, or None. speed: 0.5 … 2, the
    pitch stays. semitones: -12 … 12, of the tracks but the drums unless `transpose_drums`. tempo: beats a minute,
    None where it is not known. markers: by frame.
    """

    playing: bool = False
    position: int = 0
    began: int = 0
    loop: tuple[int, int] | None = None
    speed: float = 1.0
    semitones: float = 0.0
    transpose_drums: bool = False
    tempo: float | None = None
    beats_per_bar: int = 4
    markers: tuple[Marker, ...] = ()

    @property
    def stretched(self) -> bool:
        """Whether what is heard is not simply the song."""
        return self.speed != 1.0 or self.semitones != 0.0


@dataclass(frozen=True, slots=True)
class Play:
    """Play from where it stands."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop, and go back to where Play began."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop and stay."""


@dataclass(frozen=True, slots=True)
class Seek:
    """Go to a song frame; before the start or past the end it is held there."""

    frame: float


@dataclass(frozen=True, slots=True)
class SetLoop:
    """Play from `begin` up to, not including, `end` over and over."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ClearLoop:
    """Play on past the loop's end."""


@dataclass(frozen=True, slots=True)
class SetSpeed:
    """Half to double speed, held there; the pitch stays."""

    speed: float


@dataclass(frozen=True, slots=True)
class SetTranspose:
    """Semitones up or down, held to ±12; the drums only where asked."""

    semitones: float
    drums: bool = False


@dataclass(frozen=True, slots=True)
class SetTempo:
    """Beats a minute and beats in a bar, so that bars can be named; None forgets the tempo."""

    tempo: float | None
    beats_per_bar: int = 4


@dataclass(frozen=True, slots=True)
class AddMarker:
    """Name a place; a marker of that name moves there."""

    name: str
    frame: float


@dataclass(frozen=True, slots=True)
class RemoveMarker:
    """Forget a marker."""

    name: str


TransportCommand = (
    Play | Stop | Pause | Seek | SetLoop | ClearLoop | SetSpeed | SetTranspose | SetTempo | AddMarker | RemoveMarker
)


def apply_transport(transport: Transport, command: TransportCommand, frames: int) -> Transport:
    """The transport after the command, in a song of `frames` frames; `MixError` says what cannot be meant."""
    return _changed(command, transport, frames)


def frame_of_bar(transport: Transport, bar: float, rate: int) -> int:
    """The song frame at which a bar (counted from 1) begins, negative before the song.

    `MixError` where the tempo is not known, and for NaN and what is beyond any song, ±`MAX_BAR`.
    """
    if transport.tempo is None:
        raise MixError("the tempo is not known, so bars cannot be named: set it first, or give seconds")
    if abs(_number(bar, "bar")) > MAX_BAR:
        raise MixError(f"bar {bar:g}: give 1 to {MAX_BAR}")
    return round((bar - 1) * transport.beats_per_bar * 60 / transport.tempo * rate)


@singledispatch
def _changed(command: object, transport: Transport, frames: int) -> Transport:
    raise MixError(f"{type(command).__name__} is no command of a transport")


@_changed.register
def _play(command: Play, transport: Transport, frames: int) -> Transport:
    if transport.playing:
        return transport
    at = 0 if transport.position >= frames else transport.position
    return replace(transport, playing=True, position=at, began=at)


@_changed.register
def _stop(command: Stop, transport: Transport, frames: int) -> Transport:
    return replace(transport, playing=False, position=transport.began) if transport.playing else transport


@_changed.register
def _pause(command: Pause, transport: Transport, frames: int) -> Transport:
    return replace(transport, playing=False)


@_changed.register
def _seek(command: Seek, transport: Transport, frames: int) -> Transport:
    at = _place(command.frame, frames, "position")
    return replace(transport, position=at, began=at)


@_changed.register
def _set_loop(command: SetLoop, transport: Transport, frames: int) -> Transport:
    begin, end = (_place(frame, frames, "loop") for frame in (command.begin, command.end))
    if end - begin < SHORTEST_LOOP:
        raise MixError(f"loop from {command.begin} to {command.end}: give at least {SHORTEST_LOOP} frames of the song")
    return replace(transport, loop=(begin, end))


@_changed.register
def _clear_loop(command: ClearLoop, transport: Transport, frames: int) -> Transport:
    return replace(transport, loop=None)


@_changed.register
def _set_speed(command: SetSpeed, transport: Transport, frames: int) -> Transport:
    return replace(transport, speed=_held(command.speed, MIN_SPEED, MAX_SPEED, "speed"))


@_changed.register
def _set_transpose(command: SetTranspose, transport: Transport, frames: int) -> Transport:
    semitones = _held(command.semitones, -MAX_SEMITONES, MAX_SEMITONES, "transpose")
    return replace(transport, semitones=semitones, transpose_drums=command.drums)


@_changed.register
def _set_tempo(command: SetTempo, transport: Transport, frames: int) -> Transport:
    if not 1 <= command.beats_per_bar <= 32:
        raise MixError(f"{command.beats_per_bar} beats in a bar: give 1 to 32")
    tempo = None if command.tempo is None else _held(command.tempo, MIN_TEMPO, MAX_TEMPO, "tempo")
    return replace(transport, tempo=tempo, beats_per_bar=command.beats_per_bar)


@_changed.register
def _add_marker(command: AddMarker, transport: Transport, frames: int) -> Transport:
    name = command.name.strip()
    if not name:
        raise MixError("the marker has no name: give one")
    others = [marker for marker in transport.markers if marker.name != name]
    if len(others) >= MAX_MARKERS:
        raise MixError(f"there are {MAX_MARKERS} markers: remove one first")
    added = Marker(name, _place(command.frame, frames, f"marker {name}"))
    return replace(transport, markers=tuple(sorted((*others, added), key=lambda marker: marker.frame)))


@_changed.register
def _remove_marker(command: RemoveMarker, transport: Transport, frames: int) -> Transport:
    rest = tuple(marker for marker in transport.markers if marker.name != command.name)
    if len(rest) == len(transport.markers):
        there = ", ".join(marker.name for marker in transport.markers) or "none"
        raise MixError(f"no marker {command.name!r}: there are {there}")
    return replace(transport, markers=rest)


def _place(frame: float, frames: int, what: str) -> int:
    return int(_held(frame, 0, frames, what))


def _held(value: float, lowest: float, highest: float, what: str) -> float:
    return min(max(_number(value, what), lowest), highest)


def _number(value: float, what: str) -> float:
    if math.isnan(value):
        raise MixError(f"{what} is NaN: give a number")
    return float(value)
