"""Room for stacked signals, allocated once for blocks of any length."""

import numpy as np

from plugin_host.engine.strip import Block


class BlockRoom:
    """Room for blocks (signal, 2, frame) that lie without gaps whatever their length; silent at first.

    longest_block: frames.
    """

    def __init__(self, signals: int, longest_block: int) -> None:
        self._signals = signals
        self._room = np.zeros(signals * 2 * longest_block, dtype=np.float32)
        self._block = self._room[:0].reshape(signals, 2, 0)

    def block(self, count: int) -> Block:
        """The room for `count` frames; the same memory every time."""
        if self._block.shape[2] != count:
            self._block = self._room[: self._signals * 2 * count].reshape(self._signals, 2, count)
        return self._block
