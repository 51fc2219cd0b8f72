"""How much a limiter takes away, read from outside it, and when chains are asked what their compressors take."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from plugin_host.engine.strip import Runner

AUDIBLE = 0.1
"""Amplitude (-20 dBFS) below which input and output are not compared: a limiter works on loud samples."""
METER_SECONDS = 0.1
"""How often a chain is asked."""
_KEPT_FRAMES = 4096


def whose_turn(position: int, frames: int, chains: int, rate: int) -> Iterator[int]:
    """Numbers of the chains to be asked in the `frames` from `position` on, each once in `METER_SECONDS`.

    One after the other: asked all together, they would make one block in many a costly one.
    """
    period = round(METER_SECONDS * rate)
    first, end = position * chains // period, (position + frames) * chains // period
    return (number % chains for number in range(max(first, end - chains), end))


class ReductionMeter:
    """A limiter that also tells by how much it turned down; itself a `Runner`.

    longest_block: frames of the largest block it will see.
    """

    def __init__(self, limiter: Runner, longest_block: int) -> None:
        self._limiter = limiter
        self._late = limiter.latency
        self._most = max(longest_block, _KEPT_FRAMES)
        # What came in stands `latency` further on than where it is read, beside what comes out.
        self._before = np.zeros((2, self._late + self._most), dtype=np.float32)
        self._read_to = 0
        self._lowest = self._recent = 1.0

    @property
    def latency(self) -> int:
        """Frames by which the limiter is late."""
        return self._late

    @property
    def reduction_db(self) -> float:
        """Largest gain reduction since the last reset, in dB, 0 or more."""
        return -20.0 * math.log10(self._lowest)

    def take_recent_db(self) -> float:
        """Largest gain reduction since the last call, in dB, 0 or more."""
        recent, self._recent = self._recent, 1.0
        return -20.0 * math.log10(recent)

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Limit the next block (2, frame)."""
        begin, end = self._make_room(block.shape[1])
        self._before[:, self._late + begin : self._late + end] = block
        before, after = self._before[:, begin:end], self._limiter.process(block)
        if before.tobytes() != after.tobytes():  # a limiter at rest gives back what it got, bit for bit
            self._read(before, after)
        return after

    def reset(self) -> None:
        """Forget what was heard and read."""
        self._limiter.reset()
        self._before.fill(0.0)
        self._read_to = 0
        self._lowest = self._recent = 1.0

    def _make_room(self, count: int) -> tuple[int, int]:
        """From where to where to read the next frames; what is still to be read moves to the front now and then."""
        begin, late = self._read_to, self._late
        if begin + count > self._most:
            self._before[:, :late] = self._before[:, begin : begin + late].copy()
            begin = 0
        self._read_to = begin + count
        return begin, begin + count

    def _read(self, before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> None:
        loud = np.abs(before) > AUDIBLE
        if loud.any():
            ratio = float(np.min(np.abs(after[loud]) / np.abs(before[loud])))
            self._recent = max(min(self._recent, ratio), 1e-6)
            self._lowest = min(self._lowest, self._recent)
