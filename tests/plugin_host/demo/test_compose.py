"""The demo's song is music that a separator can be judged by: four full parts whose sum is the mix."""

from itertools import pairwise

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from plugin_host.demo import score
from plugin_host.demo.compose import RATE, SECONDS, STEMS, compose
from plugin_host.demo.drum_kit import play_drums
from plugin_host.demo.score import BEATS_PER_BAR, BEATS_PER_MINUTE, CHORUS, INTRO, OUTRO, hertz, seconds_at

Sound = NDArray[np.float32]
A_MINOR = {9, 11, 0, 2, 4, 5, 7}


@pytest.fixture(scope="module")
def song() -> dict[str, Sound]:
    return compose()


def part(sound: Sound, bars: range) -> Sound:
    frames = BEATS_PER_BAR * 60.0 / BEATS_PER_MINUTE * RATE
    return sound[:, round(bars[0] * frames) : round((bars[-1] + 1) * frames)]


def mixed(song: dict[str, Sound]) -> Sound:
    return np.asarray(np.sum(list(song.values()), axis=0, dtype=np.float32))


def lufs(sound: Sound) -> float:
    return float(pyloudnorm.Meter(RATE).integrated_loudness(sound.T))


def band_share(sound: Sound, low: float, high: float) -> float:
    """Part of the power that lies between two frequencies."""
    power = np.abs(np.fft.rfft(sound.mean(axis=0))) ** 2
    frequency = np.fft.rfftfreq(sound.shape[-1], 1.0 / RATE)
    return float(power[(frequency >= low) & (frequency < high)].sum() / power.sum())


def side_share(sound: Sound) -> float:
    return float(np.var(sound[0] - sound[1]) / np.var(sound[0] + sound[1]))


def test_half_a_minute_of_four_stereo_stems(song: dict[str, Sound]) -> None:
    assert tuple(song) == STEMS
    assert SECONDS == 30.0
    for sound in song.values():
        assert sound.shape == (2, 30 * RATE)
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()


def test_the_mix_is_as_loud_as_a_record_does_not_clip_and_ends_in_silence(song: dict[str, Sound]) -> None:
    mix = mixed(song)
    assert 0.88 < np.abs(mix).max() < 0.9
    assert -17.0 < lufs(mix) < -13.0
    assert np.abs(mix[:, -10:]).max() < 1e-3


def test_the_parts_are_balanced(song: dict[str, Sound]) -> None:
    loudness = [lufs(sound) for sound in song.values()]
    assert max(loudness) - min(loudness) < 6.0
    assert all(-25.0 < level < -15.0 for level in loudness)


def test_every_part_lies_where_it_does_in_a_band(song: dict[str, Sound]) -> None:
    assert band_share(song["bass"], 30, 400) > 0.9
    assert band_share(song["drums"], 30, 120) > 0.3
    assert band_share(song["drums"][:, : 4 * RATE], 5000, 22_050) > 0.9  # the intro's hats alone
    assert band_share(song["vocals"], 120, 4000) > 0.9
    assert band_share(song["other"], 100, 5000) > 0.9


def test_bass_and_lead_stand_in_the_middle_and_the_keys_are_wide(song: dict[str, Sound]) -> None:
    assert side_share(song["bass"]) < 1e-6
    assert side_share(song["vocals"]) < 0.05 < side_share(song["other"])


def test_the_song_has_sections(song: dict[str, Sound]) -> None:
    mix = mixed(song)
    assert lufs(part(mix, CHORUS)) > lufs(part(mix, INTRO)) + 4.0
    assert not part(song["bass"], INTRO).any()
    assert all(part(sound, OUTRO).any() for sound in song.values())


def test_the_tune_is_sung_at_its_pitches(song: dict[str, Sound]) -> None:
    """Where a note is held, the strongest low harmonics fit the written pitch better than its neighbours."""
    held = [syllable.note for syllable in score.melody() if syllable.note.beats >= 1.4]
    for note in held:
        start = round((seconds_at(note.start) + 0.2) * RATE)
        sound = song["vocals"][:, start : start + 16_384].mean(axis=0)
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size), 131_072))
        fit = {step: comb(spectrum, hertz(note.pitch + step)) for step in range(-3, 4)}
        assert max(fit, key=lambda step: fit[step]) == 0, note


def comb(spectrum: NDArray[np.float64], frequency: float) -> float:
    bins = np.round(frequency * np.arange(1, 5) * 131_072 / RATE).astype(int)
    return float(sum(spectrum[at - 12 : at + 13].max() for at in bins))


def test_every_note_is_in_the_key() -> None:
    sung = [syllable.note for syllable in (*score.melody(), *score.harmony())]
    for notes in (score.keys_notes(), score.arpeggio_notes(), score.pad_notes(), sung):
        assert {round(note.pitch) % 12 for note in notes} <= A_MINOR


def test_no_two_sung_notes_overlap() -> None:
    notes = [syllable.note for syllable in score.melody()]
    assert all(a.start + a.beats <= b.start + 1e-9 for a, b in pairwise(notes))


def test_swing_pushes_only_the_off_sixteenths_and_keeps_their_order() -> None:
    times = [seconds_at(beat) for beat in np.arange(0, 8, 0.125)]
    assert all(a < b for a, b in pairwise(times))
    straight = 60.0 / BEATS_PER_MINUTE
    assert seconds_at(3.5) == pytest.approx(3.5 * straight)
    assert seconds_at(3.25) > 3.25 * straight


def test_one_seed_is_one_performance_and_another_is_another() -> None:
    first, again, other = (play_drums(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.std(other) == pytest.approx(np.std(first), rel=0.1)


def test_one_seed_one_song(song: dict[str, Sound]) -> None:
    again = compose()
    for name in STEMS:
        np.testing.assert_array_equal(song[name], again[name])
