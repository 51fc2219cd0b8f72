"""One output's way to the pull: open for one output at a time, so that two threads never read one ring."""

import time

from plugin_host.engine.outputs.contract import Block, Pull

_LONGEST_PULL_SECONDS = 1.0


class Passage:
    """A pull that can be closed, also while an output is in the middle of it; a closed one gives silence.

    passed: how often it was called, whether open or not.
    """

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._open, self._inside = True, False
        self.passed = 0

    def __call__(self, block: Block) -> None:
        """In the device's thread."""
        self._inside = True  # before the look at `_open`: so `close` sees whoever still gets through
        try:
            if self._open:
                self._pull(block)
            else:
                block.fill(0.0)
        finally:
            self._inside = False
            self.passed += 1

    def open(self) -> None:
        """Let through from now on."""
        self._open = True

    def close(self) -> None:
        """Let nobody through once this returns."""
        self._open = False
        until = time.monotonic() + _LONGEST_PULL_SECONDS
        while self._inside and time.monotonic() < until:
            time.sleep(0.001)
