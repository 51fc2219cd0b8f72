"""The output without a device: a clock that takes buffers at their time, and lets them go."""

import math
import threading
import time
from collections.abc import Callable

from plugin_host.engine.outputs.contract import Pull
from plugin_host.engine.outputs.pull_room import PullRoom
from plugin_host.engine.outputs.request import OutputRequest


class Clock:
    """Calls `tick` once per period from a thread of its own, at absolute times, so that it never drifts.

    A period that begins later than a whole period is left out, as a sound card would: late counts these. A period of 0
    never waits.
    """

    def __init__(self, period_seconds: float, tick: Callable[[], None]) -> None:
        self._period, self._tick = period_seconds, tick
        self._ends = False
        self.late = 0
        self._thread = threading.Thread(target=self._run, name="output clock", daemon=True)

    def start(self) -> None:
        """The first tick comes one period from now."""
        self._thread.start()

    def stop(self) -> None:
        """No tick after this one; from another thread than the clock's."""
        self._ends = True
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        began, periods = time.perf_counter(), 1
        while not self._ends:
            wait = began + periods * self._period - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            elif self._period and -wait >= self._period:
                missed = int(-wait / self._period)
                self.late += missed
                periods += missed
            if not self._ends:
                self._tick()
            periods += 1


class NullOutput:
    """Takes a buffer each period and lets it go: for machines without sound, and while a device is away."""

    tells_its_end = True

    def __init__(self, request: OutputRequest) -> None:
        self.title = "no device, clocked"
        self.rate, self.buffer = request.wanted_rate, request.buffer
        self.channels = 2 * len(request.lanes)
        self._speed = request.speed
        self._room: PullRoom | None = None
        self._clock: Clock | None = None

    @property
    def alive(self) -> bool:
        """A clock never goes away."""
        return True

    @property
    def problem(self) -> str:
        """What the pull died of."""
        return "" if self._room is None else self._room.failure

    @property
    def xruns(self) -> int:
        """Buffers that were left out because this machine was busy."""
        return 0 if self._clock is None else self._clock.late

    @property
    def latency_frames(self) -> int:
        """One buffer, as if it were played next."""
        return self.buffer

    def start(self, pull: Pull) -> None:
        """Begin to pull, once per buffer."""
        self._room = PullRoom(self.channels, pull)
        period = 0.0 if math.isinf(self._speed) else self.buffer / self.rate / self._speed
        self._clock = Clock(period, self._take)
        self._clock.start()

    def stop(self) -> None:
        """End the clock."""
        if self._clock is not None:
            self._clock.stop()

    def _take(self) -> None:
        if self._room is not None:
            self._room.take(self.buffer)
