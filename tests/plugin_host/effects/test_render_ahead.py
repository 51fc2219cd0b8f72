from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pedalboard
import pytest

from plugin_host.effects import segments
from plugin_host.effects.chain import ChainRunner, render_ahead
from plugin_host.effects.pitch_offset import pitch_shift_offset
from plugin_host.effects.segments import SegmentStage, fade_at, find_seam
from plugin_host.errors import EffectError, PluginError
from plugin_host.mix.state import Effect

Block = npt.NDArray[np.float32]
Cut = Callable[[Block, list[int]], Iterator[Block]]

RATE = 44_100
PITCH = Effect("pitch_shift", {"semitones": 3.0})
GSM = Effect("gsm_full_rate_compressor")


def ahead(chain: tuple[Effect, ...], blocks: Iterator[Block], rate: int, frames: int) -> Block:
    return np.concatenate(list(render_ahead(chain, blocks, rate, frames)), axis=1)


def tone(hertz: float, seconds: float, rate: int = RATE) -> Block:
    wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave.astype(np.float32), (2, 1))


def bursts(rate: int, seconds: float, every: float) -> tuple[Block, list[int]]:
    signal = np.zeros(round(seconds * rate))
    centres = [round(t * rate) for t in np.arange(0.5, seconds - 0.5, every)]
    for centre in centres:
        t = (np.arange(len(signal)) - centre) / rate
        signal += 0.5 * np.exp(-0.5 * (t / 0.004) ** 2) * np.sin(2 * np.pi * 1500 * t)
    return np.tile(signal.astype(np.float32), (2, 1)), centres


def energy_centre(signal: Block, around: int, reach: int) -> float:
    energy = signal[0, around - reach : around + reach].astype(np.float64) ** 2
    return float(energy @ np.arange(-reach, reach) / energy.sum())


@pytest.mark.parametrize("semitones", [-12.0, 4.0, 12.0])
def test_shifted_sounds_stay_in_time_with_a_dry_track(semitones: float) -> None:
    signal, centres = bursts(RATE, 4.0, 0.37)
    out = ahead((replace(PITCH, params={"semitones": semitones}),), iter([signal]), RATE, signal.shape[1])
    off = [energy_centre(out, centre, RATE // 8) / RATE for centre in centres]
    assert abs(np.mean(off)) < 0.003
    assert np.abs(off).max() < 0.008


def test_without_the_measured_offset_an_octave_up_would_lead_by_more_than_10_ms() -> None:
    assert pitch_shift_offset(12.0, RATE) < -0.010 * RATE
    assert pitch_shift_offset(-12.0, RATE) > 0.005 * RATE
    assert pitch_shift_offset(0.0, RATE) == 0


@pytest.mark.parametrize("chain", [(PITCH,), (GSM,), (Effect("reverb"), Effect("mp3_compressor"))])
def test_short_songs_are_what_pedalboard_gives_for_the_whole_in_time_and_length(
    chain: tuple[Effect, ...], song: tuple[Block, int]
) -> None:
    music, rate = song
    music = music[:, : 3 * rate]
    out = ahead(chain, iter([music]), rate, music.shape[1])
    assert out.shape == music.shape
    lead = round(segments.LEAD_SECONDS * rate)
    board = pedalboard.Pedalboard(
        [{"pitch_shift": lambda: pedalboard.PitchShift(3.0)}.get(e.kind, lambda e=e: plain(e))() for e in chain]
    )
    # The rendering hears one second of silence first, as the song's start would in pedalboard's own call.
    quiet = np.zeros((2, lead), np.float32)
    whole = board.process(np.concatenate([quiet, music, quiet], axis=1), float(rate))[:, lead:]
    late = pitch_shift_offset(3.0, rate) if chain == (PITCH,) else 0
    compared = slice(rate // 2, music.shape[1] - rate // 2)
    shifted = whole[:, compared.start + late : compared.stop + late]
    likeness = np.corrcoef(out[0, compared], shifted[0])[0, 1]
    assert likeness > 0.98


def plain(effect: Effect) -> pedalboard.Plugin:
    kinds = {
        "gsm_full_rate_compressor": pedalboard.GSMFullRateCompressor,
        "reverb": pedalboard.Reverb,
        "mp3_compressor": pedalboard.MP3Compressor,
    }
    return kinds[effect.kind]()


def ripple(signal: Block, hertz: float) -> float:
    """Range of the level over five cycles, in dB."""
    inside = signal[0, RATE // 2 : -RATE].astype(np.float64) ** 2
    cycles = round(RATE * 5 / hertz)
    running = np.cumsum(inside)
    level = running[cycles:] - running[:-cycles]
    return float(10 * np.log10(level.max() / level.min()))


def strongest(signal: Block) -> float:
    """Frequency in Hz of the highest peak of the spectrum."""
    inside = signal[0, RATE // 2 : -RATE].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside))))
    return float(np.argmax(spectrum) * RATE / len(inside))


@pytest.mark.parametrize("hertz", [110.0, 440.0])
def test_a_steady_tone_keeps_its_level_and_pitch_through_the_seams(hertz: float, in_blocks: Cut) -> None:
    stage = SegmentStage(lambda: pedalboard.PitchShift(3.0), RATE, 2 * RATE)
    signal = tone(hertz, 7.0)
    out = np.concatenate([stage.process(block) for block in in_blocks(signal, [10_000])], axis=1)[:, stage.latency :]
    whole = pedalboard.PitchShift(3.0).process(signal, float(RATE))[:, : out.shape[1]]
    # The shifter itself makes a pure tone beat, by up to 4 dB at 440 Hz: the seams must not add to that.
    assert ripple(out, hertz) < ripple(whole, hertz) + 0.2
    assert strongest(out) == pytest.approx(strongest(whole), rel=0.015)


def test_a_codec_keeps_its_quality_through_the_seams(in_blocks: Cut) -> None:
    stage = SegmentStage(pedalboard.GSMFullRateCompressor, RATE, 2 * RATE)
    signal = tone(437.0, 9.0)
    out = np.concatenate([stage.process(block) for block in in_blocks(signal, [10_000])], axis=1)[:, stage.latency :]
    dry = signal[:, : out.shape[1]]
    error = (out - dry)[0, RATE:-RATE].reshape(-1)
    worst = max(np.sqrt(np.mean(part**2)) for part in np.array_split(error, 100))
    assert worst < 0.1 * np.sqrt(np.mean(dry**2))


@pytest.mark.parametrize("effect", [PITCH, GSM])
def test_the_size_of_the_blocks_makes_no_difference(effect: Effect, in_blocks: Cut, song: tuple[Block, int]) -> None:
    music, rate = song
    music = music[:, : 4 * rate]
    runs = []
    for sizes in ([50_000], [1, 333, 4096]):
        stage = SegmentStage(lambda: plain_or_pitch(effect), rate, rate)
        runs.append(np.concatenate([stage.process(block) for block in in_blocks(music, sizes)], axis=1))
    np.testing.assert_array_equal(*runs)
    stage.reset()
    np.testing.assert_array_equal(stage.process(music), runs[0])


def plain_or_pitch(effect: Effect) -> pedalboard.Plugin:
    return pedalboard.PitchShift(3.0) if effect.kind == "pitch_shift" else plain(effect)


def test_memory_does_not_grow_with_length() -> None:
    stage = SegmentStage(pedalboard.GSMFullRateCompressor, 8000, 8000)
    block = np.zeros((2, 4000), np.float32)
    held = []
    for _ in range(60):
        stage.process(block)
        held.append(stage._waiting._frames.nbytes + stage._ready._frames.nbytes)
    assert max(held[20:]) == held[19]


def test_streamable_chains_come_out_in_time_too(noise: Block, in_blocks: Cut) -> None:
    chain = (Effect("mp3_compressor"), Effect("gain", {"gain_db": 6.0}), Effect("brickwall_limiter"))
    runner = ChainRunner(chain, RATE)
    streamed = runner.process(np.concatenate([noise, np.zeros((2, runner.latency), np.float32)], axis=1))
    out = ahead(chain, in_blocks(noise, [777]), RATE, noise.shape[1])
    np.testing.assert_array_equal(out, streamed[:, runner.latency :])


def test_frames_beyond_the_input_hold_the_tail() -> None:
    click = np.zeros((2, 1000), np.float32)
    click[:, 100] = 1.0
    echo = Effect("delay", {"delay_seconds": 0.1, "mix": 1.0})
    out = ahead((echo,), iter([click]), RATE, RATE)
    assert out.shape == (2, RATE)
    assert int(np.abs(out[0]).argmax()) == 100 + RATE // 10
    assert ahead((echo,), iter([click]), RATE, 0 + 50).shape == (2, 50)
    assert list(render_ahead((echo,), iter([click]), RATE, 0)) == []


def test_half_wet_pitch_shift_is_in_time_with_its_dry_half() -> None:
    signal, centres = bursts(RATE, 3.0, 0.5)
    out = ahead((replace(PITCH, params={"semitones": 12.0}, wet=0.5),), iter([signal]), RATE, signal.shape[1])
    for centre in centres:
        assert abs(energy_centre(out, centre, RATE // 8)) < 0.005 * RATE


def test_parallel_pitch_shift_rings_with_the_dry_branch() -> None:
    octave = Effect("parallel", branches=((Effect("pitch_shift", {"semitones": 12.0}),), ()))
    signal = tone(220.0, 3.0)
    out = ahead((octave,), iter([signal]), RATE, signal.shape[1])
    spectrum = np.abs(np.fft.rfft(out[0, RATE : 2 * RATE]))
    assert spectrum[220] > 100 * np.median(spectrum)
    assert spectrum[440] > 100 * np.median(spectrum)


def test_a_nan_spoils_its_own_segment_only() -> None:
    stage = SegmentStage(pedalboard.GSMFullRateCompressor, 8000, 8000)
    signal = tone(300.0, 8.0, 8000)
    signal[:, 4000] = np.nan
    out = stage.process(signal)[:, stage.latency :]
    assert np.isfinite(out[:, 4 * 8000 :]).all()
    assert np.abs(out[:, 4 * 8000 :]).max() > 0.2


def test_errors_name_the_track() -> None:
    with pytest.raises(EffectError, match=r"^track keys: pitch_shift: semitones is 99"):
        list(render_ahead((Effect("pitch_shift", {"semitones": 99.0}),), iter([]), RATE, 10, where="track keys"))
    with pytest.raises(PluginError, match=r"^track keys: plugin /nowhere/x\.vst3"):
        list(render_ahead((Effect("vst3", plugin_path="/nowhere/x.vst3"),), iter([]), RATE, 10, where="track keys"))


def test_a_seam_is_found_where_the_segments_agree_and_undoes_a_shift() -> None:
    generator = np.random.default_rng(5)
    old = generator.standard_normal((2, 4000)).astype(np.float32)
    new = generator.standard_normal((2, 4200)).astype(np.float32)
    # The two agree in one stretch only, there 37 frames apart.
    new[:, 100 + 2400 + 37 : 100 + 3200 + 37] = old[:, 2400:3200]
    seam = find_seam(old, new, 400)
    assert seam.shift == 37
    assert 2400 <= seam.at <= 2800
    assert seam.correlation > 0.99
    moved = new[:, 100 + seam.shift : 4100 + seam.shift]
    joined = fade_at(seam, old, moved, 400)
    np.testing.assert_array_equal(joined[:, : seam.at], old[:, : seam.at])
    np.testing.assert_array_equal(joined[:, seam.at + 400 :], moved[:, seam.at + 400 :])
    np.testing.assert_allclose(joined[:, seam.at : seam.at + 400], old[:, seam.at : seam.at + 400], atol=0.05)


def test_a_fade_between_unrelated_sounds_keeps_their_power() -> None:
    generator = np.random.default_rng(6)
    old, new = generator.standard_normal((2, 2, 20_000)).astype(np.float32)
    seam = find_seam(old, new, 10_000)
    joined = fade_at(seam, old, new, 10_000)
    middle = joined[:, seam.at + 4000 : seam.at + 6000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(1.0, abs=0.1)
