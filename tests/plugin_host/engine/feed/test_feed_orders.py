"""Commands that follow each other faster than the render thread takes them up."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from plugin_host.engine.feed_line import CHUNK, FeedLine
from plugin_host.engine.feed_player import FeedPlayer, Order
from plugin_host.engine.feed_reader import manner_of
from plugin_host.engine.feed_sources import SourceRows
from plugin_host.mix.transport import Pause, Play, Seek, Transport, TransportCommand, apply_transport
from separation_core.audio.frames import ArraySource
from separation_core.units import Hertz

OpenDeck = Callable[..., AbstractContextManager[Any]]
FRAMES = 40_000
RATE = Hertz(8000)


@pytest.mark.parametrize(
    ("before", "commands", "plays"),
    [((Play(),), (Pause(), Seek(20_000)), False), ((), (Play(), Seek(20_000)), True)],
)
def test_a_seek_right_after_pause_or_play_neither_starts_nor_stops(
    deck: OpenDeck, before: tuple[TransportCommand, ...], commands: tuple[TransportCommand, ...], plays: bool
) -> None:
    """The engine's control thread sees whether it plays only once the render thread has taken that up."""
    with deck() as playing:
        for command in before:
            playing.do(command)
        playing.hear(1000)
        seen = playing.transport.playing
        for command in commands:
            after = apply_transport(replace(playing.transport, playing=seen), command, FRAMES)
            playing.feed.command(after, command)
        playing.calm()
        playing.hear(1000)
        playing.calm()
        playing.hear(1000)
        assert playing.blocks[-1].playing is plays
        assert (playing.feed.song_frame > 20_000) is plays


def test_frames_that_are_still_to_be_made_are_not_ready() -> None:
    """Nothing is missing while it stands, where an order waits, and at the song's end."""
    silence = ArraySource(np.zeros((2, 5000), np.float32), RATE)
    rows = SourceRows({"vocals": silence}, silence, deque(), frozenset())
    line = FeedLine(rows, 0, manner_of(Transport()), RATE, 2 * CHUNK)
    player = FeedPlayer(line, RATE)
    assert player.ready(1)
    player.give(Order(line, playing=True))
    assert player.ready(1)
    player.read(("vocals",), 0)
    assert not player.ready(1)
    line.make_some()
    assert player.ready(CHUNK)
    assert not player.ready(CHUNK + 1)
    while line.make_some():
        pass
    assert player.ready(6000)
