"""Other sources, other speeds, late frames and a flood of commands: the song goes on where it was."""

import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest

from plugin_host.engine.feed import Feed
from plugin_host.mix.transport import Pause, Play, Seek, SetLoop, SetSpeed, SetTranspose, Transport, apply_transport
from separation_core.audio.frames import ArraySource
from separation_core.units import Hertz

OpenDeck = Callable[..., AbstractContextManager[Any]]
RATE, FRAMES = Hertz(8000), 40_000
FADE = 80
PATIENCE = 30.0
NAMES = ("vocals", "drums")


def counting(level: float, frames: int = FRAMES) -> ArraySource:
    return ArraySource(np.stack([np.arange(frames), np.full(frames, level)]).astype(np.float32), RATE)


def levels(rows: np.ndarray) -> np.ndarray:
    """How loud each frame is: 1 where all is faded in."""
    level: np.ndarray = rows[0, 1]
    return level


class HeldBack:
    """A source on a slow disk: reads wait until they are let through."""

    rate, channels, frames = RATE, 2, FRAMES

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def read(self, start: int, count: int) -> np.ndarray:
        if not self.gate.is_set():
            self.waiting.set()
        self.gate.wait(10)
        return counting(1.0).read(start, count)


class Endless:
    """Three hours that exist only where they are read."""

    rate, channels, frames = RATE, 2, RATE * 3 * 3600

    def read(self, start: int, count: int) -> np.ndarray:
        return np.full((2, count), 0.5, np.float32)


def test_sources_come_and_go_while_the_others_play_on(deck: OpenDeck) -> None:
    with deck() as playing:
        playing.names = ("drums", "strings", "vocals")
        playing.do(Play())
        assert not playing.hear(3000)[1].any()
        kept = counting(1.0)
        playing.feed.set_sources({"strings": counting(4.0), "vocals": kept})
        playing.calm()
        playing.hear(400)
        first = playing.feed.song_frame
        heard = playing.hear(1000)
        assert not heard[0].any()
        assert np.array_equal(heard[1:, 0], np.tile(np.arange(first, first + 1000), (3, 1)))
        assert (heard[1:, 1] == [[4.0], [1.0], [3.0]]).all()
        assert [source.read(0, 1)[1, 0] for source in playing.feed.retired()] == [1.0, 2.0]
        playing.feed.set_sources({"vocals": kept})
        playing.calm()
        assert [source.read(0, 1)[1, 0] for source in playing.feed.retired()] == [4.0]


@pytest.mark.parametrize("sought", [None, 20_000])
def test_held_sources_are_taken_up_where_it_is_said_and_what_follows_waits(deck: OpenDeck, sought: int | None) -> None:
    with deck() as playing:
        playing.do(Play())
        playing.hear(1000)
        playing.feed.set_sources({"vocals": counting(5.0), "drums": counting(2.0)}, held=True)
        if sought is not None:
            playing.feed.command(apply_transport(playing.transport, Seek(sought), FRAMES), Seek(sought))
        assert not playing.feed.can_take_up
        heard = [playing.hear(500)[0]]
        until = time.monotonic() + PATIENCE
        while not playing.feed.can_take_up and time.monotonic() < until:
            heard.append(playing.hear(8)[0])
            time.sleep(0.001)
        assert np.array_equal(np.hstack(heard)[0], np.arange(1000, 1000 + np.hstack(heard).shape[1]))
        assert (np.hstack(heard)[1] == 1.0).all()
        playing.feed.take_up()
        playing.hear(FADE)
        assert levels(playing.hear(1))[0] == 5.0


def test_held_sources_come_when_there_is_nothing_else_to_play(deck: OpenDeck) -> None:
    with deck() as playing:
        playing.do(Play())
        playing.hear(1000)
        playing.feed.set_sources({"vocals": counting(5.0)}, held=True)
        assert (levels(playing.hear(4000)) == 1.0).all()
        playing.hear(2000)
        assert levels(playing.hear(400))[-1] == 5.0


def test_changes_before_the_last_one_is_taken_up_are_not_lost(deck: OpenDeck) -> None:
    with deck() as playing:
        playing.do(Play())
        playing.hear(20_000)
        for command in (SetLoop(15_000, 25_000), Pause(), Play(), SetSpeed(0.5), Seek(FRAMES), SetSpeed(1.0), Seek(7)):
            playing.transport = apply_transport(playing.transport, command, FRAMES)
            playing.feed.command(playing.transport, command)
        kept, last = counting(5.0), counting(6.0)
        playing.feed.set_sources({"vocals": kept})
        playing.feed.set_sources({"vocals": last})
        playing.feed.set_sources({"vocals": kept})
        playing.hear(400, 10) if playing.feed.settle(0.5) else playing.calm()
        playing.hear(400)
        first = playing.feed.song_frame
        assert 7 < first < 1500
        assert np.array_equal(playing.hear(100)[0, 0], np.arange(first, first + 100))
        assert levels(playing.hear(1))[0] == 5.0
        assert [source.read(0, 1)[1, 0] for source in playing.feed.retired()] == [1.0, 2.0, 6.0]


def test_a_seek_from_the_end_is_not_lost_when_play_follows_at_once(deck: OpenDeck) -> None:
    with deck() as playing:
        playing.do(Seek(FRAMES))
        playing.hear(1)
        playing.do(Seek(100))
        playing.do(Play())
        playing.hear(FADE)
        assert playing.hear(1)[0, 0, 0] == 100 + FADE


def test_two_hundred_sources(deck: OpenDeck) -> None:
    sources = {f"track {number}": counting(float(number), 20_000) for number in range(200)}
    with deck(sources, frames=20_000) as playing:
        playing.names = tuple(sources)
        playing.do(Play())
        heard = playing.hear(10_000, 256)
        assert np.array_equal(heard[:200, 1, 5], np.arange(200))
        assert (heard[:, 0] == np.arange(10_000)).all()


def test_frames_that_are_late_are_counted_and_the_song_waits_for_them(deck: OpenDeck) -> None:
    slow = HeldBack()
    with deck({"vocals": slow}) as playing:
        playing.names = ("vocals",)
        playing.do(Play())
        slow.gate.clear()
        heard, starved = [], 0
        while starved < 3000:
            block = playing.feed.read(playing.names, 500)
            heard.append(block.inputs[0].copy())
            starved += block.starved
        slow.gate.set()
        heard.append(playing.hear(2000)[0])
        found = np.concatenate(heard, axis=1)
        assert np.count_nonzero(found[1] == 0.0) == starved
        assert np.array_equal(found[0][found[1] == 1.0], np.arange(found.shape[1] - starved))


def test_a_change_that_is_made_ready_too_late_still_goes_on_from_the_right_frame(deck: OpenDeck) -> None:
    slow = HeldBack()
    with deck({"vocals": slow}) as playing:
        playing.names = ("vocals",)
        playing.do(Play())
        playing.hear(100)
        playing.calm()
        slow.gate.clear()
        playing.transport = apply_transport(playing.transport, SetLoop(30_000, 35_000), FRAMES)
        playing.feed.command(playing.transport, SetLoop(30_000, 35_000))
        assert slow.waiting.wait(5)
        before = [playing.feed.read(playing.names, 100).inputs[0].copy() for _ in range(10)]
        slow.gate.set()
        found = np.concatenate([*before, playing.hear(1000)[0]], axis=1)
        assert np.allclose(found[0], np.arange(100, 2100), atol=1e-3)
        assert np.array_equal(found[0, 1500:], np.arange(1600, 2100))


@pytest.mark.parametrize("speed", [0.5, 0.9, 2.0])
def test_speed_moves_the_song_and_keeps_all_rows_in_step(deck: OpenDeck, speed: float) -> None:
    rng = np.random.default_rng(0)
    stems = (rng.standard_normal((2, 2, FRAMES)) * 0.1).astype(np.float32)
    sources = dict(zip(NAMES, (ArraySource(stem, RATE) for stem in stems), strict=True))
    with deck(sources, song=ArraySource(stems.sum(axis=0), RATE)) as playing:
        playing.do(SetSpeed(speed))
        playing.do(Play())
        heard = playing.hear(8000)
        assert np.abs(heard[0] + heard[1] - heard[2]).max() < 1e-6
        assert np.abs(heard[2]).max() > 0.1
        assert playing.feed.song_frame == int(8000 * speed)
        playing.do(SetSpeed(1.0))
        playing.hear(400)
        first = playing.feed.song_frame
        assert np.array_equal(playing.hear(500)[:2], stems[:, :, first : first + 500])


def test_a_stretched_song_ends_where_the_song_ends_and_a_loop_keeps_its_length(deck: OpenDeck) -> None:
    with deck(transport=Transport(speed=0.5, position=39_000)) as playing:
        playing.do(Play())
        playing.hear(2100)
        assert playing.feed.song_frame == FRAMES
        assert any(block.ended for block in playing.blocks)
        playing.do(SetLoop(1000, 2000))
        playing.do(Seek(1500))
        playing.do(Play())
        playing.blocks = []
        playing.hear(8000, 100)
        frames = [block.song_frame for block in playing.blocks]
        assert all(1000 <= frame < 2000 for frame in frames)


def test_drums_keep_their_pitch_unless_asked(deck: OpenDeck) -> None:
    time = np.arange(FRAMES) / RATE
    tone = np.stack([np.sin(2 * np.pi * 400 * time)] * 2).astype(np.float32)
    sources = {name: ArraySource(tone, RATE) for name in NAMES}
    with deck(sources) as playing:
        playing.do(SetTranspose(12.0))
        playing.do(Play())
        vocals, drums, _ = playing.hear(8000)[:, 0]
        assert np.array_equal(drums, tone[0, :8000])
        assert np.argmax(np.abs(np.fft.rfft(vocals))) == 800
        playing.do(SetTranspose(12.0, drums=True))
        playing.hear(400)
        assert np.argmax(np.abs(np.fft.rfft(playing.hear(8000)[1, 0]))) == 800


def test_memory_does_not_grow_with_the_song_or_the_commands() -> None:
    feed = Feed({"vocals": Endless()}, Endless(), RATE, transport=Transport(playing=True), ahead_seconds=0.5)
    tracemalloc.start()
    try:
        with feed:
            for number in range(200):
                feed.command(Transport(playing=True, position=number * 400_000), Seek(number * 400_000))
                feed.read(("vocals",), 1000)
                feed.settle(0.001)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_no_thread_is_left_behind_and_closing_is_harmless(deck: OpenDeck) -> None:
    source = counting(1.0)
    Feed({}, source, RATE, transport=Transport()).close()
    before = threading.active_count()
    with deck() as playing:
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    playing.feed.close()
    assert playing.feed.read(NAMES, 100).inputs[0].shape == (2, 100)
