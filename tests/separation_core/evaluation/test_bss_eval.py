"""BSSEval v4: the numbers of museval, and what holds for any implementation of it."""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from separation_core.errors import SeparationError
from separation_core.evaluation.bss_eval import MOST_CHANNELS, BssEval, BssScores

RECIPE = runpy.run_path(str(Path(__file__).with_name("museval_recipe.py")))
NUMBERS: dict[str, dict[str, Any]] = json.loads(RECIPE["NUMBERS"].read_text())
CASES: dict[str, tuple[np.ndarray, np.ndarray]] = RECIPE["cases"]()
RATE: int = RECIPE["RATE"]
TOLERANCE_DB = 0.01


def bss(true: np.ndarray, guess: np.ndarray, *, block: int = RATE) -> BssScores:
    meter, frames = BssEval(*true.shape[:2]), true.shape[-1]
    for start in range(0, frames, block):
        meter.correlate(true[..., start : start + block], guess[..., start : start + block])
    for start in range(0, frames, RATE):
        meter.score(true[..., start : start + RATE], guess[..., start : start + RATE])
    return meter.scores()


@pytest.mark.parametrize("name", CASES)
def test_every_window_scores_as_in_museval(name: str) -> None:
    found = bss(*CASES[name])
    assert found.determined
    for score, wanted in NUMBERS[name].items():
        table = np.array([[np.nan if x is None else x for x in row] for row in wanted])
        np.testing.assert_allclose(getattr(found, score), table, atol=TOLERANCE_DB, rtol=0, err_msg=score)


def test_blocks_of_any_length_give_the_same_filters() -> None:
    whole, cut = bss(*CASES["stereo"]), bss(*CASES["stereo"], block=333)
    for score in RECIPE["SCORES"]:
        np.testing.assert_allclose(getattr(whole, score), getattr(cut, score), atol=1e-6)


def test_a_gain_on_the_estimate_is_no_interference_and_no_artefact() -> None:
    true, _ = CASES["stereo"]
    found = bss(true, true * np.float32(0.5))
    np.testing.assert_allclose(found.isr, 20 * np.log10(2), atol=0.01)
    assert found.sir.min() > 60
    assert found.sar.min() > 60


def test_each_score_hears_its_own_error() -> None:
    true, _ = CASES["stereo"]
    other = bss(true, true + 0.3 * np.roll(true, 1, axis=0))
    noise = bss(true, true + (0.05 * RECIPE["noise"](99, *true.shape)).astype(np.float32))
    assert np.median(other.sir) < 20
    assert np.median(other.sar) > np.median(other.sir) + 20
    assert np.median(noise.sar) < 20
    assert np.median(noise.sir) > np.median(noise.sar) + 5


def test_a_silent_stem_has_no_scores_and_takes_none_from_the_others() -> None:
    true, guess = (stems.copy() for stems in CASES["stereo"])
    true[1] = 0
    with_silent, without = bss(true, guess), bss(true[[0, 2]], guess[[0, 2]])
    for score in RECIPE["SCORES"]:
        assert np.isnan(getattr(with_silent, score)[1]).all()
        np.testing.assert_allclose(getattr(with_silent, score)[[0, 2]], getattr(without, score), atol=1e-6)


def test_an_estimate_of_silence_has_no_scores_and_takes_none_from_the_others() -> None:
    true, guess = (stems.copy() for stems in CASES["stereo"])
    guess[1] = 0
    changed, before = bss(true, guess), bss(*CASES["stereo"])
    assert np.isnan(changed.sdr[1]).all()
    np.testing.assert_allclose(changed.sir[[0, 2]], before.sir[[0, 2]], atol=1e-6)


def test_nothing_but_silence_is_all_nan_without_a_warning() -> None:
    silence = np.zeros((2, 2, 2 * RATE), np.float32)
    assert np.isnan(bss(silence, silence).sar).all()


def test_a_perfect_estimate_has_no_error() -> None:
    true, _ = CASES["mono"]
    found = bss(true, true)
    assert np.isposinf(found.sdr).all()
    assert not np.isnan(np.stack([found.isr, found.sir, found.sar])).any()


def test_empty_bands_are_told_and_scores_stay_near_those_of_16_bits() -> None:
    frames = 16 * RATE
    true, guess = RECIPE["song"](20, 2, 2, frames)
    spectra = np.fft.rfft(np.stack([true, guess]), axis=-1)
    spectra[..., int(0.6 * spectra.shape[-1]) :] = 0
    # A taper, so that the cut signal has no edges whose spectrum would fill the empty band again.
    limited = (np.fft.irfft(spectra, n=frames, axis=-1) * np.hanning(frames) ** 2).astype(np.float32)
    decoded = bss(*limited)
    rounded = bss(*(RECIPE["sixteen_bits"](stems) for stems in limited))
    assert not decoded.determined
    assert rounded.determined
    for score in RECIPE["SCORES"]:
        medians = [np.median(getattr(found, score), axis=1) for found in (decoded, rounded)]
        # Without the floor ISR is 50 dB off here.
        np.testing.assert_allclose(*medians, atol=2.5, rtol=0)


def test_too_many_stems_are_refused() -> None:
    with pytest.raises(SeparationError, match="26 stems of 1 channels"):
        BssEval(MOST_CHANNELS + 2, 1)
