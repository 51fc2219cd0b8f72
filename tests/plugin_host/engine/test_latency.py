"""Delay lines: exactly late, whatever the block sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.latency import DelayLine, alignment


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
