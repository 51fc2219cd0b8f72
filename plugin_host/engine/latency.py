"""Latency compensation: every track waits for the slowest, so that all stay aligned to the sample."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def alignment(latencies: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """The common latency of tracks that have these latencies (frames), and the delay each one needs to reach it."""
    slowest = max(latencies, default=0)
    return slowest, tuple(slowest - latency for latency in latencies)


class DelayLine:
    """Delays stereo blocks by a fixed number of frames, whatever their sizes, without allocating.

    delay: frames, 0 or more. longest_block: frames, the largest block it will see.
    """

    def __init__(self, delay: int, longest_block: int) -> None:
        self.delay = delay
        self._ring = np.zeros((2, delay + longest_block), dtype=np.float32)
        self._written = 0

    def process(self, block: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        """Write to `out` (2, frame) what `block` (2, frame) was `delay` frames ago."""
        if self.delay == 0:
            out[:] = block
            return
        size = self._ring.shape[1]
        _copy_in(self._ring, self._written, block)
        _copy_out(self._ring, (self._written - self.delay) % size, out)
        self._written = (self._written + block.shape[1]) % size

    def reset(self) -> None:
        """Forget what went in."""
        self._ring.fill(0.0)
        self._written = 0


def _copy_in(ring: npt.NDArray[np.float32], at: int, block: npt.NDArray[np.float32]) -> None:
    first = min(block.shape[1], ring.shape[1] - at)
    ring[:, at : at + first] = block[:, :first]
    if first < block.shape[1]:
        ring[:, : block.shape[1] - first] = block[:, first:]


def _copy_out(ring: npt.NDArray[np.float32], at: int, out: npt.NDArray[np.float32]) -> None:
    first = min(out.shape[1], ring.shape[1] - at)
    out[:, :first] = ring[:, at : at + first]
    if first < out.shape[1]:
        out[:, first:] = ring[:, : out.shape[1] - first]
