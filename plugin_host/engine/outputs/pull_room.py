"""The block that an output has filled in its callback: allocated before, and safe whatever happens."""

import numpy as np

from plugin_host.engine.outputs.contract import Block, Pull
from plugin_host.engine.outputs.request import MOST_BUFFER


class PullRoom:
    """Room for the frames of one callback. failure: what the pull died of, one line; "" while it works."""

    def __init__(self, channels: int, pull: Pull) -> None:
        self._room = np.zeros((channels, MOST_BUFFER), dtype=np.float32)
        self._pull = pull
        self.failure = ""

    def take(self, frames: int) -> Block:
        """The next (channel, frame) samples; silence where the pull failed. Valid until the next call."""
        if frames > self._room.shape[1]:  # a server with giant buffers: once, when it changes to them
            self._room = np.zeros((self._room.shape[0], frames), dtype=np.float32)
        block = self._room[:, :frames]
        try:
            self._pull(block)
        except Exception as error:  # noqa: BLE001 - an exception must not enter a driver's thread; it is reported instead
            block.fill(0.0)
            self.failure = f"the sound could not be taken ({type(error).__name__}: {error})"
        return block
