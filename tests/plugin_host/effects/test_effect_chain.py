from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.effects.catalogue import effect_types
from plugin_host.effects.chain import ChainRunner, split_render_ahead
from plugin_host.effects.codec_rates import MP3_RATES, mp3_rate
from plugin_host.effects.plugins import make_plugin
from plugin_host.errors import EffectError
from plugin_host.mix.state import Chain, Effect

Block = npt.NDArray[np.float32]
Cut = Callable[[Block, list[int]], Iterator[Block]]

RATE = 44_100
CONVOLUTION_TOLERANCE = 1e-6
"""Of full scale: the FFT of a convolution rounds by block size; everything else is the same bit for bit."""

STREAMABLE = [kind.name for kind in effect_types() if kind.streamable and kind.name not in {"vst3"}]
LATENT = ["brickwall_limiter", "mp3_compressor", "resample"]


def example(kind: str, response_file: str) -> Effect:
    """A setting of the effect that does something audible to noise at -14 dBFS."""
    params: dict[str, dict[str, float | int | bool | str]] = {
        "brickwall_limiter": {"ceiling_db": -12.0},
        "compressor": {"threshold_db": -30.0, "ratio": 4.0},
        "convolution": {"impulse_response_filename": response_file},
        "delay": {"delay_seconds": 0.05, "feedback": 0.5},
        "high_shelf_filter": {"gain_db": 6.0},
        "low_shelf_filter": {"gain_db": 6.0},
        "noise_gate": {"threshold_db": -15.0},
        "peak_filter": {"gain_db": 6.0},
    }
    branches: tuple[Chain, ...] = ()
    if kind == "parallel":
        branches = ((Effect("mp3_compressor"),), (Effect("reverb"), Effect("brickwall_limiter")), ())
    return Effect(kind, params.get(kind, {}), branches=branches)


def play(runner: ChainRunner, blocks: Iterator[Block]) -> Block:
    outputs = []
    for block in blocks:
        outputs.append(runner.process(block))
        assert outputs[-1].shape == block.shape
        assert outputs[-1].dtype == np.float32
    return np.concatenate(outputs, axis=1)


def impulse(frames: int, at: int) -> Block:
    signal = np.zeros((2, frames), np.float32)
    signal[:, at] = 0.5
    return signal


def later(signal: Block, frames: int) -> Block:
    return np.concatenate([np.zeros((2, frames), np.float32), signal], axis=1)[:, : signal.shape[1]]


@pytest.mark.parametrize("wet", [1.0, 0.3])
@pytest.mark.parametrize("kind", STREAMABLE)
def test_every_block_size_gives_the_same_samples(
    kind: str, wet: float, noise: Block, in_blocks: Cut, response_file: str
) -> None:
    effect = replace(example(kind, response_file), wet=wet)
    whole = ChainRunner((effect,), RATE).process(noise)
    runner = ChainRunner((effect,), RATE)
    assert np.abs(whole).max() > 0.01
    tolerance = CONVOLUTION_TOLERANCE if kind == "convolution" else 0.0
    for sizes in ([1, 2, 3, 1000], [64], [97, 4096, 5], [4096], [65_536]):
        np.testing.assert_allclose(
            play(runner, in_blocks(noise, sizes)), whole, rtol=0, atol=tolerance, err_msg=f"{sizes}"
        )
        runner.reset()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from([kind for kind in STREAMABLE if kind != "convolution"]), max_size=5),
    bypassed=st.lists(st.booleans(), min_size=5, max_size=5),
    wets=st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=5, max_size=5),
    sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=8),
)
def test_any_chain_in_any_blocks_gives_the_same_samples(
    kinds: list[str], bypassed: list[bool], wets: list[float], sizes: list[int], noise: Block, in_blocks: Cut
) -> None:
    effects = zip(kinds, bypassed, wets, strict=False)
    chain = tuple(replace(example(kind, ""), bypass=bypass, wet=wet) for kind, bypass, wet in effects)
    whole = ChainRunner(chain, RATE).process(noise)
    np.testing.assert_array_equal(play(ChainRunner(chain, RATE), in_blocks(noise, sizes)), whole)


@pytest.mark.parametrize("kind", [kind for kind in STREAMABLE if kind not in {"parallel"}])
def test_a_running_effect_gives_what_pedalboard_gives_for_the_whole(
    kind: str, noise: Block, in_blocks: Cut, response_file: str
) -> None:
    effect = example(kind, response_file)
    runner = ChainRunner((effect,), RATE)
    padded = np.concatenate([noise, np.zeros((2, runner.latency), np.float32)], axis=1)
    streamed = play(runner, in_blocks(padded, [512]))[:, runner.latency :]
    whole = make_plugin(effect, RATE).process(noise, float(RATE))
    tolerance = CONVOLUTION_TOLERANCE if kind == "convolution" else 0.0
    np.testing.assert_allclose(streamed, whole, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", STREAMABLE)
def test_reset_is_as_if_new_also_after_nan(kind: str, noise: Block, response_file: str) -> None:
    runner = ChainRunner((example(kind, response_file),), RATE)
    first = runner.process(noise)
    runner.process(np.full((2, 3000), np.nan, np.float32))
    runner.reset()
    np.testing.assert_array_equal(runner.process(noise), first)


@pytest.mark.parametrize("kind", STREAMABLE)
def test_wet_0_and_bypass_are_the_delayed_input_bit_for_bit(kind: str, noise: Block, response_file: str) -> None:
    effect = example(kind, response_file)
    latency = ChainRunner((effect,), RATE).latency
    for silent in (replace(effect, wet=0.0), replace(effect, bypass=True)):
        runner = ChainRunner((silent,), RATE)
        assert runner.latency == latency
        np.testing.assert_array_equal(runner.process(noise), later(noise, latency))


@pytest.mark.parametrize("kind", STREAMABLE)
def test_half_wet_is_halfway_between_dry_and_wet(kind: str, noise: Block, response_file: str) -> None:
    effect = example(kind, response_file)
    wet = ChainRunner((effect,), RATE)
    half = ChainRunner((replace(effect, wet=0.5),), RATE)
    expected = (later(noise, wet.latency) + wet.process(noise)) / 2
    np.testing.assert_allclose(half.process(noise), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 50_000])
@pytest.mark.parametrize("kind", [*LATENT, "convolution"])
def test_an_impulse_comes_out_exactly_latency_frames_later(kind: str, rate: int, response_file: str) -> None:
    effect = example(kind, response_file)
    if kind == "brickwall_limiter":
        effect = Effect(kind)
    runner = ChainRunner((effect,), rate)
    at = 2 * runner.latency + 1000
    out = runner.process(impulse(at + 2 * runner.latency + 4000, at))
    # Where rates are converted (also that of an impulse response) the peak may fall between two frames.
    slack = 0 if kind == "brickwall_limiter" or (kind, rate) == ("convolution", RATE) else 1
    assert abs(int(np.abs(out[0]).argmax()) - at - runner.latency) <= slack


@pytest.mark.parametrize("kind", LATENT)
def test_music_through_a_latent_effect_stays_in_time(kind: str, song: tuple[Block, int], in_blocks: Cut) -> None:
    music, rate = song
    runner = ChainRunner((Effect(kind),), rate)
    out = play(runner, in_blocks(music, [4096]))
    dry = later(music, runner.latency)
    window = slice(3 * rate, 8 * rate)
    spectrum = np.fft.rfft(out[0, window]) * np.conj(np.fft.rfft(dry[0, window]))
    assert int(np.argmax(np.fft.irfft(spectrum))) == 0


def test_music_through_a_whole_chain_is_finite_and_block_size_invariant(
    song: tuple[Block, int], in_blocks: Cut
) -> None:
    music, rate = song
    kinds = ["highpass_filter", "compressor", "chorus", "mp3_compressor", "reverb", "brickwall_limiter"]
    chain = tuple(example(kind, "") for kind in kinds)
    one = play(ChainRunner(chain, rate), in_blocks(music, [65_536]))
    other = play(ChainRunner(chain, rate), in_blocks(music, [441]))
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, other)


def test_parallel_branches_are_summed_in_time(noise: Block) -> None:
    flipped = Effect("parallel", branches=((Effect("mp3_compressor"),), (Effect("mp3_compressor"), Effect("invert"))))
    assert np.abs(ChainRunner((flipped,), RATE).process(noise)).max() == 0
    cancels = Effect("parallel", branches=((Effect("mp3_compressor", bypass=True),), (Effect("invert"),)))
    runner = ChainRunner((cancels,), RATE)
    assert runner.latency > 0
    assert np.abs(runner.process(noise)).max() == 0
    doubled = Effect("parallel", branches=((), ()))
    np.testing.assert_array_equal(ChainRunner((doubled,), RATE).process(noise), noise * 2)


def test_latencies_add_up_along_a_chain(response_file: str) -> None:
    alone = [ChainRunner((example(kind, response_file),), RATE).latency for kind in LATENT]
    assert ChainRunner(tuple(example(kind, response_file) for kind in LATENT), RATE).latency == sum(alone)
    assert alone[0] == round(0.005 * RATE)


def test_an_empty_chain_is_the_input(noise: Block) -> None:
    runner = ChainRunner((), RATE)
    assert (runner.latency, runner.tail) == (0, 0)
    np.testing.assert_array_equal(runner.process(noise), noise)
    assert runner.process(noise[:, :0]).shape == (2, 0)


@settings(max_examples=5, deadline=None)
@given(st.floats(1000, 96_000), st.sampled_from([44_100, 48_000]))
def test_a_resampler_never_runs_dry_whatever_its_ratio(target: float, rate: int) -> None:
    runner = ChainRunner((Effect("resample", {"target_sample_rate": target}),), rate)
    block = np.random.default_rng(0).standard_normal((2, 1024)).astype(np.float32)
    for _ in range(100):
        assert runner.process(block).shape == block.shape


def test_tails_are_measured() -> None:
    assert ChainRunner((Effect("gain"),), RATE).tail == 0
    assert ChainRunner((Effect("mp3_compressor"),), RATE).tail < 2000
    echoes = ChainRunner((Effect("delay", {"delay_seconds": 3.0, "feedback": 0.3}),), RATE)
    assert echoes.tail > 3 * 3 * RATE
    small, large = (ChainRunner((Effect("reverb", {"room_size": size}),), RATE).tail for size in (0.1, 0.9))
    assert 0.1 * RATE < small < large < 30 * RATE
    endless = Effect("delay", {"delay_seconds": 5.0, "feedback": 0.95})
    assert ChainRunner((endless,), RATE).tail == 30 * RATE


def test_a_filter_above_what_the_rate_holds_is_lowered(noise: Block) -> None:
    high = Effect("lowpass_filter", {"cutoff_frequency_hz": 20_000.0})
    lowered = Effect("lowpass_filter", {"cutoff_frequency_hz": 3600.0})
    np.testing.assert_array_equal(
        ChainRunner((high,), 8_000).process(noise), ChainRunner((lowered,), 8_000).process(noise)
    )


@pytest.mark.parametrize("kind", ["pitch_shift", "gsm_full_rate_compressor"])
def test_what_cannot_be_streamed_is_refused_unless_bypassed(kind: str, noise: Block) -> None:
    hidden = Effect("parallel", branches=((Effect(kind),), ()))
    for effect in (Effect(kind), hidden):
        with pytest.raises(EffectError, match=rf"^track keys: {kind} cannot be streamed"):
            ChainRunner((effect,), RATE, where="track keys")
    np.testing.assert_array_equal(ChainRunner((Effect(kind, bypass=True),), RATE).process(noise), noise)


def test_a_chain_is_split_after_its_last_effect_that_cannot_be_streamed() -> None:
    gain, pitch, reverb = Effect("gain"), Effect("pitch_shift"), Effect("reverb")
    inside = Effect("parallel", branches=((pitch,), ()))
    assert split_render_ahead((gain, reverb)) == ((), (gain, reverb))
    assert split_render_ahead((gain, pitch, reverb)) == ((gain, pitch), (reverb,))
    assert split_render_ahead((pitch, gain, inside, reverb)) == ((pitch, gain, inside), (reverb,))
    off = (replace(pitch, bypass=True), replace(pitch, wet=0.0), replace(inside, bypass=True))
    assert split_render_ahead(off) == ((), off)


def test_errors_name_whose_chain_and_which_field() -> None:
    with pytest.raises(EffectError, match=r"^track drums: compressor: ratio is 99: give 1 to 30") as caught:
        ChainRunner((Effect("compressor", {"ratio": 99.0}),), RATE, where="track drums")
    assert caught.value.field == "ratio"


def test_impulse_responses_of_any_format_play_and_others_are_refused(tmp_path: Path, noise: Block) -> None:
    response = np.zeros((600, 1))
    response[0] = 1.0
    soundfile.write(tmp_path / "click.flac", response, 48_000)
    soundfile.write(tmp_path / "three.wav", np.zeros((600, 3)), 48_000)
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 48_000)
    soundfile.write(tmp_path / "long.wav", np.zeros((61 * 8000, 1)), 8_000)
    (tmp_path / "text.wav").write_text("not audio")
    effect = Effect("convolution", {"impulse_response_filename": str(tmp_path / "click.flac")})
    out = ChainRunner((effect,), RATE).process(noise)
    assert 0.05 < np.abs(out).max() < 0.5 * np.abs(noise).max()
    for bad in ("three.wav", "empty.wav", "long.wav", "text.wav", "missing.wav", "."):
        wrong = Effect("convolution", {"impulse_response_filename": str(tmp_path / bad)})
        with pytest.raises(EffectError, match="impulse_response_filename") as caught:
            ChainRunner((wrong,), RATE)
        assert caught.value.field == "impulse_response_filename"


@given(st.integers(2_000, 400_000))
def test_mp3_runs_at_a_rate_it_knows(rate: int) -> None:
    inner = mp3_rate(rate)
    assert inner in MP3_RATES
    assert inner == rate if rate in MP3_RATES else inner >= min(rate, 32_000)
