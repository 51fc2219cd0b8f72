"""From one sound to another that runs beside it."""

import numpy as np
import numpy.typing as npt

from plugin_host.engine.glide import ramp_shape

FADE_SECONDS = 0.03


def fade_shape(rate: int) -> npt.NDArray[np.float32]:
    """Raised-cosine rise (frame,) of 30 ms."""
    return ramp_shape(rate, FADE_SECONDS).astype(np.float32)


class Crossfade:
    """A fade from frame `begin` on. shape: (frame,) share of the new sound; the shares of old and new sum to 1."""

    def __init__(self, begin: int, shape: npt.NDArray[np.float32]) -> None:
        self.begin, self.end = begin, begin + len(shape)
        self._shape = shape

    def join(self, old: npt.NDArray[np.float32], new: npt.NDArray[np.float32], frame: int) -> None:
        """Fade the block `old` (2, frame) over to `new` in place; `frame` is the number of its first frame."""
        count = old.shape[1]
        begin, end = max(self.begin - frame, 0), max(self.end - frame, 0)
        if begin >= count:
            return
        faded = old[:, begin:end]
        shape = self._shape[frame + begin - self.begin :][: faded.shape[1]]
        faded += shape * (new[:, begin:end] - faded)
        old[:, end:] = new[:, end:]
