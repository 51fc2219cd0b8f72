"""Gain ramps: exact ends, no jumps, and the same samples however time is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.glide import GainGlide, ramp_shape

RATE = 8000
SHAPE = ramp_shape(RATE)
STEPS = st.lists(
    st.tuples(st.integers(0, 1500), st.floats(-4.0, 4.0), st.sampled_from([0.0, 0.5, 1.0])), min_size=0, max_size=8
)


def played(steps: list[tuple[int, float, float]], sizes: list[int], frames: int = 2000) -> np.ndarray:
    """The gains themselves (2, frame): what a signal of ones becomes."""
    glide = GainGlide(np.array([1.0, 1.0]), SHAPE)
    for at, left, right in sorted(steps):
        glide.step(np.array([left, right]), at)
    out, done = np.empty((2, frames), dtype=np.float32), 0
    while done < frames:
        for size in sizes:
            count = min(size, frames - done)
            glide.apply(np.ones((2, count), dtype=np.float32), out[:, done : done + count])
            done += count
    return out


@given(steps=STEPS, sizes=st.lists(st.integers(1, 700), min_size=1, max_size=4))
def test_gains_do_not_depend_on_how_time_is_cut(steps: list[tuple[int, float, float]], sizes: list[int]) -> None:
    assert np.array_equal(played(steps, sizes), played(steps, [2000]))


@given(steps=STEPS)
def test_every_ramp_arrives_exactly_on_the_last_target(steps: list[tuple[int, float, float]]) -> None:
    last = sorted(steps)[-1][1:] if steps else (1.0, 1.0)
    assert np.array_equal(played(steps, [64])[:, -1], np.array(last, dtype=np.float32))


def test_a_step_changes_nothing_before_its_frame_and_is_done_one_ramp_later() -> None:
    gains = played([(1000, 0.0, 0.5)], [128])
    assert np.all(gains[:, :1000] == 1.0)
    assert np.all(gains[:, 1000] < 1.0)
    assert np.all(gains[0, 1000 + len(SHAPE) - 1 :] == 0.0)
    assert np.all(gains[1, 1000 + len(SHAPE) - 1 :] == 0.5)


@given(steps=STEPS)
def test_no_gain_moves_faster_than_its_ramps_allow(steps: list[tuple[int, float, float]]) -> None:
    """The slope of a raised cosine is at most π/2 of its step per ramp; overlapping ramps add."""
    size = sum(8.0 for _ in steps) + 1.0
    moved = np.abs(np.diff(played(steps, [256]).astype(np.float64), axis=1)).max()
    assert moved <= size * np.pi / 2 / len(SHAPE) + 1e-6


def test_a_fader_moved_every_five_milliseconds_stays_monotonic() -> None:
    steps = [(at, 1.0 - at / 2000, 1.0) for at in range(0, 1000, 40)]
    assert np.all(np.diff(played(steps, [97])[0]) <= 1e-7)


def test_a_step_in_the_past_begins_now() -> None:
    glide = GainGlide(np.ones(2), SHAPE, frame=500)
    out = np.empty((2, 400), dtype=np.float32)
    glide.step(np.zeros(2), at=10)
    glide.apply(np.ones((2, 400), dtype=np.float32), out)
    assert 0.99 < out[0, 0] < 1.0
    assert np.all(out[:, len(SHAPE) - 1 :] == 0.0)


def test_a_jump_rests_on_the_last_target() -> None:
    glide = GainGlide(np.ones(2), SHAPE)
    glide.step(np.array([0.25, 0.5]), at=100)
    glide.jump(10_000)
    out = np.empty((2, 8), dtype=np.float32)
    glide.apply(np.ones((2, 8), dtype=np.float32), out)
    assert np.all(out == np.array([[0.25], [0.5]], dtype=np.float32))


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_a_ramp_lasts_twenty_milliseconds_and_ends_on_one(rate: int) -> None:
    shape = ramp_shape(rate)
    assert len(shape) == pytest.approx(0.02 * rate, abs=1)
    assert shape[-1] == 1.0
    assert np.all(np.diff(shape) > 0)


def test_of_steps_that_begin_together_the_last_one_counts() -> None:
    steps = [(300, 0.1, 4.0), (300, 3.0, 2.0)]
    assert np.array_equal(played(steps, [64]), played(steps[1:], [64]))


@given(steps=STEPS, channels=st.integers(3, 9))
def test_channels_that_rest_are_untouched_by_those_that_move(
    steps: list[tuple[int, float, float]], channels: int
) -> None:
    levels = np.linspace(0.1, 0.9, channels)
    levels[:2] = 1.0
    glide = GainGlide(levels, SHAPE)
    for at, left, right in sorted(steps):
        glide.step(np.array([left, right, *levels[2:]]), at)
    block = np.ones((channels, 2000), dtype=np.float32)
    glide.apply(block, out=block)
    assert np.array_equal(block[:2], played(steps, [2000]))
    assert np.array_equal(block[2:], np.repeat(levels[2:, None].astype(np.float32), 2000, axis=1))
