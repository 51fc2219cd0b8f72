"""Outputs without a device: a clock that takes buffers at their time, and lets them go or writes them to a file."""

import math
import threading
import time
from collections.abc import Callable

import numpy as np

from plugin_host.engine.outputs.contract import Pull
from plugin_host.engine.outputs.pull_room import PullRoom
from plugin_host.engine.outputs.request import OutputRequest, lane_channels
from plugin_host.errors import OutputError
from separation_core.audio.writing import SongWriter
from separation_core.errors import SeparationError
from separation_core.units import Hertz


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


class FileOutput(NullOutput):
    """Writes what the clock takes to a float32 WAV file, which appears when the output is stopped.

    A disk that fills up ends it: it is then no longer alive, and what was written is discarded.
    """

    def __init__(self, request: OutputRequest) -> None:
        super().__init__(request)
        if request.path is None:
            raise OutputError("an output to a file needs the file's path")
        self.title = f"file {request.path}"
        columns = lane_channels(request.lanes)
        self._rows = np.array([row for row, column in enumerate(columns) if column is not None])
        self._columns = np.array([column for column in columns if column is not None])
        width = int(self._columns.max()) + 1
        self._wide = np.zeros((width, self.buffer), dtype=np.float32)
        self._failure = ""
        self._writer: SongWriter | None = SongWriter(request.path, Hertz(self.rate), width)
        try:
            self._writer.__enter__()
        except SeparationError as error:
            raise OutputError(str(error)) from None

    @property
    def alive(self) -> bool:
        """Whether the disk still takes what is written."""
        return not self._failure

    @property
    def problem(self) -> str:
        """What the disk or the pull said."""
        return self._failure or super().problem

    def stop(self) -> None:
        """Complete the file."""
        super().stop()
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            writer.__exit__(None, None, None)
        except SeparationError as error:
            self._failure = str(error)

    def _take(self) -> None:
        if self._room is None or self._writer is None:
            return
        self._wide[self._columns] = self._room.take(self.buffer)[self._rows]
        try:
            self._writer.write(self._wide)
        except SeparationError as error:
            writer, self._writer = self._writer, None
            writer.__exit__(type(error), error, error.__traceback__)
            self._failure = str(error)
