"""Delay lines: exactly late, whatever the block sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.latency import DelayLine, TapDelay, alignment


def late(line: DelayLine, block: np.ndarray) -> np.ndarray:
    out = np.empty_like(block)
    line.process(block, out)
    return out


@given(delay=st.integers(0, 300), sizes=st.lists(st.integers(1, 128), min_size=1, max_size=30))
def test_a_delay_line_gives_its_input_later(delay: int, sizes: list[int]) -> None:
    song = np.random.default_rng(0).standard_normal((2, sum(sizes))).astype(np.float32)
    line = DelayLine(delay, longest_block=128)
    blocks = np.split(song, np.cumsum(sizes)[:-1], axis=1)
    found = np.concatenate([late(line, block) for block in blocks], axis=1)
    expected = np.concatenate([np.zeros((2, delay), dtype=np.float32), song], axis=1)[:, : song.shape[1]]
    assert np.array_equal(found, expected)


def test_after_a_reset_nothing_of_before_is_heard() -> None:
    line = DelayLine(10, longest_block=64)
    late(line, np.ones((2, 64), dtype=np.float32))
    line.reset()
    assert not late(line, np.zeros((2, 64), dtype=np.float32)).any()


@pytest.mark.parametrize("latencies", [[], [0], [0, 5, 3], [7, 7]])
def test_every_track_reaches_the_latency_of_the_slowest(latencies: list[int]) -> None:
    slowest, delays = alignment(latencies)
    assert slowest == max(latencies, default=0)
    assert all(latency + delay == slowest for latency, delay in zip(latencies, delays, strict=True))


def tapped(moves: dict[int, int], size: int, song: np.ndarray) -> np.ndarray:
    """The song through a tap delay of 100 frames at 8 kHz that is moved at frames."""
    delay, out, done = TapDelay(100, 512, 8000), [], 0
    for until in [*sorted(moves), song.shape[1]]:
        for start in range(done, until, size):
            block = song[:, start : min(until, start + size)]
            out.append(np.empty_like(block))
            delay.process(block, out[-1])
        done = until
        if until in moves:
            delay.move(moves[until])
    return np.concatenate(out, axis=1)


@given(delay=st.integers(-5, 9000), at=st.integers(1, 9000), size=st.integers(16, 512))
def test_a_moved_tap_fades_from_one_time_to_the_other(delay: int, at: int, size: int) -> None:
    song = np.random.default_rng(0).standard_normal((2, 20_000)).astype(np.float32)
    out, fade, held = tapped({at: delay}, size, song), round(0.03 * 8000), min(max(delay, 0), 8000)
    assert np.array_equal(out, tapped({at: delay}, 512, song))
    assert np.array_equal(out[:, 100:at], song[:, : max(at - 100, 0)])
    begin = max(at + fade, held)
    assert np.array_equal(out[:, begin:], song[:, begin - held : song.shape[1] - held])


def test_a_sine_passes_a_moved_tap_without_a_click() -> None:
    song = np.tile(np.sin(np.arange(9000) / 40).astype(np.float32), (2, 1))
    steps = np.abs(np.diff(tapped({3000: 900, 3050: 10}, 128, song)))
    assert steps[:, 200:].max() < 1.3 * np.abs(np.diff(song)).max()
