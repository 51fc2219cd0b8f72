"""Instruments vary as promised: bends stay near the note, layers and unisons hold both sounds, drums ring and stop."""

import numpy as np
import pytest

from separation_core.training import instruments
from separation_core.training.corpus import RATE
from separation_core.training.instruments import play_drums
from separation_core.training.material import Material
from separation_core.training.score import Hit, Note

SECONDS = 8


def tone(frequency: float) -> np.ndarray:
    wave = np.sin(2 * np.pi * frequency * np.arange(SECONDS * RATE) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


def frequencies(mono: np.ndarray) -> np.ndarray:
    """Of a tone, from one upward zero crossing to the next."""
    below = np.flatnonzero((mono[:-1] < 0) & (mono[1:] >= 0))
    exact = below + mono[below] / (mono[below] - mono[below + 1])
    return RATE / np.diff(exact)


@pytest.mark.parametrize("seed", range(6))
def test_a_bent_tone_wavers_about_its_pitch(seed: int) -> None:
    bent = instruments._bent(np.random.default_rng(seed), tone(440.0))
    assert bent.shape == (2, SECONDS * RATE)
    assert bent.dtype == np.float32
    semitones = 12 * np.log2(frequencies(bent[0])[4:-4] / 440.0)
    assert abs(np.median(semitones)) < 0.5
    assert 0.05 < np.abs(semitones).max() < 6
    assert np.abs(np.diff(bent[0])).max() < 0.1, "no click"


@pytest.mark.parametrize("seed", range(4))
def test_a_chorus_is_finite_and_about_as_loud(seed: int) -> None:
    wet = instruments._chorus(np.random.default_rng(seed), tone(440.0))
    assert wet.shape == (2, SECONDS * RATE)
    assert np.isfinite(wet).all()
    assert np.abs(wet).max() <= 2.0
    assert np.abs(np.diff(wet[0])).max() < 0.5


def test_a_sweep_moves_and_does_not_blast() -> None:
    noise = np.random.default_rng(1).standard_normal((2, SECONDS * RATE)).astype(np.float32)
    swept = instruments._swept(np.random.default_rng(2), noise)
    bright = [
        float(np.sum(np.abs(np.fft.rfft(swept[0, at : at + 4096])[100:300]) ** 2))
        for at in range(0, swept.shape[1] - 4096, 4096)
    ]
    assert max(bright) > 10 * min(bright)
    assert np.square(swept).mean() < np.square(noise).mean()


def test_a_layer_is_added_and_rings_to_its_end() -> None:
    stroke, under = np.ones((2, 100), dtype=np.float32), np.full((1, 300), 4.0, dtype=np.float32)
    layered = instruments._layered(stroke, under)
    assert layered.shape == (2, 300)
    np.testing.assert_allclose(layered[:, :100], 1.7)
    np.testing.assert_allclose(layered[:, 100:], 0.7)
    assert (stroke == 1).all()


def test_two_instruments_in_unison_are_both_heard() -> None:
    both = instruments._both(lambda _: np.full((1, 10), 5.0, np.float32), lambda _: np.full((2, 20), -0.5, np.float32))
    sound = both(Note(0.0, 1.0, 60, 1.0))
    np.testing.assert_allclose(sound[:, :10], 0.0)
    np.testing.assert_allclose(sound[:, 10:], -1.0)


@pytest.mark.parametrize("seed", range(8))
def test_a_kick_sounds_whatever_is_done_to_it(seed: int, material: Material) -> None:
    drums = play_drums(np.random.default_rng(seed), material, [Hit(0.5, "kick", 1.0)], 4 * RATE)
    assert np.isfinite(drums).all()
    assert not drums[:, : RATE // 2 - 1].any()
    assert np.abs(drums).max() > 1e-3
