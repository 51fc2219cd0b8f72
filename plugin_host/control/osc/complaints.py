"""What could not be used is counted; a person is told now and then, not every time."""

import math
import threading
import time
from collections.abc import Callable

from plugin_host.control.reasons import Reasons

WARN_EVERY = 5.0
"""Seconds between two warnings."""
MOST_NAMED = 20
"""Who is not let in: more than there are tablets in a room are an attack."""


class Complaints:
    """Counts, and tells `warn` of what could not be used at most every five seconds. For any number of threads."""

    def __init__(self, warn: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self.refused = 0
        """Packets and messages that could not be used."""
        self.denied = 0
        """Packets from addresses that are not let in."""
        self.dropped = 0
        """Messages for surfaces that take them too slowly."""
        self._warn, self._clock = warn, clock
        self._lock = threading.Lock()
        self._reasons, self._tell_again = Reasons(), -math.inf
        self._named: set[str] = set()

    def refuse(self, text: str) -> None:
        """Something could not be used; the text says why."""
        with self._lock:
            self.refused += 1
            self._reasons.add(text)

    def tell(self) -> None:
        """Say what has gathered, once that is due; to be called often."""
        if not self._reasons or self._clock() < self._tell_again:
            return
        with self._lock:
            self._tell_again = self._clock() + WARN_EVERY
            told = self._reasons.taken()
        self._warn(f"OSC: {told}")

    def deny(self, host: str) -> None:
        """Somebody is not let in; told once of each, and of no more than `MOST_NAMED`."""
        with self._lock:
            self.denied += 1
            is_new = host not in self._named and len(self._named) < MOST_NAMED
            if is_new:
                self._named.add(host)
        if is_new:
            self._warn(f"OSC: {host} is not let in: --osc-allow {host} would")
