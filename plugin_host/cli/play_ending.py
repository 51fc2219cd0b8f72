"""When `stemrack play` quits: a signal came, or the song is over where that was asked for."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from plugin_host.desk.desk import Desk

TAIL_SECONDS = 10.0
"""How long echoes may go on after the song before it is over all the same."""
QUIET_SECONDS = 0.5
QUIET = 10 ** (-90 / 20)


class Ending:
    """Whether to quit: a signal came, or the song has ended and died away where that was asked for."""

    def __init__(self, desk: Desk, frames: int, stopped: threading.Event, *, until_end: bool) -> None:
        self._desk, self._frames, self._stopped, self._until_end = desk, frames, stopped, until_end
        self._ended_at: float | None = None

    def __call__(self) -> bool:
        """Whether it is time."""
        return self._stopped.is_set() or (self._until_end and self._has_died_away())

    def _has_died_away(self) -> bool:
        transport = self._desk.transport
        if transport.playing or transport.position < self._frames:  # paused, or not yet begun
            self._ended_at = None
            return False
        self._ended_at = self._ended_at or time.monotonic()
        after = time.monotonic() - self._ended_at
        return after > TAIL_SECONDS or (after > QUIET_SECONDS and max(self._desk.status().master.peak) < QUIET)


@contextmanager
def until_signal(stopped: threading.Event) -> Iterator[None]:
    """Ctrl-C, a polite kill and a terminal that is closed set the event instead of tearing things down half-way."""

    def note_it(number: int, frame: FrameType | None) -> None:
        stopped.set()

    heard = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else it is for `nohup`
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, note_it) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
