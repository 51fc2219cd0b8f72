"""How much a limiter takes away, read from outside it."""

import numpy as np
import numpy.typing as npt

from plugin_host.engine.latency import DelayLine
from plugin_host.engine.strip import Runner

AUDIBLE = 0.1
"""Amplitude (-20 dBFS) below which input and output are not compared: a limiter works on loud samples."""


class ReductionMeter:
    """A limiter that also tells by how much it turned down; itself a `Runner`.

    longest_block: frames of the largest block it will see.
    """

    def __init__(self, limiter: Runner, longest_block: int) -> None:
        self._limiter = limiter
        self._delay = DelayLine(limiter.latency, longest_block)
        self._before = np.empty((2, longest_block), dtype=np.float32)
        self._lowest = self._recent = 1.0

    @property
    def latency(self) -> int:
        """Frames by which the limiter is late."""
        return self._limiter.latency

    @property
    def reduction_db(self) -> float:
        """Largest gain reduction since the last reset, in dB, 0 or more."""
        return float(-20.0 * np.log10(self._lowest))

    def take_recent_db(self) -> float:
        """Largest gain reduction since the last call, in dB, 0 or more."""
        recent, self._recent = self._recent, 1.0
        return float(-20.0 * np.log10(recent))

    def process(self, block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Limit the next block (2, frame)."""
        before = self._before[:, : block.shape[1]]
        self._delay.process(block, out=before)
        after = self._limiter.process(block)
        if not np.array_equal(before, after):  # a limiter at rest gives back what it got, bit for bit
            self._read(before, after)
        return after

    def reset(self) -> None:
        """Forget what was heard and read."""
        self._limiter.reset()
        self._delay.reset()
        self._lowest = self._recent = 1.0

    def _read(self, before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> None:
        loud = np.abs(before) > AUDIBLE
        if loud.any():
            ratio = float(np.min(np.abs(after[loud]) / np.abs(before[loud])))
            self._recent = max(min(self._recent, ratio), 1e-6)
            self._lowest = min(self._lowest, self._recent)
