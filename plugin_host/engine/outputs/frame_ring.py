"""A ring of frames between one thread that writes and one that reads, without locks."""

import numpy as np

from plugin_host.engine.outputs.contract import Block


class FrameRing:
    """Bounded and preallocated: neither side ever waits or allocates samples.

    Two counters only ever grow; each belongs to one side, which moves it after its copy is complete, so the other side
    never sees half a block. channels: of every block. capacity_frames: how many frames it holds at most.
    """

    def __init__(self, channels: int, capacity_frames: int) -> None:
        self._frames = np.empty((channels, capacity_frames), dtype=np.float32)
        self._frames.fill(0.0)  # the system gives memory when it is first written to, which audio must not wait for
        self._capacity = capacity_frames
        self._written = 0
        self._read = 0

    @property
    def readable(self) -> int:
        """Frames that wait to be read."""
        return self._written - self._read

    @property
    def taken(self) -> int:
        """Frames that were read or skipped so far."""
        return self._read

    @property
    def writable(self) -> int:
        """Frames there is room for."""
        return self._capacity - self._written + self._read

    def write(self, block: Block) -> int:
        """Append as much of the (channel, frame) block as there is room for; how many frames that were."""
        count: int = min(block.shape[1], self._capacity - self._written + self._read)
        start = self._written % self._capacity
        first = min(count, self._capacity - start)
        self._frames[:, start : start + first] = block[:, :first]
        if first < count:
            self._frames[:, : count - first] = block[:, first:count]
        self._written += count
        return count

    def read_into(self, out: Block) -> int:
        """Fill `out` (channel, frame) with the oldest frames, silence where there are none; how many it got."""
        count: int = min(out.shape[1], self.readable)
        start = self._read % self._capacity
        first = min(count, self._capacity - start)
        out[:, :first] = self._frames[:, start : start + first]
        if first < count:
            out[:, first:count] = self._frames[:, : count - first]
        if count < out.shape[1]:
            out[:, count:] = 0.0
        self._read += count
        return count

    def skip(self, count: int) -> None:
        """Pass over the oldest frames, as many of `count` as there are; none where it is negative. For the reader."""
        self._read += min(max(count, 0), self.readable)
