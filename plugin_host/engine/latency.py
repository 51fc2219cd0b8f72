"""Latency compensation: every track waits for the slowest, so that all stay aligned to the sample."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from plugin_host.engine.crossfade import Crossfade, fade_shape


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


class TapDelay:
    """A delay that can be changed while it plays: two taps of one ring, crossfaded.

    delay: frames. longest_block: frames. rate: Hz; a second is the longest delay, longer ones are held there.
    """

    def __init__(self, delay: int, longest_block: int, rate: int) -> None:
        self._longest = rate
        self._ring = np.empty((2, self._longest + longest_block), dtype=np.float32)
        self._ring.fill(0.0)  # the system gives memory when it is first written to, which audio must not wait for
        self._beside = np.zeros((2, longest_block), dtype=np.float32)
        self._fade = fade_shape(rate)
        self._written = self._frame = 0
        self.delay = self._wanted = self._held(delay)
        self._crossfade: Crossfade | None = None

    def move(self, delay: int) -> None:
        """Fade to another delay, from the next frame on; while a fade runs, after it."""
        self._wanted = self._held(delay)

    def process(self, block: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        """Write to `out` (2, frame) what `block` (2, frame) was a while ago."""
        if self._crossfade is None and self._wanted != self.delay:
            self._crossfade = Crossfade(self._frame, self._fade)
            self._next = self._wanted
        size, count = self._ring.shape[1], block.shape[1]
        _copy_in(self._ring, self._written, block)
        _copy_out(self._ring, (self._written - self.delay) % size, out)
        if self._crossfade is not None:
            self._fade_over(self._crossfade, out)
        self._written = (self._written + count) % size
        self._frame += count

    def _fade_over(self, crossfade: Crossfade, out: npt.NDArray[np.float32]) -> None:
        beside = self._beside[:, : out.shape[1]]
        _copy_out(self._ring, (self._written - self._next) % self._ring.shape[1], beside)
        crossfade.join(out, beside, self._frame)
        if self._frame + out.shape[1] >= crossfade.end:
            self.delay, self._crossfade = self._next, None

    def _held(self, delay: int) -> int:
        return min(max(delay, 0), self._longest)


def _copy_in(ring: npt.NDArray[np.float32], at: int, block: npt.NDArray[np.float32]) -> None:
    count, first = block.shape[1], ring.shape[1] - at
    if count <= first:
        ring[:, at : at + count] = block
    else:
        ring[:, at:] = block[:, :first]
        ring[:, : count - first] = block[:, first:]


def _copy_out(ring: npt.NDArray[np.float32], at: int, out: npt.NDArray[np.float32]) -> None:
    count, first = out.shape[1], ring.shape[1] - at
    if count <= first:
        out[:] = ring[:, at : at + count]
    else:
        out[:, :first] = ring[:, at:]
        out[:, first:] = ring[:, : count - first]
