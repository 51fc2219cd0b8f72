"""How a share of the way, 0 … 1, maps to a value: exact at both ends, never turning back in between."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from plugin_host.mix.state import MAX_GAIN_DB, SILENCE_DB

FADER_POINTS = ((0.0, -92.0), (0.0625, -62.0), (0.25, -32.0), (0.5, -12.0), (1.0, MAX_GAIN_DB))
"""(share, dB) between which the fader is straight: 48 dB for its whole way above the middle, then 80, 160 and 480.

The shape is that of the Behringer X32's faders ("Unofficial X32/M32 OSC Remote Protocol": 40f-30, 80f-50, 160f-70,
480f-90), stretched from +10 to +12 dB: 0 dB stands at three quarters, -12 dB in the middle.
"""
_STEPS = tuple(pairwise(FADER_POINTS))


class Taper(Protocol):
    """A share of the way, 0 … 1, to a value and back. name: one word for the reference page."""

    @property
    def name(self) -> str:
        """linear, logarithmic or fader."""

    def to_value(self, share: float) -> float:
        """The value at that share; below 0 and above 1 as at the ends."""

    def to_share(self, value: float) -> float:
        """The share at which the value stands, 0 … 1; values beyond the range are at the ends."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Equal ways are equal differences."""

    minimum: float
    maximum: float
    name: str = "linear"

    def to_value(self, share: float) -> float:
        """The value at that share."""
        if share >= 1.0:
            return self.maximum
        return min(self.minimum + (self.maximum - self.minimum) * max(share, 0.0), self.maximum)

    def to_share(self, value: float) -> float:
        """The share at which the value stands."""
        if self.maximum == self.minimum:
            return 0.0
        return _held((value - self.minimum) / (self.maximum - self.minimum))


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Equal ways are equal ratios. The range is above 0."""

    minimum: float
    maximum: float
    name: str = "logarithmic"

    def to_value(self, share: float) -> float:
        """The value at that share."""
        if share >= 1.0:
            return self.maximum
        value = self.minimum * math.exp(math.log(self.maximum / self.minimum) * max(share, 0.0))
        return min(value, self.maximum)

    def to_share(self, value: float) -> float:
        """The share at which the value stands."""
        if value <= self.minimum:
            return 0.0
        return _held(math.log(value / self.minimum) / math.log(self.maximum / self.minimum))


@dataclass(frozen=True, slots=True)
class Fader:
    """A fader's dB (`FADER_POINTS`); at 0 it is silent."""

    name: str = "fader"

    def to_value(self, share: float) -> float:
        """dB at that share: -inf at 0, 0 at 0.75, +12 at 1."""
        if share <= 0.0:
            return SILENCE_DB
        if share >= 1.0:
            return MAX_GAIN_DB
        (low, low_db), (high, high_db) = next(step for step in _STEPS if share <= step[1][0])
        return low_db + (high_db - low_db) * ((share - low) / (high - low))

    def to_share(self, value: float) -> float:
        """The share at which that level stands; what is below the lowest step but not silent stands at 0, too."""
        if value <= FADER_POINTS[0][1]:
            return 0.0
        if value >= MAX_GAIN_DB:
            return 1.0
        (low, low_db), (high, high_db) = next(step for step in _STEPS if value <= step[1][1])
        return low + (high - low) * ((value - low_db) / (high_db - low_db))


FADER = Fader()
UNIT = Linear(0.0, 1.0)
LOGARITHMIC_UNITS = frozenset({"Hz", "ms"})


def taper_of(minimum: float, maximum: float, unit: str) -> Taper:
    """Logarithmic for frequencies and milliseconds above 0, else linear."""
    if unit in LOGARITHMIC_UNITS and minimum > 0.0 and maximum > minimum:
        return Logarithmic(minimum, maximum)
    return Linear(minimum, maximum)


def _held(share: float) -> float:
    return min(max(share, 0.0), 1.0)
