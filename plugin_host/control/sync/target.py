"""A master's place as a place in the song."""

import math
from dataclasses import dataclass

from plugin_host.control.sync.master import MasterPlace
from plugin_host.mix.transport import MAX_SPEED, MIN_SPEED

CLOCK_UNITY, CODE_UNITY = 0.002, 0.01
"""A speed this near to 1 is 1: what little it differs by is taken out by going to the right place now and then. Time
code is meant to run at its own speed; it is followed where it was slowed down or sped up on purpose."""

_DAY = 86_400.0
_UNSURE = 0.01
"""Of the speed: by how much a master may seem slower than half or faster than twice the song that is just that, as one
is that counts its beats twice as long."""

SLOWEST, FASTEST = MIN_SPEED / 1.5, MAX_SPEED * 1.5
"""Time code beyond these is being wound or scrubbed, which is plain before its speed is known well."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the song shall be. running: whether it shall sound. seconds: of the song, None where it is not known.

    speed: None where it is not known well enough to be followed.
    """

    running: bool
    seconds: float | None
    speed: float | None


def target_of(place: MasterPlace, tempo: float | None, origin: float = 0.0, offset: float = 0.0) -> Target:
    """tempo: of the song, where it is known; else its beats are as long as the master's. origin: seconds of its time
    code at which the song begins. offset: seconds by which the song shall be later.

    What the host cannot play (backwards, slower than half or faster than twice the song) does not sound.
    """
    speed = _speed(place, tempo)
    playable = speed is None or MIN_SPEED * (1.0 - _UNSURE) <= speed <= MAX_SPEED * (1.0 + _UNSURE)
    seconds = _seconds(place, tempo, origin)
    if seconds is not None and place.running:
        seconds -= offset * (speed or 1.0)
    unity = CODE_UNITY if place.beats is None else CLOCK_UNITY
    return Target(place.running and playable, seconds, _rounded(speed, unity) if playable else None)


def _seconds(place: MasterPlace, tempo: float | None, origin: float) -> float | None:
    if place.beats is None:
        return None if place.seconds is None else _nearest(place.seconds - origin)
    beat = tempo or place.tempo
    if beat is None:
        return 0.0 if place.beats == 0.0 else None
    return place.beats * 60.0 / beat


def _nearest(seconds: float) -> float:
    """Time code begins anew after a day: what is left of it at the song's beginning comes before the song."""
    return seconds if abs(seconds) <= _DAY / 2 else seconds - math.copysign(_DAY, seconds)


def _speed(place: MasterPlace, tempo: float | None) -> float | None:
    if place.beats is None:
        return place.speed if place.settled or not SLOWEST <= place.speed <= FASTEST else None
    if tempo is None or place.tempo is None or not place.settled:
        return None
    return place.tempo / tempo


def _rounded(speed: float | None, unity: float) -> float | None:
    if speed is None:
        return None
    return 1.0 if abs(speed - 1.0) < unity else round(min(max(speed, MIN_SPEED), MAX_SPEED), 4)
