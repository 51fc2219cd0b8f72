"""The feed plays what the transport says, sample for sample, and fades where it jumps."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.engine.play_order import PlayOrder
from plugin_host.mix.transport import (
    ClearLoop,
    Pause,
    Play,
    Seek,
    SetLoop,
    SetTempo,
    Stop,
    Transport,
    TransportCommand,
    apply_transport,
)
from separation_core.audio.frames import ArraySource
from separation_core.units import Hertz

OpenDeck = Callable[..., AbstractContextManager[Any]]
RATE, FRAMES = Hertz(8000), 40_000
FADE = 80
NAMES = ("vocals", "drums")


def walk(start: int, count: int, loop: tuple[int, int] | None = None) -> np.ndarray:
    """The song frames that are played from `start` on."""
    order = PlayOrder(start, FRAMES, loop)
    return np.concatenate([np.arange(at, at + length) for at, length in order.cuts(0, count)])


def levels(rows: np.ndarray) -> np.ndarray:
    """How loud each frame is: 1 where all is faded in."""
    level: np.ndarray = rows[0, 1]
    return level


@pytest.mark.parametrize("block", [1, 64, 500, 4000])
def test_playing_from_the_beginning_gives_the_stems_bit_for_bit_until_the_song_ends(deck: OpenDeck, block: int) -> None:
    frames = 9000 if block == 1 else FRAMES
    with deck(frames=frames) as playing:
        playing.do(Play())
        heard = playing.hear(frames + 1000, block)
        assert np.array_equal(heard[:, 0, :frames], np.tile(np.arange(frames, dtype=np.float32), (3, 1)))
        assert np.array_equal(heard[:, 1, :frames], np.repeat([[1.0], [2.0], [3.0]], frames, axis=1))
        assert not heard[:, :, frames:].any()
        assert [each.ended for each in playing.blocks].count(True) == 1
        assert not playing.blocks[-1].playing
        assert playing.feed.song_frame == frames
        assert not any(each.starved for each in playing.blocks)
        playing.do(Play())
        assert np.array_equal(playing.hear(100)[0, 0], np.arange(100))


@pytest.mark.parametrize("loop", [(0, 32), (1000, 1033), (4000, 9999), (39_000, FRAMES)])
def test_a_loop_goes_round_without_a_gap_or_a_fade(deck: OpenDeck, loop: tuple[int, int]) -> None:
    start = max(0, loop[0] - 700)
    with deck(transport=Transport(loop=loop, position=start)) as playing:
        playing.do(Play())
        heard = playing.hear(20_000, 777)[:, :, FADE:]
        assert np.array_equal(heard[0, 0], walk(start, 20_000, loop)[FADE:])
        assert (levels(heard) == 1.0).all()
        playing.do(ClearLoop())
        playing.hear(1000)
        first = playing.feed.song_frame
        rest = playing.hear(20_000)[0, 0]
        assert np.array_equal(rest[: FRAMES - first], np.arange(first, FRAMES)[:20_000])


COMMANDS = st.one_of(
    st.sampled_from([Play(), Play(), Stop(), Pause(), ClearLoop(), SetTempo(120.0)]),
    st.integers(-5, FRAMES + 5).map(Seek),
    st.tuples(st.integers(0, FRAMES - 3000), st.integers(32, 3000)).map(lambda at: SetLoop(at[0], at[0] + at[1])),
)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.tuples(COMMANDS, st.integers(1, 5000), st.sampled_from([32, 333, 2048])), max_size=8))
def test_any_commands_give_the_expected_samples_away_from_the_fades(
    deck: OpenDeck, steps: list[tuple[TransportCommand, int, int]]
) -> None:
    with deck() as playing:
        for command, count, block in steps:
            was = playing.feed.song_frame
            playing.do(command)
            if isinstance(command, Seek):
                assert playing.feed.song_frame == playing.transport.position
            elif not isinstance(command, Stop | Play):
                assert playing.feed.song_frame == was
            playing.hear(400)  # the fades
            start = playing.feed.song_frame
            heard = playing.hear(count, block)
            if not playing.transport.playing or start >= FRAMES:
                assert not heard.any()
                playing.transport = apply_transport(playing.transport, Pause(), FRAMES)
                continue
            expected = walk(start, count, playing.transport.loop)
            inside = expected < FRAMES
            assert np.array_equal(heard[0, 0], np.where(inside, expected, 0))
            assert np.array_equal(levels(heard), inside)
            if not inside.all():
                playing.transport = apply_transport(playing.transport, Pause(), FRAMES)


def test_playing_fades_in_and_stopping_fades_out(deck: OpenDeck) -> None:
    with deck(transport=Transport(position=5000)) as playing:
        playing.do(Play())
        level = levels(playing.hear(500, 16))
        assert np.array_equal(level[FADE // 2 :], np.ones(500 - FADE // 2))
        assert (np.diff(level[: FADE // 2 + 1]) > 0).all()
        playing.do(Stop())
        level = levels(playing.hear(500, 16))
        assert (np.diff(level[: FADE + 1]) < 0).all()
        assert not level[FADE:].any()
        assert playing.feed.song_frame == 5000


@pytest.mark.parametrize("command", [Seek(30_000), SetLoop(0, 20_000), SetTempo(99.0)])
def test_a_jump_while_playing_is_a_crossfade(deck: OpenDeck, command: TransportCommand) -> None:
    flat = np.ones((2, FRAMES), np.float32)
    with deck({"vocals": ArraySource(flat, RATE), "drums": ArraySource(flat, RATE)}) as playing:
        playing.do(Play())
        playing.hear(1000)
        playing.do(command)
        assert np.abs(playing.hear(1000, 16)[:2] - 1.0).max() < 1e-6


def test_a_pause_goes_on_at_the_very_frame_where_it_began(deck: OpenDeck) -> None:
    with deck() as playing:
        playing.do(Play())
        playing.hear(5000)
        playing.do(Pause())
        stood = playing.feed.song_frame
        assert not playing.hear(500)[:, :, FADE:].any()
        assert playing.feed.song_frame == stood
        playing.do(Play())
        playing.hear(100)
        assert playing.hear(10)[0, 0, 0] == playing.feed.song_frame - 10
        playing.do(Stop())
        assert playing.feed.song_frame == stood


def test_a_song_of_one_frame(deck: OpenDeck) -> None:
    with deck(frames=1) as playing:
        playing.do(Play())
        heard = playing.hear(100)
        assert levels(heard)[0] == 1.0
        assert not heard[:, :, 1:].any()
        assert playing.blocks[-1].ended


def test_a_restored_transport_plays_on_from_its_place(deck: OpenDeck) -> None:
    with deck(transport=Transport(playing=True, position=7000, began=123)) as playing:
        playing.hear(400)
        first = playing.feed.song_frame
        assert 7000 < first < 9000
        assert np.array_equal(playing.hear(50)[0, 0], np.arange(first, first + 50))
        playing.do(Stop())
        assert playing.feed.song_frame == 123
        playing.feed.command(Transport(playing=False, position=99), None)
        playing.calm()
        assert playing.feed.song_frame == 99


def test_an_empty_block_takes_up_a_command_and_fades_nothing(deck: OpenDeck) -> None:
    with deck() as playing:
        playing.do(Play())
        playing.hear(1000)
        playing.do(Seek(20_000))
        for _ in range(3):
            assert playing.feed.read(NAMES, 0).song_frame == 20_000
        heard = playing.hear(500, 16)
        assert np.array_equal(heard[0, 0, FADE:], np.arange(20_000 + FADE, 20_500))
