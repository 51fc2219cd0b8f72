"""What a picture shows is measured block by block: the same as of the whole sound at once, in memory of one size."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.demo.overview import Overview, Stretch, measure
from plugin_host.stems.reader import SilentStem
from separation_core.audio.frames import ArraySource
from separation_core.units import Hertz

RATE = Hertz(44_100)
BLOCK = 1 << 16
WINDOW = 4096
COLUMNS = 1400


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).normal(0, 0.1, (2, frames)).astype(np.float32)


def overview(sound: np.ndarray, seconds: float) -> Overview:
    return measure(Stretch(ArraySource(sound, RATE), sound.shape[1]), seconds)


lengths = st.one_of(st.integers(1, 3 * COLUMNS), st.integers(BLOCK - 2, BLOCK + 2), st.integers(BLOCK, 3 * BLOCK))


@given(frames=lengths)
@settings(deadline=None, max_examples=30)
def test_the_waveform_is_that_of_the_whole_sound(frames: int) -> None:
    sound = noise(frames)
    found = overview(sound, frames / RATE)
    pieces = np.split(sound.mean(axis=0), found.starts[1:])
    assert len(pieces) == min(COLUMNS, frames)
    assert found.lowest.tolist() == [piece.min() for piece in pieces]
    assert found.highest.tolist() == [piece.max() for piece in pieces]
    assert found.rms == pytest.approx([np.sqrt(np.mean(piece.astype(float) ** 2)) for piece in pieces])
    assert found.peak == np.abs(sound).max()


@given(frames=lengths, wider=st.sampled_from([1.0, 1.001, 1.5]))
@settings(deadline=None, max_examples=10)
def test_a_column_is_the_window_around_it_wherever_blocks_end(frames: int, wider: float) -> None:
    """The same column, measured by itself: at the middle of a sound of one window."""
    sound, seconds = noise(frames), wider * frames / RATE
    found = overview(sound, seconds)
    padded = np.pad(sound, ((0, 0), (WINDOW // 2, 2 * frames + WINDOW)))
    for column in (0, 1, 500, 933, COLUMNS - 1):
        start = int(np.linspace(0.0, seconds * RATE, COLUMNS)[column])
        alone = overview(padded[:, start : start + WINDOW], (COLUMNS - 1) * (WINDOW // 2 + 0.5) / RATE)
        assert found.levels[:, column] == pytest.approx(alone.levels[:, 1], abs=1e-6)


def test_a_stretch_ends_in_silence_where_its_source_ends() -> None:
    sound = noise(1000)
    part = measure(Stretch(ArraySource(sound, RATE), frames=500, first=800), 0.1)
    padded = np.pad(sound[:, 800:], ((0, 0), (0, 300)))
    assert np.array_equal(part.highest, overview(padded, 0.1).highest)
    assert np.array_equal(part.levels, overview(padded, 0.1).levels)


def most_memory(minutes: int) -> int:
    frames = minutes * 60 * RATE
    tracemalloc.start()
    try:
        measure(Stretch(SilentStem(RATE, frames), frames), frames / RATE)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_long_sound_takes_no_more_memory_than_a_short_one() -> None:
    assert most_memory(10) < 1.1 * most_memory(1)
