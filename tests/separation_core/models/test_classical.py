from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from separation_core.models.classical import ClassicalSeparator

EXCERPTS = Path(__file__).resolve().parents[3] / "../shared/audio/validation"
RATE = 44100
DRUMS, BASS, OTHER, VOCALS = range(4)
TIME = np.arange(4 * RATE) / RATE


def separated(mix: np.ndarray) -> np.ndarray:
    stems: np.ndarray = ClassicalSeparator()(torch.from_numpy(mix.astype(np.float32))[None])[0].numpy()
    return stems


def both(channel: np.ndarray) -> np.ndarray:
    return np.stack([channel, channel])


def clicks() -> np.ndarray:
    """Eight noise bursts in the centre."""
    bursts = np.random.default_rng(0).standard_normal(TIME.size) * np.exp(-((TIME * 2) % 1) * 40)
    return both(0.3 * bursts)


def bass_line() -> np.ndarray:
    return both(0.3 * np.sin(2 * np.pi * 65 * TIME))


def wide_chord() -> np.ndarray:
    """A held chord whose notes lie left or right."""
    left, right = (sum(np.sin(2 * np.pi * note * TIME) for note in notes) for notes in ((262, 392), (330, 523)))
    return 0.1 * np.stack([left + 0.2 * right, right + 0.2 * left])


def sdr(true: np.ndarray, found: np.ndarray) -> float:
    """MDX definition, dB."""
    return float(10 * np.log10(np.square(true).sum() / np.square(true - found).sum()))


@pytest.mark.parametrize("frames", [1, 2, 1000, 44100])
def test_any_length_comes_back_and_sums_to_the_mix(frames: int) -> None:
    mix = torch.randn(2, 2, frames, generator=torch.Generator().manual_seed(1)) * 0.3
    stems = ClassicalSeparator()(mix)
    assert stems.shape == (2, 4, 2, frames)
    assert stems.dtype == torch.float32
    assert torch.allclose(stems.sum(1), mix, atol=1e-6)


def test_the_mix_itself_is_left_alone() -> None:
    mix = torch.rand(1, 2, 5000)
    before = mix.clone()
    ClassicalSeparator()(mix)
    assert torch.equal(mix, before)


def test_each_kind_of_sound_lands_most_in_its_stem() -> None:
    sounds = {DRUMS: clicks(), BASS: bass_line(), OTHER: wide_chord()}
    stems = separated(sum(sounds.values(), np.zeros((2, TIME.size))))
    for stem, sound in sounds.items():
        scores = [sdr(sound, found) for found in stems]
        assert int(np.argmax(scores)) == stem
        assert scores[stem] > 3


def test_the_centre_goes_to_the_voice_rather_than_the_sides() -> None:
    # The same gliding note, once in the centre and once out of phase, beside a chord that makes the song stereo.
    voice = 0.2 * np.sin(2 * np.pi * 440 * TIME + 8 * np.sin(2 * np.pi * 5.5 * TIME))
    shares = []
    for sound in (both(voice), np.stack([voice, -voice])):
        vocals = separated(sound + 0.3 * wide_chord())[VOCALS]
        shares.append(float((vocals * sound).sum() / np.square(sound).sum()))
    assert shares[0] > 1.5 * shares[1]


def test_mono_doubled_to_stereo_is_not_taken_for_a_voice_in_the_centre() -> None:
    mono = (clicks() + bass_line() + wide_chord()).mean(axis=0)
    stems = separated(both(mono))
    assert np.array_equal(stems[:, 0], stems[:, 1])
    levels = np.square(stems).sum(axis=(1, 2))
    assert levels[VOCALS] < min(levels[DRUMS], levels[OTHER])


def test_turning_the_song_down_turns_the_stems_down() -> None:
    mix = clicks() + wide_chord()
    assert np.allclose(separated(mix * 0.01), separated(mix) * 0.01, atol=1e-5)


def test_swapping_the_channels_swaps_them_in_every_stem() -> None:
    mix = clicks() + wide_chord()
    assert np.allclose(separated(mix[::-1].copy()), separated(mix)[:, ::-1], atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_silence_and_constant_signals_give_numbers(level: float) -> None:
    stems = separated(np.full((2, 20_000), level))
    assert np.isfinite(stems).all()
    assert np.allclose(stems.sum(0), level, atol=1e-6)


@pytest.mark.skipif(not EXCERPTS.is_dir(), reason=f"the excerpts to score with are not at {EXCERPTS}")
@pytest.mark.parametrize("excerpt", ["real_mdn_05s", "synth_00"])
def test_stems_of_excerpts_beat_an_equal_share_of_the_mix(excerpt: str) -> None:
    true = {file.stem: soundfile.read(file, dtype="float32")[0].T for file in (EXCERPTS / excerpt).glob("*.ogg")}
    mix = np.sum(list(true.values()), axis=0)
    stems = dict(zip(ClassicalSeparator.spec.stems, separated(mix), strict=True))
    gain = [sdr(true[name], stems[name]) - sdr(true[name], mix / 4) for name in true]
    assert np.mean(gain) > 1.5
