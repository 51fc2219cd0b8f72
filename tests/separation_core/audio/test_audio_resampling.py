"""Resampling keeps time and tone, and gives exactly the length that was asked for."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.audio.resampling import StreamResampler, resample_blocks, resampled_frames
from separation_core.units import Hertz

RATES = st.sampled_from([8_000, 22_050, 44_100, 48_000, 96_000, 192_000])


def cut(song: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    start = turn = 0
    while start < song.shape[1]:
        size = sizes[turn % len(sizes)]
        yield song[:, start : start + size]
        start, turn = start + size, turn + 1


@settings(max_examples=30, deadline=None)
@given(
    rate_in=RATES,
    rate_out=RATES,
    frames=st.integers(0, 9_000),
    sizes=st.lists(st.integers(0, 3_000), min_size=1, max_size=5).filter(any),
)
def test_the_block_size_changes_nothing(
    make_song: Callable[..., np.ndarray], rate_in: int, rate_out: int, frames: int, sizes: list[int]
) -> None:
    song = make_song(frames + 1)[:, :frames]
    length = resampled_frames(frames, Hertz(rate_in), Hertz(rate_out))
    blocks = list(resample_blocks(cut(song, sizes), Hertz(rate_in), Hertz(rate_out), 2, length))
    found = np.concatenate([np.zeros((2, 0), np.float32), *blocks], axis=1)
    assert found.shape == (2, length)
    whole = soxr.resample(song.T, rate_in, rate_out, "VHQ").T if rate_in != rate_out and frames else song
    same = min(length, whole.shape[1])
    assert length - same <= 1
    np.testing.assert_allclose(found[:, :same], whole[:, :same], atol=1e-6)


def tone(rate: int) -> np.ndarray:
    """One second of 1 kHz."""
    return np.sin(2 * np.pi * 1_000 * np.arange(rate) / rate)[None].astype(np.float32)


@pytest.mark.parametrize("rate_in", [8_000, 44_100, 192_000])
@pytest.mark.parametrize("rate_out", [44_100, 48_000])
def test_a_tone_stays_in_place_and_pitch(rate_in: int, rate_out: int) -> None:
    found = np.concatenate(list(resample_blocks([tone(rate_in)], Hertz(rate_in), Hertz(rate_out), 1, rate_out)), axis=1)
    middle = slice(rate_out // 4, 3 * rate_out // 4)
    np.testing.assert_allclose(found[0, middle], tone(rate_out)[0, middle], atol=1e-5)


def test_there_and_back_gives_the_song(song: np.ndarray) -> None:
    up = list(
        resample_blocks([song], Hertz(44_100), Hertz(96_000), 2, resampled_frames(90_500, Hertz(44_100), Hertz(96_000)))
    )
    back = np.concatenate(list(resample_blocks(up, Hertz(96_000), Hertz(44_100), 2, 90_500)), axis=1)
    np.testing.assert_allclose(back[:, 500:-500], song[:, 500:-500], atol=1e-5)


@pytest.mark.parametrize("frames_out", [0, 10, 1_000_000])
def test_the_end_is_trimmed_or_filled_with_silence(song: np.ndarray, frames_out: int) -> None:
    blocks = list(resample_blocks([song], Hertz(44_100), Hertz(48_000), 2, frames_out))
    assert sum(block.shape[1] for block in blocks) == frames_out
    if frames_out > 100_000:
        assert not np.concatenate(blocks, axis=1)[:, 98_504:].any()


@given(frames=st.integers(0, 10**12), rate_in=RATES, rate_out=RATES)
def test_lengths_are_rounded_to_the_nearest(frames: int, rate_in: int, rate_out: int) -> None:
    found = resampled_frames(frames, Hertz(rate_in), Hertz(rate_out))
    assert abs(2 * (found * rate_in - frames * rate_out)) <= rate_in
    assert resampled_frames(frames, Hertz(rate_in), Hertz(rate_in)) == frames


def test_equal_rates_change_nothing(song: np.ndarray) -> None:
    resampler = StreamResampler(Hertz(44_100), Hertz(44_100), 2)
    np.testing.assert_array_equal(resampler.process(song), song)
    assert resampler.finish().shape == (2, 0)
