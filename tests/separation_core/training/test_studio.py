import numpy as np
import pytest
from scipy.signal import sosfreqz

from separation_core.training.corpus import RATE
from separation_core.training.effects import (
    compression,
    cut,
    echo,
    equalise,
    limiting,
    peaking,
    place,
    reverberate,
    saturate,
    shelf,
    widen,
)
from separation_core.training.shifting import resample, shift_voice, stretch, warp_formants
from separation_core.training.synthesis import draw_patch, drum_machine, play_patch

TIME = np.arange(RATE) / RATE


def _sine(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * RATE)) / RATE).astype(np.float32) * np.float32(0.5)


def _pitch(mono: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(mono.size)))
    return float(np.argmax(spectrum) * RATE / mono.size)


def _gain_db(sections: np.ndarray, frequency: float) -> float:
    _, response = sosfreqz(sections, [frequency], fs=RATE)
    return float(20 * np.log10(np.abs(response[0])))


def test_filters_do_what_they_are_called() -> None:
    assert _gain_db(peaking(1000, 6, 1), 1000) == pytest.approx(6, abs=0.01)
    assert _gain_db(shelf(2000, -5, high=True), 19000) == pytest.approx(-5, abs=0.2)
    assert _gain_db(shelf(500, 4, high=False), 20) == pytest.approx(4, abs=0.2)
    assert _gain_db(shelf(500, 4, high=False), 19000) == pytest.approx(0, abs=0.1)
    assert _gain_db(cut(1000, high=True), 8000) < -30
    assert _gain_db(cut(1000, high=False), 100) < -30


def test_equaliser_on_a_sine() -> None:
    sine = np.stack([_sine(1000)] * 2)
    louder = equalise(sine, [peaking(1000, 6, 1)])
    assert np.abs(louder[:, RATE // 2 :]).max() / 0.5 == pytest.approx(2, rel=0.02)


def test_dynamics_only_turn_down_and_limiting_keeps_its_ceiling() -> None:
    burst = np.stack([np.where(TIME < 0.5, 0.05, 1.0) * _sine(200)] * 2).astype(np.float32)
    gain = compression(burst, -20, 4, 0.1)
    assert gain.max() <= 1.0001
    assert gain[RATE // 4] > gain[int(0.9 * RATE)]
    assert np.abs(burst * limiting(burst, 0.2)).max() < 0.45


def test_saturation_keeps_the_peak_and_adds_partials() -> None:
    driven = saturate(_sine(500)[None], 8.0)[0]
    assert np.abs(driven).max() == pytest.approx(0.5, rel=0.01)
    spectrum = np.abs(np.fft.rfft(driven))
    assert spectrum[1500] > 100 * np.abs(np.fft.rfft(_sine(500)))[1500]


def test_rooms_and_echoes_keep_the_dry_sound_and_add_to_it() -> None:
    click = np.zeros((2, RATE), dtype=np.float32)
    click[:, 1000] = 1
    room = reverberate(click, 3, 0.3)
    assert room.shape == click.shape
    assert np.square(room[:, 2000:]).sum() > 0
    np.testing.assert_array_equal(reverberate(click, 3, 0.0), click)
    repeated = echo(click, 0.1, 0.5, 0.5)
    assert repeated[0, 1000 + int(0.1 * RATE)] == pytest.approx(0.5)


def test_placement_keeps_power_and_widening_keeps_the_middle() -> None:
    for pan in (-1.0, -0.3, 0.0, 0.8):
        assert np.square(place(_sine(300), pan)).sum() == pytest.approx(2 * np.square(_sine(300)).sum(), rel=1e-4)
    stereo = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
    np.testing.assert_allclose(widen(stereo, 1.0), stereo, atol=1e-6)
    np.testing.assert_allclose(widen(stereo, 0.0).mean(axis=0), stereo.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(*widen(stereo, 0.0))


@pytest.mark.parametrize(("factor", "semitones"), [(0.7, 0), (1.5, 0), (1.0, -7), (1.2, 5)])
def test_time_and_pitch_change_independently(factor: float, semitones: float) -> None:
    shifted = shift_voice(_sine(440, 2.0), semitones, 2 ** (semitones / 12), 1 / factor)
    assert shifted.size == pytest.approx(2 * RATE * factor, rel=0.03)
    assert _pitch(shifted) == pytest.approx(440 * 2 ** (semitones / 12), rel=0.01)


def test_stretching_a_sine_leaves_no_gaps() -> None:
    longer = stretch(_sine(220, 2.0), 1.4)[4000:-8000]
    levels = np.abs(longer[: longer.size // 512 * 512]).reshape(-1, 512).max(axis=1)
    assert levels.min() > 0.35


def test_formants_move_without_the_pitch() -> None:
    pulses = np.zeros(RATE, dtype=np.float32)
    pulses[::300] = 1
    voice = equalise(pulses[None], [peaking(1200, 24, 3)])[0]
    moved = warp_formants(voice, 0.75)
    before, after = np.abs(np.fft.rfft(voice)), np.abs(np.fft.rfft(moved))
    lower, upper = slice(800, 1000), slice(1150, 1350)
    assert after[lower].max() / after[upper].max() > 2 * before[lower].max() / before[upper].max()
    np.testing.assert_allclose(warp_formants(voice, 1.0), voice)


def test_resampling_changes_length_and_pitch() -> None:
    assert _pitch(resample(_sine(300), 1.5)) == pytest.approx(450, rel=0.01)


def test_synthetic_voices_play_their_pitch_without_aliasing() -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        patch = draw_patch(rng, "lead")
        note = play_patch(rng, patch, 60, 0.5)
        assert np.isfinite(note).all()
        assert np.abs(note).max() > 0.01
        assert np.abs(note[-1]) < 1e-3
    for piece in ("kick", "snare", "hat_closed", "crash", "clap", "perc", "tom_lo"):
        assert np.isfinite(drum_machine(np.random.default_rng(1), piece)).all()


def test_some_synthetic_skins_ring_on_as_long_as_bass_notes() -> None:
    kicks = [drum_machine(np.random.default_rng(seed), "kick") for seed in range(60)]
    late = [kick.size > 0.4 * RATE and np.abs(kick[int(0.4 * RATE) :]).max() > 0.1 for kick in kicks]
    assert 0.15 < np.mean(late) < 0.7
