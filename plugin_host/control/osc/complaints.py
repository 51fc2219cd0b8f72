"""What could not be used is counted; a person is told now and then, not every time."""

import math
import threading
import time
from collections.abc import Callable

WARN_EVERY = 5.0
"""Seconds between two warnings."""
MOST_NAMED = 20
"""Who is not let in: more than there are tablets in a room are an attack."""


class Complaints:
    """Counts, and tells `warn` at most every five seconds. For any number of threads."""

    def __init__(self, warn: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.refused = 0
        """Packets and messages that could not be used."""
        self.denied = 0
        """Packets from addresses that are not let in."""
        self.dropped = 0
        """Messages for surfaces that take them too slowly."""
        self._warn, self._clock = warn, clock
        self._lock = threading.Lock()
        self._told, self._tell_again = 0, -math.inf
        self._named: set[str] = set()

    def refuse(self, text: str) -> None:
        """Something could not be used; the text says why."""
        with self._lock:
            self.refused += 1
            now = self._clock()
            if now < self._tell_again:
                return
            self._tell_again = now + WARN_EVERY
            count, self._told = self.refused - self._told, self.refused
        self._warn(f"OSC: {count} message{'s' * (count > 1)} could not be used: {text}")

    def deny(self, host: str) -> None:
        """Somebody is not let in; told once of each, and of no more than `MOST_NAMED`."""
        with self._lock:
            self.denied += 1
            is_new = host not in self._named and len(self._named) < MOST_NAMED
            if is_new:
                self._named.add(host)
        if is_new:
            self._warn(f"OSC: {host} is not let in: --osc-allow {host} would")
