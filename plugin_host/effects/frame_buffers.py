"""Two buffers for stereo frames: a delay of fixed length, and a queue."""

import numpy as np
import numpy.typing as npt

Block = npt.NDArray[np.float32]
"""(channel, frame), two channels."""

CHANNELS = 2


def silence(frames: int) -> Block:
    """(2, frame) of zeros."""
    return np.zeros((CHANNELS, frames), dtype=np.float32)


class DelayLine:
    """Gives every sample back unchanged, `frames` later; the first `frames` are silence. A ring, so O(block)."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.reset()

    def reset(self) -> None:
        """Silence again."""
        self._ring = silence(self.frames)
        self._at = 0

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        if self.frames == 0:
            return block
        out = np.empty_like(block)
        done = 0
        while done < block.shape[1]:
            # One run never wraps round the ring, so that reading and writing are single slices.
            run = min(block.shape[1] - done, self.frames - self._at)
            ring = self._ring[:, self._at : self._at + run]
            out[:, done : done + run] = ring
            ring[:] = block[:, done : done + run]
            done += run
            self._at = (self._at + run) % self.frames
        return out


class FrameQueue:
    """First in, first out; grows to what it has to hold at once and reuses that memory."""

    def __init__(self, silent_frames: int = 0) -> None:
        self._frames = silence(max(silent_frames, 1))
        self._start = 0
        self._end = silent_frames

    def __len__(self) -> int:
        return self._end - self._start

    def push(self, block: Block) -> None:
        """Append (2, frame)."""
        count = block.shape[1]
        if self._end + count > self._frames.shape[1]:
            self._make_room(count)
        self._frames[:, self._end : self._end + count] = block
        self._end += count

    def peek(self, count: int) -> Block:
        """The oldest `count` frames as a view, valid until the next push."""
        return self._frames[:, self._start : self._start + count]

    def drop(self, count: int) -> None:
        """Forget the oldest `count` frames."""
        self._start += count

    def pop(self, count: int) -> Block:
        """Take the oldest `count` frames as a copy."""
        taken = self.peek(count).copy()
        self.drop(count)
        return taken

    def _make_room(self, count: int) -> None:
        held = self.peek(len(self))
        room = self._frames
        # At least half the room is free after a move, so that moves stay rare.
        if 2 * (len(self) + count) > room.shape[1]:
            room = silence(2 * (len(self) + count))
        room[:, : len(self)] = held.copy()
        self._start, self._end, self._frames = 0, len(self), room
