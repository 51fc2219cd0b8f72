"""A recorded mouth: what it says survives another pitch, what hisses stays a hiss, and rests stay silent."""

from dataclasses import replace

import numpy as np
import pytest

from separation_core.training import mouth as mouths
from separation_core.training.composer import compose
from separation_core.training.corpus import RATE
from separation_core.training.material import Material
from separation_core.training.mouth import BEAT, BINS, LEAD, recorded_passage, spectra
from separation_core.training.score import Phrase, Score
from separation_core.training.throat import hops_of, sing_from_throat

FRAMES = 6 * RATE


def score(seed: int, *phrases: Phrase) -> Score:
    return replace(compose(np.random.default_rng(seed), FRAMES / RATE), phrases=phrases)


def vowel(pitch: float, formant: float) -> np.ndarray:
    """A second of a buzz with one formant, (frame,)."""
    time = np.arange(RATE) / RATE
    partials = np.arange(1, int(12_000 / pitch))
    gains = np.exp(-(((partials * pitch - formant) / 200) ** 2)) + 0.003
    return (0.05 * np.sin(2 * np.pi * pitch * partials * time[:, None]) @ gains).astype(np.float32)


def test_the_envelope_is_the_formants_not_the_pitch() -> None:
    peaks = [
        float(BINS[int(mouths._envelope(spectra(vowel(pitch, 1200.0)), tract)[80].argmax())])
        for pitch, tract in ((110.0, 1.0), (190.0, 1.0), (110.0, 1.25))
    ]
    assert peaks[0] == pytest.approx(1200, abs=120)
    assert peaks[1] == pytest.approx(1200, abs=120)
    assert peaks[2] == pytest.approx(1500, abs=120)


@pytest.mark.parametrize("pitch", [110.0, 220.0, 400.0])
def test_a_tone_is_told_from_a_hiss(pitch: float) -> None:
    hiss = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert np.median(mouths._voicing(spectra(vowel(pitch, 900.0)))) > 0.9
    assert np.median(mouths._voicing(spectra(hiss))) < 0.2
    assert mouths._voicing(spectra(np.zeros(RATE, dtype=np.float32))).max() == 0


def test_it_speaks_in_its_phrases_only(material: Material) -> None:
    one = score(3, Phrase(1.0, 2.0, "sung"))
    passage = recorded_passage(np.random.default_rng(3), material, one, hops_of(FRAMES))
    first, last = LEAD + int(1.0 * BEAT), LEAD + int(3.0 * BEAT)
    for lane in (passage.tone, passage.noise):
        assert lane.shape == (hops_of(FRAMES), BINS.size)
        assert not lane[:first].any()
        assert not lane[last:].any()
        assert np.isfinite(lane).all()
        assert lane.min() >= 0
    assert passage.tone[first:last].any()


def test_it_sings_through_the_recorded_mouth(material: Material) -> None:
    one = score(3, Phrase(1.0, 2.0, "sung"))
    passage = recorded_passage(np.random.default_rng(3), material, one, hops_of(FRAMES))
    voice = sing_from_throat(np.random.default_rng(4), one, FRAMES, passage)
    assert np.isfinite(voice).all()
    loudest = np.abs(voice).max()
    assert loudest > 0.01
    assert np.abs(voice[:, : int(0.95 * RATE)]).max() < 1e-3 * loudest
    assert np.abs(voice[:, int(3.1 * RATE) :]).max() < 1e-3 * loudest
    again = sing_from_throat(np.random.default_rng(4), one, FRAMES, passage)
    np.testing.assert_array_equal(voice, again)
