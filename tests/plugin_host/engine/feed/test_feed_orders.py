"""Commands that follow each other faster than the render thread takes them up."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from plugin_host.mix.transport import Pause, Play, Seek, TransportCommand, apply_transport

OpenDeck = Callable[..., AbstractContextManager[Any]]
FRAMES = 40_000


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
