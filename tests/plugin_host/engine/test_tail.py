"""Where a tail ends."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.tail import TAIL_FLOOR, trimmed_tail

RATE = 1000
SOUND = 10 * TAIL_FLOOR


def kept(signal: np.ndarray, longest: int, size: int) -> np.ndarray:
    blocks = [[signal[:, start : start + size]] for start in range(0, signal.shape[1], size)]
    found = [block[0].copy() for block in trimmed_tail(blocks, longest, RATE)]
    return np.concatenate([np.zeros((2, 0), dtype=np.float32), *found], axis=1)


def clicks(*at: int, frames: int = 6000) -> np.ndarray:
    signal = np.full((2, frames), 0.5 * TAIL_FLOOR, dtype=np.float32)
    signal[1, list(at)] = SOUND
    return signal


@given(
    at=st.lists(st.integers(0, 2999), max_size=12),
    size=st.integers(1, 3000),
    longest=st.integers(0, 2500),
)
def test_a_tail_does_not_depend_on_block_sizes(at: list[int], size: int, longest: int) -> None:
    signal = clicks(*at, frames=3000)
    expected = kept(signal, longest, 3000)
    assert np.array_equal(kept(signal, longest, size), expected)
    assert np.array_equal(expected, signal[:, : expected.shape[1]])


@given(size=st.integers(1, 6000))
def test_it_ends_after_its_last_sound_before_half_a_second_of_quiet(size: int) -> None:
    assert kept(clicks(100, 600, 1100, 2000), 6000, size).shape == (2, 1101)


def test_quiet_is_no_tail() -> None:
    assert kept(clicks(), 6000, 256).shape == (2, 0)
    assert kept(clicks(501), 6000, 256).shape == (2, 0)


def test_it_is_cut_at_its_longest() -> None:
    assert kept(clicks(*range(0, 6000, 100)), 950, 256).shape == (2, 901)


def test_all_outputs_end_with_the_last_that_sounds() -> None:
    outputs = [[clicks(50), clicks(120)]]
    (found,) = trimmed_tail(outputs, 6000, RATE)
    assert [output.shape for output in found] == [(2, 121), (2, 121)]
