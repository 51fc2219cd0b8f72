"""How other programs write values: their faders, pans and buttons, to ours and back.

Sources: Ardour's manual and its `gain_to_slider_position`; Patrick-Gilles Maillot, "Unofficial X32/M32 OSC Remote
Protocol". Measured on a real Ardour: 0 dB stands at 0.7818, 0.5 is -10.47 dB.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from plugin_host.control.osc.packet import Argument
from plugin_host.control.parameters.declaration import Value
from plugin_host.errors import ControlError

ARDOUR_SILENCE = -193.0
"""dB that Ardour writes for silence."""
_SIGNAL = -40.0
"""dB from which on Ardour says that there is a signal."""
_X32_STEPS = ((0.5, 40.0, 30.0), (0.25, 80.0, 50.0), (0.0625, 160.0, 70.0), (0.0, 480.0, 90.0))
"""(from which position, dB for the whole way, dB below 0 where it would begin)."""


@dataclass(frozen=True, slots=True)
class Law:
    """ours: their value to ours. theirs: our value to theirs."""

    ours: Callable[[Argument], Value]
    theirs: Callable[[Value], Argument]


def number(value: Argument | Value) -> float:
    """A number, whatever type it came as; `ControlError` where it is none."""
    try:
        read = math.nan if value is None else float(value)
    except ValueError:
        read = math.nan
    if math.isnan(read):
        raise ControlError(f"{value!r} is no number: send one")
    return read


def finite(value: Argument) -> float:
    """A number with an end upwards; `ControlError` where it is none: a fader has no place for it."""
    read = number(value)
    if read == math.inf:
        raise ControlError(f"{value!r} is no number: send one")
    return read


def whole(value: Argument) -> int:
    """A whole number from 0, the nearest below; `ControlError` where it is none."""
    return int(max(finite(value), 0.0))


def ardour_db(position: float) -> float:
    """dB at a position 0 … 1 of Ardour's fader."""
    if position <= 0.0:
        return -math.inf
    return 20.0 * math.log10(2.0) * (math.pow(min(position, 1.0), 0.125) * 198.0 - 192.0) / 6.0


def ardour_position(db: float) -> float:
    """Where Ardour's fader stands at a level; at its top, +6 dB, and above, 1."""
    eighth = (6.0 * db / (20.0 * math.log10(2.0)) + 192.0) / 198.0 if math.isfinite(db) else 0.0
    return min(math.pow(max(eighth, 0.0), 8.0), 1.0)


def x32_db(position: float) -> float:
    """dB at a position 0 … 1 of an X32's fader; 0 is silence."""
    if position <= 0.0:
        return -math.inf
    held = min(position, 1.0)
    _, slope, below = next(step for step in _X32_STEPS if held >= step[0])
    return slope * held - below


def x32_position(db: float) -> float:
    """Where an X32's fader stands at a level; at its top, +10 dB, and above, 1."""
    if db <= -90.0:
        return 0.0
    return min(next((db + below) / slope for at, slope, below in _X32_STEPS if db >= slope * at - below), 1.0)


def _lights(db: float) -> int:
    """How many of sixteen lights are on at a level; each is 3.75 dB, the first one comes at -46.5."""
    return min(max(int((db + 54.0) / 3.75 - 1.0), 0), 16)


def _plain(value: Argument) -> Value:
    if value is None:
        raise ControlError("a value is missing: send one")
    return value


AS_IT_IS = Law(_plain, lambda value: value)
TRUTH = Law(lambda value: number(value) >= 0.5, lambda value: int(bool(value)))
NOT = Law(lambda value: number(value) < 0.5, lambda value: int(not value))
ARDOUR_FADER = Law(lambda value: ardour_db(finite(value)), lambda value: ardour_position(number(value)))
ARDOUR_GAIN = Law(
    lambda value: -math.inf if number(value) <= ARDOUR_SILENCE else number(value),
    lambda value: max(number(value), ARDOUR_SILENCE),
)
ARDOUR_METER = Law(
    lambda value: 100.0 * number(value) - 94.0, lambda value: min(max((number(value) + 94.0) / 100.0, 0.0), 1.0)
)
ARDOUR_LIGHTS = Law(number, lambda value: (1 << _lights(number(value))) - 1)
"""Whole number, of whose sixteen bits the lower ones are on."""
ARDOUR_SIGNAL = Law(number, lambda value: float(number(value) >= _SIGNAL))
X32_FADER = Law(lambda value: x32_db(finite(value)), lambda value: x32_position(number(value)))
PAN = Law(lambda value: 2.0 * number(value) - 1.0, lambda value: (number(value) + 1.0) / 2.0)
LEVEL = Law(lambda value: number(value), lambda value: min(10.0 ** (number(value) / 20.0), 1.0))
"""dB to an amplitude, 1 at full scale."""
