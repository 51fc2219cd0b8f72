"""A feed to play with, over stems that say where they are.

The left channel of a stem holds the song frame, the right one a level of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pytest

from plugin_host.engine.feed import Feed
from plugin_host.engine.feed_player import FeedBlock
from plugin_host.mix.transport import Transport, TransportCommand, apply_transport
from separation_core.audio.frames import ArraySource, FrameSource
from separation_core.units import Hertz

RATE, FRAMES = Hertz(8000), 40_000
NAMES = ("vocals", "drums")


def counting(level: float, frames: int = FRAMES) -> ArraySource:
    return ArraySource(np.stack([np.arange(frames), np.full(frames, level)]).astype(np.float32), RATE)


class Deck:
    """A feed with the control and the render thread's parts done in turn."""

    def __init__(
        self,
        sources: Mapping[str, FrameSource] | None = None,
        transport: Transport | None = None,
        frames: int = FRAMES,
        song: FrameSource | None = None,
    ) -> None:
        self.transport = transport or Transport()
        self.frames = frames
        sources = sources or {"vocals": counting(1.0, frames), "drums": counting(2.0, frames)}
        song = song or counting(3.0, frames)
        self.feed = Feed(sources, song, RATE, transport=self.transport, ahead_seconds=0.5)
        self.names: Sequence[str] = NAMES
        self.blocks: list[FeedBlock] = []

    def do(self, command: TransportCommand) -> None:
        """Command, and let the feed make ready: it is carried out in the next block."""
        self.transport = apply_transport(self.transport, command, self.frames)
        self.feed.command(self.transport, command)
        self.calm()

    def calm(self) -> None:
        for _ in range(100):
            if self.feed.settle(0.05):
                return
            self.feed.read(self.names, 0)
        raise AssertionError("the feed does not come to rest")

    def hear(self, count: int, block: int = 500) -> np.ndarray:
        """The next frames as (row, 2, frame), the song last."""
        pieces = []
        while count > 0:
            assert self.feed.settle(5)
            self.blocks.append(self.feed.read(self.names, min(block, count)))
            pieces.append(np.stack([*self.blocks[-1].inputs, self.blocks[-1].reference]))
            count -= block
        return np.concatenate(pieces, axis=2)


@contextmanager
def open_deck(
    sources: Mapping[str, FrameSource] | None = None,
    transport: Transport | None = None,
    frames: int = FRAMES,
    song: FrameSource | None = None,
) -> Iterator[Deck]:
    playing = Deck(sources, transport, frames, song)
    with playing.feed:
        playing.calm()
        yield playing


@pytest.fixture(scope="session")
def deck() -> Callable[..., AbstractContextManager[Deck]]:
    """Open a deck of given sources, transport, length and song; it is ready when it is entered."""
    return open_deck
