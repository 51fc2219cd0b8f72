"""A share that moves in a straight line to where it is told, sample by sample."""

import numpy as np
import numpy.typing as npt

Share = np.float32 | npt.NDArray[np.float32]


class RampedShare:
    """A factor 0 … 1. frames: how long it takes to a new value; it depends on no block size."""

    def __init__(self, share: float, frames: int) -> None:
        self._start = self._target = share
        self._frames = frames
        self._done = frames
        self._resting = np.float32(share)

    def move(self, target: float) -> None:
        """Begin to move from where it stands with the next frame."""
        self._start = self._start + (self._target - self._start) * self._done / self._frames
        self._target, self._done = target, 0
        self._resting = np.float32(target)

    def next(self, count: int) -> Share:
        """What to multiply the next `count` frames by."""
        if self._done == self._frames:
            return self._resting
        passed = np.minimum(np.arange(self._done + 1, self._done + count + 1), self._frames)
        self._done = int(passed[-1])
        ramp: npt.NDArray[np.float64] = self._start + (self._target - self._start) * (passed / self._frames)
        return ramp.astype(np.float32)
