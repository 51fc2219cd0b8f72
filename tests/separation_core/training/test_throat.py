"""Synthetic singers keep to their phrases, their key and their range; and no singer is both learned and held out."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from separation_core.training import throat as throats
from separation_core.training import voices
from separation_core.training.composer import compose
from separation_core.training.corpus import RATE, open_corpus
from separation_core.training.material import Material, sort_material
from separation_core.training.score import Phrase, Score
from separation_core.training.theory import MODES
from separation_core.training.throat import VOWELS, draw_throat, sing_from_throat
from separation_core.training.voices import sing

SECONDS = 6
FRAMES = SECONDS * RATE


def score(seed: int, *phrases: Phrase) -> Score:
    return replace(compose(np.random.default_rng(seed), SECONDS), phrases=phrases)


def sung(mono: np.ndarray) -> float:
    """MIDI pitch of a steady sound, by its autocorrelation."""
    likeness = np.fft.irfft(np.abs(np.fft.rfft(mono, 2 * mono.size)) ** 2)[: mono.size]
    shortest = RATE // 1200
    # The first peak that is nearly as high as any: later ones are octaves below.
    peaks = [
        lag
        for lag in range(shortest, RATE // 50)
        if likeness[lag - 1] < likeness[lag] > likeness[lag + 1] and likeness[lag] > 0.85 * likeness[shortest:].max()
    ]
    return 69 + 12 * np.log2(RATE / peaks[0] / 440)


@pytest.mark.parametrize("seed", range(6))
def test_it_sings_where_there_are_phrases_and_is_silent_elsewhere(seed: int) -> None:
    voice = sing_from_throat(np.random.default_rng(seed), score(seed, Phrase(1.0, 2.0, "sung")), FRAMES)
    assert voice.shape == (2, FRAMES)
    assert voice.dtype == np.float32
    assert np.isfinite(voice).all()
    loudest = np.abs(voice).max()
    assert loudest > 0.05
    assert np.abs(voice[:, : int(0.9 * RATE)]).max() < 1e-3 * loudest
    assert np.abs(voice[:, int(3.4 * RATE) :]).max() < 1e-2 * loudest
    np.testing.assert_array_equal(
        voice, sing_from_throat(np.random.default_rng(seed), score(seed, Phrase(1.0, 2.0, "sung")), FRAMES)
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_sampler_sings_the_notes_of_the_key_where_there_are_phrases(seed: int, material: Material) -> None:
    song = score(seed, Phrase(1.0, 2.0, "sung"))
    voice = voices._sampled(np.random.default_rng(seed), material, song, FRAMES)
    assert voice.shape == (2, FRAMES)
    loudest = np.abs(voice).max()
    assert loudest > 0.05
    assert not voice[:, : int(0.9 * RATE)].any()
    assert np.abs(voice[:, int(3.6 * RATE) :]).max() < 1e-2 * loudest


def test_held_notes_are_no_singers_and_are_not_heard_in_validation(corpus_cache: Path) -> None:
    corpus = open_corpus(corpus_cache)
    heard, kept = sort_material(corpus), sort_material(corpus, held_out=True)
    assert "held" not in heard.voices
    assert [corpus.samples[index].midi for index in heard.melodic["vocals"]["v"]] == [52, 64]
    assert not kept.melodic["vocals"]


def test_without_phrases_there_is_silence() -> None:
    assert not sing_from_throat(np.random.default_rng(1), score(1), FRAMES).any()
    assert not sing_from_throat(np.random.default_rng(1), score(1, Phrase(SECONDS + 1.0, 1.0, "sung")), FRAMES).any()


@pytest.mark.parametrize("seed", range(8))
def test_a_held_note_is_one_of_the_key(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(
        draw_throat(np.random.default_rng(seed)), vocalise=True, vibrato=(5.0, 0.0), breath=0.001, glide=0.01
    )
    monkeypatch.setattr(throats, "draw_throat", lambda _: plain)
    monkeypatch.setattr(throats, "SINGERS", (1,))
    one = score(seed, Phrase(0.5, 1.0, "sung"))
    one = replace(one, grid=replace(one.grid, tempo=30.0))  # a note is half a second at least
    voice = sing_from_throat(np.random.default_rng(seed), one, FRAMES)[0]
    pitch = sung(voice[int(0.7 * RATE) : int(0.95 * RATE)])
    assert plain.lowest - 1 < pitch < plain.lowest + throats.RANGE + 1
    steps = [(one.key.tonic + step) % 12 for step in MODES[one.key.mode]]
    assert min(abs((pitch - step + 6) % 12 - 6) for step in steps) < 0.4


def test_vowels_are_told_by_their_formants(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second formant of "ee" lies far above that of "oo"."""
    low = replace(draw_throat(np.random.default_rng(3)), lowest=40.0, tract=1.0, vocalise=True, breath=0.001)
    monkeypatch.setattr(throats, "draw_throat", lambda _: low)
    powers = {}
    for name, formants in (("ee", VOWELS[0]), ("oo", VOWELS[7])):
        monkeypatch.setattr(throats, "VOWELS", formants[None])
        voice = sing_from_throat(np.random.default_rng(5), score(2, Phrase(0.5, 4.0, "sung")), FRAMES)[0]
        spectrum = np.abs(np.fft.rfft(voice)) ** 2
        bins = np.fft.rfftfreq(voice.size, 1 / RATE)
        powers[name] = [spectrum[(bins > f - 150) & (bins < f + 150)].sum() for f in (870, 2290)]
    assert powers["ee"][1] / powers["ee"][0] > 10 * powers["oo"][1] / powers["oo"][0]


def test_voices_stand_in_the_middle_or_wide(material: Material) -> None:
    wide = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        voice = sing(rng, material, score(seed, Phrase(0.5, 4.0, "sung")), FRAMES)
        middle, side = voice.sum(axis=0), voice[0] - voice[1]
        wide.append(float(np.square(side).sum() / np.square(middle).sum()))
    assert sum(share < 1e-6 for share in wide) >= 3
    assert sum(share > 0.05 for share in wide) >= 3


def test_a_chopped_voice_repeats_itself_in_step(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "CHOPPED", 1.0)
    monkeypatch.setattr(voices, "_stage", lambda _, voice: voice)
    one = score(4, Phrase(0.0, SECONDS, "sung"))
    voice = sing(np.random.default_rng(5), material, one, FRAMES)
    step = int(one.grid.step * RATE)
    slices = [voice[0, at : at + step] for at in range(0, FRAMES - step, step)]
    sounding = [cut for cut in slices if np.abs(cut).max() > 0.01]
    again = sum(any(np.array_equal(a, b) for b in sounding[:place]) for place, a in enumerate(sounding))
    assert again > len(sounding) / 3
    assert len(sounding) < len(slices)


def test_held_out_voices_are_of_singers_that_are_not_learned(material: Material) -> None:
    samples = [
        replace(sample, singer=f"singer {number % 4}") if sample.kind == "sung" else sample
        for number, sample in enumerate(material.corpus.samples)
    ]
    corpus = copy(material.corpus)
    corpus.samples = tuple(samples)
    learned, held_out = sort_material(corpus), sort_material(corpus, held_out=True)
    assert len(learned.voices["sung"]) == 3
    assert len(held_out.voices["sung"]) == 1
    assert not set(learned.voices["sung"]) & set(held_out.voices["sung"])
    assert learned.voices["speech"], "one speaker is too few to hold one out"
    assert "speech" not in held_out.voices
