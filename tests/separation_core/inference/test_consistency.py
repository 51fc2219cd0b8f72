from collections.abc import Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.errors import ModelError
from separation_core.inference.consistency import MAX_SCALE, ScaleFit, share_residual, two_stems
from separation_core.units import Hertz

RATE = Hertz(44100)
FRAMES = 150_000
SUM_LIMIT = 1e-6
"""-120 dBFS."""


def noise(seed: int, *shape: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * 0.1).astype(np.float32)


def cut(block: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (block[..., start : start + size] for start in range(0, block.shape[-1], size))


def shared(
    mix: Iterable[np.ndarray],
    stems: Iterable[np.ndarray],
    catch_all: int | None = None,
    rate: int = RATE,
    model_rate: int = RATE,
) -> np.ndarray:
    blocks = share_residual(mix, stems, rate=Hertz(rate), model_rate=Hertz(model_rate), catch_all=catch_all)
    return np.concatenate(list(blocks), axis=-1)


def band_power(signal: np.ndarray, rate: int, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(signal * np.hanning(signal.shape[-1]))) ** 2
    hertz = np.fft.rfftfreq(signal.shape[-1], 1 / rate)
    return float(power[..., (hertz >= low) & (hertz < high)].sum())


@given(
    frames=st.integers(1, 9000),
    stems=st.integers(1, 5),
    seed=st.integers(0, 1000),
    rate=st.sampled_from([8000, 44100, 96000]),
    catch_all=st.sampled_from([None, 0]),
)
@settings(deadline=None, max_examples=25)
def test_the_stems_sum_to_the_song(frames: int, stems: int, seed: int, rate: int, catch_all: int | None) -> None:
    mix, parts = noise(seed, 2, frames), noise(seed + 1, stems, 2, frames)
    found = shared([mix], [parts], catch_all, rate)
    assert found.dtype == np.float32
    assert np.abs(found.sum(axis=0) - mix).max() <= SUM_LIMIT


def test_the_sum_holds_in_full_scale_and_across_block_edges() -> None:
    mix, parts = 9 * noise(0, 2, 300_000), 9 * noise(1, 4, 2, 300_000)
    found = shared(cut(mix, 65536), cut(parts, 65536))
    assert np.abs(found.sum(axis=0, dtype=np.float64) - mix).max() <= SUM_LIMIT


def test_how_the_input_is_cut_does_not_matter() -> None:
    mix, parts = noise(0, 2, FRAMES), noise(1, 3, 2, FRAMES)
    assert np.array_equal(shared([mix], [parts], 1), shared(cut(mix, 7001), cut(parts, 50_000), 1))


def test_no_seam_is_heard_where_blocks_meet() -> None:
    # Begun later, on the grid of the transform, other frames lie at the edges of blocks.
    mix, parts, later, margin = noise(0, 2, 200_000), noise(1, 2, 2, 200_000), 1 << 16, 1 << 13
    found, moved = shared([mix], [parts]), shared([mix[:, later:]], [parts[..., later:]])
    assert np.allclose(moved[..., margin:], found[..., later + margin :], atol=1e-6)


def test_stems_that_sum_to_the_song_stay_as_they_are() -> None:
    parts = noise(1, 4, 2, 20_000)
    assert np.allclose(shared([parts.sum(0)], [parts]), parts, atol=1e-6)


def test_a_missing_part_goes_to_the_stem_that_sounds_there() -> None:
    time = np.arange(FRAMES) / RATE
    low, high = (np.tile(np.sin(2 * np.pi * hertz * time), (2, 1)).astype(np.float32) for hertz in (200, 3000))
    found = shared([low + high], [np.stack([0.5 * low, 0.7 * high])])
    middle = slice(5000, -5000)
    assert np.allclose(found[0][:, middle], low[:, middle], atol=2e-3)
    assert np.allclose(found[1][:, middle], high[:, middle], atol=2e-3)


@pytest.mark.parametrize("catch_all", [None, 0])
def test_a_silent_stem_stays_silent_where_others_sound(catch_all: int | None) -> None:
    # The difference is 20 dB under the stems: the stems that sound can claim all of it.
    parts = np.stack([noise(1, 2, 20_000), noise(2, 2, 20_000), np.zeros((2, 20_000), np.float32)])
    found = shared([parts.sum(0) * 1.1], [parts], catch_all)
    assert np.abs(found[2]).max() < 1e-4


@pytest.mark.parametrize("catch_all", [None, 2])
def test_a_stem_that_rests_gets_nothing_even_where_no_stem_claims_what_is_missing(catch_all: int | None) -> None:
    # The stems hold nothing above 2 kHz, where the song is at its loudest.
    time = np.arange(40_000) / RATE
    low, high = (np.tile(np.sin(2 * np.pi * hertz * time), (2, 1)).astype(np.float32) for hertz in (300, 6000))
    parts = np.stack([0.03 * low, 0.01 * low, np.zeros_like(low)])
    found = shared([0.04 * low + high], [parts], catch_all)
    assert np.abs(found[2]).max() < 1e-5
    assert np.abs(found[:2].sum(0) - 0.04 * low - high).max() < 1e-4


def test_what_no_stem_claims_goes_to_the_catch_all() -> None:
    mix, silence = noise(0, 2, 20_000), np.zeros((3, 2, 20_000), np.float32)
    caught = shared([mix], [silence], 1)
    assert np.allclose(caught[1], mix, atol=1e-6)
    assert not caught[[0, 2]].any()
    even = shared([mix], [silence])
    assert np.allclose(even, np.stack([mix / 3] * 3), atol=1e-6)


def test_the_band_that_the_model_never_heard_is_shared_as_the_one_below() -> None:
    rate, model_rate = 96000, 44100
    mix = noise(0, 2, FRAMES)
    heard = np.fft.rfft(mix)
    heard[..., np.fft.rfftfreq(FRAMES, 1 / rate) > 21000] = 0
    parts = np.stack([0.9 * np.fft.irfft(heard, FRAMES), 0.1 * np.fft.irfft(heard, FRAMES)]).astype(np.float32)
    found = shared([mix], [parts], 1, rate, model_rate)
    loud, faint = (band_power(stem, rate, 25000, 48000) for stem in found)
    # Shares of power 0.81 : 0.01, so of amplitude 81 : 1 of what is missing.
    assert loud / faint == pytest.approx(81**2, rel=0.1)
    assert loud == pytest.approx(band_power(mix, rate, 25000, 48000), rel=0.05)


def test_samples_of_the_song_that_are_no_numbers_count_as_silence() -> None:
    mix, parts = noise(0, 2, 5000), noise(1, 2, 2, 5000)
    silent = mix.copy()
    mix[0, 9], silent[0, 9] = np.nan, 0
    assert np.array_equal(shared([mix], [parts]), shared([silent], [parts]))


@pytest.mark.parametrize("frames", [4999, 5001, 0])
def test_unequal_lengths_are_refused(frames: int) -> None:
    with pytest.raises(ModelError, match="as long as"):
        shared([noise(0, 2, 5000)], [noise(1, 2, 2, frames)])


@given(st.lists(st.floats(0.1, 3.5), min_size=1, max_size=5), st.integers(1, 2000))
@settings(deadline=None, max_examples=30)
def test_the_scales_of_a_sum_are_found(scales: list[float], block: int) -> None:
    stems = noise(3, len(scales), 2, 2000)
    mix = np.einsum("k,kcf->cf", np.array(scales), stems)
    fit = ScaleFit(len(scales))
    for part, stem_part in zip(cut(mix, block), cut(stems, block), strict=True):
        fit.add(part, stem_part)
    assert np.allclose(fit.scales(), scales, rtol=1e-3)


def test_least_squares_never_makes_the_sum_worse_and_stays_in_bounds() -> None:
    mix, stems = noise(0, 2, 2000), noise(1, 3, 2, 2000)
    stems[0], stems[1] = -mix + 0.1 * stems[0], 0.01 * mix
    fit = ScaleFit(3)
    fit.add(mix, stems)
    scales = fit.scales()
    assert scales.tolist()[:2] == pytest.approx([0, MAX_SCALE], abs=1e-6)
    scaled = np.einsum("k,kcf->cf", scales, stems)
    assert np.square(scaled - mix).sum() <= np.square(stems.sum(0) - mix).sum()


def test_silent_stems_and_copies_have_sensible_scales() -> None:
    assert ScaleFit(3).scales().tolist() == [1, 1, 1]
    song = noise(0, 2, 2000)
    fit = ScaleFit(3)
    fit.add(song, np.stack([song, song, np.zeros_like(song)]))
    assert fit.scales() == pytest.approx([0.5, 0.5, 1], abs=1e-5)


@given(st.integers(2, 5), st.data())
def test_two_stems_keep_one_and_the_sum(stems: int, data: st.DataObject) -> None:
    keep, block = data.draw(st.integers(0, stems - 1)), noise(4, stems, 2, 50)
    pair = two_stems(block, keep)
    assert pair.shape == (2, 2, 50)
    assert np.array_equal(pair[0], block[keep])
    assert np.allclose(pair.sum(0), block.sum(0), atol=1e-6)
