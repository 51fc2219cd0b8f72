"""Bundles that are to be done later, by their OSC timetags. Sources: the OSC 1.0 specification, RFC 5905."""

import heapq
import itertools
import math
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from plugin_host.control.osc.packet import IMMEDIATELY

NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
FURTHEST = 60.0
"""Seconds; what is said to be due later than that comes from a clock that is set wrong."""
MOST_WAITING = 10_000

Item = TypeVar("Item")


class Schedule(Generic[Item]):
    """What waits for its time. wall: seconds since 1970; clock: seconds that never jump."""

    def __init__(
        self,
        warn: Callable[[str], None],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._warn, self._wall, self._clock = warn, wall, clock
        self._waiting: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        self._has_warned = False

    def delay(self, timetag: int) -> float:
        """Seconds until a timetag; 0 for now, the past, and what is too far ahead to be meant."""
        if timetag == IMMEDIATELY:
            return 0.0
        ahead = timetag / 2**32 - NTP_EPOCH - self._wall()
        if ahead > FURTHEST and not self._has_warned:
            self._has_warned = True
            self._warn(f"OSC: a bundle's time is {ahead:.0f} s ahead: done at once; set the sender's clock right")
        return ahead if 0.0 < ahead <= FURTHEST else 0.0

    def put(self, delay: float, item: Item) -> bool:
        """Let it wait; False where too much waits already."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        heapq.heappush(self._waiting, (self._clock() + delay, next(self._order), item))
        return True

    def due(self) -> list[Item]:
        """What is due by now, in order."""
        found: list[Item] = []
        while self._waiting and self._waiting[0][0] <= self._clock():
            found.append(heapq.heappop(self._waiting)[2])
        return found

    def next_in(self) -> float:
        """Seconds until something is due; infinity where nothing waits."""
        return max(self._waiting[0][0] - self._clock(), 0.0) if self._waiting else math.inf
