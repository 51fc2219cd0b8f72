"""The meter agrees with the standard's figures and with others' meters, and never with the block size."""

import math
from collections.abc import Callable

import numpy as np
import pyloudnorm
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.audio.loudness import LevelMeter, Levels, k_weighting
from separation_core.units import Hertz


def measured(song: np.ndarray, rate: int = 48_000) -> Levels:
    meter = LevelMeter(Hertz(rate), len(song))
    meter.add(song)
    return meter.levels()


def tone(frequency: float, level_db: float, seconds: float = 5, rate: int = 48_000, channels: int = 2) -> np.ndarray:
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave, (channels, 1)).astype(np.float32)


def test_the_filter_is_that_of_bs1770() -> None:
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585],
        [1, -2, 1, 1, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(k_weighting(Hertz(48_000)), table, atol=1e-7)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 192_000])
def test_the_tone_of_ebu_tech_3341_reads_as_it_must(rate: int) -> None:
    """Case 1 and 2: 1 kHz in both channels at -23 and -33 dBFS reads -23 and -33 LUFS, to 0.1 LU."""
    assert measured(tone(1_000, -23, rate=rate), rate).lufs == pytest.approx(-23, abs=0.1)
    assert measured(tone(1_000, -33, rate=rate), rate).lufs == pytest.approx(-33, abs=0.1)


def test_the_gates_leave_out_what_is_quiet() -> None:
    """EBU Tech 3341 case 3 and 4, shortened: the quiet parts do not count."""
    quiet, loud, silent = tone(1_000, -36), tone(1_000, -23, 30), tone(1_000, -72)
    assert measured(np.concatenate([quiet, loud, quiet], axis=1)).lufs == pytest.approx(-23, abs=0.1)
    assert measured(np.concatenate([silent, quiet, loud, quiet, silent], axis=1)).lufs == pytest.approx(-23, abs=0.1)


def test_surround_is_weighed_and_the_low_frequency_channel_is_not() -> None:
    """EBU Tech 3341 case 6: 5.0 at -28, -28, -24, -30, -30 dBFS reads -23 LUFS; here with a loud LFE besides."""
    levels = [-28, -28, -24, 0, -30, -30]
    song = np.concatenate([tone(1_000, level, channels=1) for level in levels])
    assert measured(song).lufs == pytest.approx(-23, abs=0.1)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), rate=st.sampled_from([22_050, 44_100, 48_000, 96_000]), channels=st.integers(1, 2))
def test_it_agrees_with_pyloudnorm(make_song: Callable[..., np.ndarray], seed: int, rate: int, channels: int) -> None:
    envelope = np.repeat(np.random.default_rng(seed).uniform(0.001, 1, 40), rate // 10)
    song = make_song(4 * (rate // 10) * 10, channels, seed) * envelope
    song = song.astype(np.float32)
    assert measured(song, rate).lufs == pytest.approx(pyloudnorm.Meter(rate).integrated_loudness(song.T), abs=0.1)
    exact = pyloudnorm.Meter(rate, "DeMan")  # its only filter that is that of the standard
    assert measured(song, rate).lufs == pytest.approx(exact.integrated_loudness(song.T), abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 30_000), min_size=1, max_size=8).filter(any), rate=st.sampled_from([11_025, 44_100])
)
def test_the_block_size_changes_not_one_bit(song: np.ndarray, sizes: list[int], rate: int) -> None:
    meter, start, turn = LevelMeter(Hertz(rate), 2), 0, 0
    while start < song.shape[1]:
        meter.add(song[:, start : start + sizes[turn % len(sizes)]])
        start, turn = start + sizes[turn % len(sizes)], turn + 1
        if turn == 1:
            meter.levels()  # a look in between disturbs nothing
    assert meter.levels() == measured(song, rate)


def test_true_peak_finds_what_lies_between_samples() -> None:
    song = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000 + np.pi / 4)[None].astype(np.float32)
    levels = measured(song * 0.5)
    assert levels.peak_db == pytest.approx(-9.03, abs=0.01)
    assert levels.true_peak_db == pytest.approx(-6.02, abs=0.1)


def test_true_peak_may_lie_where_the_samples_are_lower() -> None:
    plateau = np.full((1, 48_000), 0.6, np.float32)
    between = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000 + np.pi / 4)[None] * 0.75
    fade = np.hanning(48_000)
    levels = measured(np.concatenate([plateau * fade, between * fade], axis=1).astype(np.float32))
    assert levels.peak_db == pytest.approx(20 * np.log10(0.6), abs=0.01)
    assert levels.true_peak_db == pytest.approx(20 * np.log10(0.75), abs=0.05)


@pytest.mark.parametrize("frames", [90_500, 4_410, 1_000])
def test_true_peak_agrees_with_a_resampler(make_song: Callable[..., np.ndarray], frames: int) -> None:
    song = make_song(frames, seed=frames)
    reference = 20 * np.log10(np.abs(soxr.resample(np.pad(song, ((0, 0), (99, 99))).T, 1, 4, "VHQ")).max())
    assert measured(song).true_peak_db == pytest.approx(reference, abs=0.05)


def test_silence_and_nothing() -> None:
    for frames in (0, 1, 100, 100_000):
        levels = measured(np.zeros((2, frames), np.float32))
        assert (levels.lufs, levels.peak_db, levels.true_peak_db, levels.rms_db) == (-math.inf,) * 4
        assert (levels.frames, levels.clipped, levels.non_finite, levels.dc) == (frames, 0, 0, 0)


def test_the_plain_figures() -> None:
    square = np.tile(np.float32([1, -1]), (2, 24_000))
    levels = measured(square)
    assert (levels.peak_db, levels.rms_db, levels.clipped, levels.dc) == (0, 0, 96_000, 0)
    assert measured(np.full((1, 1), 0.5, np.float32)).peak_db == pytest.approx(-6.02, abs=0.01)
    offset = np.concatenate([np.full((1, 9_999), -0.25), np.zeros((1, 9_999))]).astype(np.float32)
    assert measured(offset).dc == pytest.approx(0.25)
    assert measured(offset).lufs < -60  # the high pass takes DC out


def test_what_is_not_finite_is_counted_and_left_out(song: np.ndarray) -> None:
    broken = song.copy()
    broken[0, 1_000:1_010], broken[1, 2_000] = np.nan, np.inf
    mended = np.where(np.isfinite(broken), broken, 0)
    levels, plain = measured(broken), measured(mended)
    assert (levels.non_finite, levels.clipped) == (11, 1)
    assert (levels.lufs, levels.peak_db, levels.true_peak_db) == (plain.lufs, plain.peak_db, plain.true_peak_db)
