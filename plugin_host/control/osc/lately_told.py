"""What a surface was told lately, so that a late answer of its is known for what it is.

A program that shows its faders to us as we show ours to it says again what it was told. While a hand moves on, that
comes too late: it would set back what the hand did since.
"""

import math
from typing import NamedTuple

from plugin_host.control.parameters.declaration import Value

HELD_SECONDS = 1.0
"""How long a value that was told may come back as an answer."""
MOST_HELD = 256
"""Values of an address; more than are sent in that time."""
_NEAR = 1e-5
"""What a value may lose on its way there and back: 32-bit floats, and decibels that are kept as amplitudes."""


class News(NamedTuple):
    """A value of ours to be told. address: ours. origin: the surface that caused it, "" for none in particular."""

    address: str
    value: Value
    origin: str = ""


class LatelyTold:
    """The values of the last second. For one thread; now: seconds of one clock."""

    def __init__(self) -> None:
        self._told: dict[str, list[tuple[float, News]]] = {}
        self._sweep_at = -math.inf

    def remember(self, news: News, now: float) -> None:
        """It has been told."""
        if now >= self._sweep_at:
            self._sweep_at = now + HELD_SECONDS
            self._told = {at: told for at, told in self._told.items() if told[-1][0] >= now - HELD_SECONDS}
        told = self._told.setdefault(news.address, [])
        told.append((now, news))
        del told[:-MOST_HELD]

    def forget(self, address: str) -> None:
        """The surface changed it by itself since."""
        self._told.pop(address, None)

    def repeats(self, news: News, now: float) -> bool:
        """Whether what came in says only what was told; not where its sender caused the latest there himself."""
        for when, told in reversed(self._told.get(news.address, ())):
            if now - when > HELD_SECONDS or told.origin == news.origin:
                return False
            if is_same(told.value, news.value):
                return True
        return False


def is_same(ours: Value, theirs: Value) -> bool:
    """Whether their value is ours, as near as it comes back over OSC."""
    if isinstance(ours, float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=_NEAR, abs_tol=_NEAR)
    return ours == theirs
