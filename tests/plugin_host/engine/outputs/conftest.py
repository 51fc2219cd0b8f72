"""Signals whose every sample says which one it is."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from plugin_host.engine.outputs.contract import Block

PATIENCE_SECONDS = 30.0

Wait = Callable[[Callable[[], object]], None]


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until it holds; a machine that is very busy gets half a minute."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


class Counting:
    """A pull whose sample `n` of channel `c` is `n + 1 + c · 1 000 000`; notes if two threads ever pull at once."""

    def __init__(self) -> None:
        self.frames = 0
        self.clashed = False
        self._inside = False

    def __call__(self, block: Block) -> None:
        self.clashed |= self._inside
        self._inside = True
        channels, count = block.shape
        block[:] = np.arange(self.frames + 1, self.frames + count + 1) + 1_000_000 * np.arange(channels)[:, None]
        self.frames += count
        self._inside = False


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture(name="wait_until")
def _wait_until() -> Wait:
    return wait_until
