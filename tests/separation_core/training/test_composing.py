import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from separation_core.training.composer import ABSENT, compose
from separation_core.training.corpus import RATE, STEMS, Sample
from separation_core.training.grooves import GROOVES, THREES
from separation_core.training.material import Material, sung_key
from separation_core.training.renderer import master, render_song
from separation_core.training.theory import MODES, draw_key


def test_a_score_is_a_function_of_its_generator() -> None:
    assert compose(np.random.default_rng(5), 12.0) == compose(np.random.default_rng(5), 12.0)
    assert compose(np.random.default_rng(5), 12.0) != compose(np.random.default_rng(6), 12.0)


def test_melodic_notes_are_in_key_but_for_power_chords() -> None:
    for seed in range(12):
        score = compose(np.random.default_rng(seed), 15.0)
        scale = {(score.key.tonic + step) % 12 for step in MODES[score.key.mode]}
        for part in score.parts:
            if part.role != "riff":
                assert {note.pitch % 12 for note in part.notes} <= scale


def test_bars_are_even_and_events_lie_within_them() -> None:
    for seed in range(12):
        score = compose(np.random.default_rng(seed), 15.0)
        starts = [bar.start for bar in score.bars]
        assert all(later - earlier == pytest.approx(score.grid.bar) for earlier, later in itertools.pairwise(starts))
        end = starts[-1] + score.grid.bar + 1
        assert all(0 <= hit.start < end and 0 < hit.velocity <= 1 for hit in score.hits)
        assert all(note.start >= 0 and note.duration > 0 for part in score.parts for note in part.notes)
        assert 60 <= score.grid.tempo <= 190


def test_stems_fall_silent_about_as_often_as_planned() -> None:
    scores = [compose(np.random.default_rng(seed), 10.0) for seed in range(150)]
    for stem, absent in ABSENT.items():
        silent = np.mean([all(stem not in bar.playing for bar in score.bars) for score in scores])
        assert absent - 0.08 < silent < absent + 0.25, stem


def test_grooves_fit_their_bars() -> None:
    for name, groove in GROOVES.items():
        for line in groove.values():
            assert len(line) == (12 if name in THREES else 16), name


def test_keys_name_their_pitches() -> None:
    key = draw_key(np.random.default_rng(0))
    assert key.pitch(7, 4) == key.pitch(0, 5)


@pytest.mark.parametrize(
    ("key", "path", "expected"),
    [
        ("am", "a", (9, True)),
        ("ebj", "a", (3, False)),
        ("fs", "x_minor_y", (6, True)),
        ("c", "a", (0, False)),
        ("?", "a", None),
    ],
)
def test_sung_keys_are_understood(key: str, path: str, expected: object) -> None:
    assert sung_key(Sample(path=path, stem="vocals", key=key)) == expected


def test_a_rendered_song_is_repeatable_and_within_full_scale(material: Material) -> None:
    for seed in range(4):
        song = render_song(np.random.default_rng(seed), material, 3.0)
        assert song.shape == (len(STEMS), 2, 3 * 44100)
        assert song.dtype == np.float32
        assert np.isfinite(song).all()
        assert np.abs(song).max() <= 1.0
        assert np.abs(song.sum(axis=0)).max() <= 1.0001
        np.testing.assert_array_equal(song, render_song(np.random.default_rng(seed), material, 3.0))


def test_every_stem_sounds_in_some_songs_and_is_silent_in_others(material: Material) -> None:
    sounds = np.array([render_song(np.random.default_rng(seed), material, 2.0).any(axis=(1, 2)) for seed in range(30)])
    assert sounds.any(axis=0).all()
    assert not sounds.all(axis=0).any()


def test_mastering_treats_all_stems_alike_so_that_they_still_sum_to_the_mix() -> None:
    rng = np.random.default_rng(4)
    stems = rng.standard_normal((4, 2, 20000)).astype(np.float32) * 0.2
    stems[3] = stems[0]
    for seed in range(10):
        mastered = master(np.random.default_rng(seed), stems.copy())
        np.testing.assert_array_equal(mastered[3], mastered[0])
        assert not np.array_equal(mastered[0], stems[0])


def test_some_songs_have_no_treble_and_some_no_width_in_their_lows() -> None:
    noise = np.random.default_rng(4).standard_normal((4, 2, 20000)).astype(np.float32) * 0.1
    songs = [master(np.random.default_rng(seed), noise.copy()).sum(axis=0) for seed in range(60)]
    treble = np.array([_power(song, 15000, 20000) / _power(song, 800, 2500) for song in songs])
    width = np.array([_power(song[0] - song[1], 20, 70) / _power(song[0] + song[1], 20, 70) for song in songs])
    for ratio in (treble, width):
        assert 0.05 < np.mean(ratio < 0.05) < 0.5


def _power(audio: NDArray[np.float32], low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(audio, axis=-1)) ** 2
    return float(spectrum[..., int(low * audio.shape[-1] / RATE) : int(high * audio.shape[-1] / RATE)].mean())
