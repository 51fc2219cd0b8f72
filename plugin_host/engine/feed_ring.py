"""Frames made ahead: written by one thread, copied out by another, without a lock."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
"""(row, 2, frame)."""


class FeedRing:
    """Frames 0, 1, 2 … of `rows` stereo signals, of which the last `capacity` at most are held.

    The writer appends; the reader copies any frame that is there, as often as it likes, and releases what it will not
    ask for again. Each of the two counters has one writer, and a frame is counted after it is written.
    """

    def __init__(self, rows: int, capacity: int) -> None:
        self.capacity = capacity
        self.written = 0
        self.released = 0
        self._room = np.empty((rows, 2, capacity), dtype=np.float32)

    @property
    def writable(self) -> int:
        """How many frames can be appended now."""
        return self.capacity - (self.written - self.released)

    def write(self, block: Rows) -> None:
        """Append (row, 2, frame), no more than `writable` frames."""
        done, count = 0, block.shape[2]
        while done < count:
            at = (self.written + done) % self.capacity
            length = min(count - done, self.capacity - at)
            self._room[:, :, at : at + length] = block[:, :, done : done + length]
            done += length
        self.written += count

    def copy(self, row: int, frame: int, out: npt.NDArray[np.float32]) -> None:
        """Frames from `frame` on of one row into `out` (2, frame); they must have been written and not released."""
        self._copy(self._room[row], frame, out)

    def copy_all(self, frame: int, out: Rows) -> None:
        """As `copy`, for all rows at once: `out` is (row, 2, frame)."""
        self._copy(self._room, frame, out)

    def _copy(self, room: npt.NDArray[np.float32], frame: int, out: npt.NDArray[np.float32]) -> None:
        at, count = frame % self.capacity, out.shape[-1]
        length = self.capacity - at
        if count <= length:
            out[:] = room[..., at : at + count]
        else:
            out[..., :length] = room[..., at:]
            out[..., length:] = room[..., : count - length]

    def release(self, frame: int) -> None:
        """Frames before `frame` may be overwritten."""
        self.released = max(self.released, frame)
