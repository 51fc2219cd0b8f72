import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from separation_core.audio.frames import ArraySource
from separation_core.errors import ModelError
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import ModelSpec
from separation_core.models.full_band import FullBand, FullBandWay, refitted
from separation_core.models.meta_tasnet import MetaTasnet
from separation_core.models.tasnet_config import MetaTasnetConfig
from separation_core.units import Hertz

LOW = Hertz(8000)
RATE = Hertz(44100)


@dataclass(frozen=True)
class BandSplitter:
    """A real little mono separator: "low" and "other" are the mix under and over `cut` Hz, at levels of its own."""

    cut: float = 1500.0
    rate: Hertz = LOW
    channels: int = 1
    gains: tuple[float, float] = (1.0, 1.0)
    stems: tuple[str, ...] = ("low", "other")

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec("splitter", "1", self.stems, self.rate, self.channels, 4 * self.rate, self.rate)

    def to(self, device: torch.device) -> "BandSplitter":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(mix)
        low = torch.arange(spectrum.shape[-1]) * self.rate < self.cut * mix.shape[-1]
        parts = [torch.fft.irfft(spectrum * side, n=mix.shape[-1]) for side in (low, ~low)]
        return torch.stack([part * gain for part, gain in zip(parts, self.gains, strict=True)], dim=1)


def tone(frequency: float, rate: int, frames: int) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency / rate * torch.arange(frames, dtype=torch.float64)).float()


def level(signal: torch.Tensor) -> float:
    """Decibels of the RMS, without the edges."""
    inner = signal[..., 2000:-2000]
    return 10 * math.log10(float(inner.square().mean()) + 1e-30)


def test_masks_keep_the_stereo_image_and_sum_to_the_song() -> None:
    left, right = tone(500, RATE, RATE), tone(2500, RATE, RATE)
    mix = torch.stack([left + 0.2 * right, 0.6 * right])[None]
    low, other = FullBand(BandSplitter(), RATE)(mix)[0]
    torch.testing.assert_close(low + other, mix[0], rtol=0, atol=1e-5)
    assert level(low[0] - left) < -40
    assert level(low[1]) < -40
    assert level(other[0] - 0.2 * right) < -40
    assert level(other[1] - 0.6 * right) < -40


def test_what_no_stem_claims_goes_to_other() -> None:
    side = tone(500, RATE, RATE)
    mix = torch.stack([side + 1e-3 * tone(200, RATE, RATE), -side])[None]
    low, other = FullBand(BandSplitter(), RATE)(mix)[0]
    assert level(low[1]) < -40
    assert level(other[1] + side) < -40


def test_channels_on_their_own_keep_even_what_the_mono_sum_loses() -> None:
    side = tone(500, RATE, RATE)
    mix = torch.stack([side + 1e-3 * tone(2500, RATE, RATE), -side])[None]
    low = FullBand(BandSplitter(), RATE, way=FullBandWay.CHANNELS)(mix)[0, 0]
    assert level(low[0] - side) < -40
    assert level(low[1] + side) < -40


@pytest.mark.parametrize("way", FullBandWay)
def test_above_the_edge_the_song_is_shared_as_the_band_below(way: FullBandWay) -> None:
    torch.manual_seed(0)
    # "high" has all from 1.5 kHz to the splitter's limit, so what is above is its own, though it never heard it.
    high = tone(9000, RATE, RATE)
    mix = (tone(500, RATE, RATE) + 0.3 * torch.randn(RATE) + high).expand(1, 2, -1)
    low, rest = FullBand(BandSplitter(stems=("low", "high")), RATE, way=way)(mix)[0]
    place = torch.fft.rfft(torch.stack([low[0], rest[0], high])).abs()[:, 9000]
    assert place[0] < 0.02 * place[2]
    assert place[1] > 0.97 * place[2]


@pytest.mark.parametrize("way", FullBandWay)
def test_levels_that_the_separator_leaves_open_are_fitted(way: FullBandWay) -> None:
    mix = torch.stack([tone(500, RATE, RATE), 0.5 * tone(2500, RATE, RATE)]).sum(0).expand(1, 2, -1)
    wanted = FullBand(BandSplitter(), RATE, way=way)(mix)
    skewed = FullBand(BandSplitter(gains=(-7.0, 0.01)), RATE, way=way)
    torch.testing.assert_close(skewed(mix), wanted, rtol=0, atol=1e-3)
    assert not torch.allclose(replace(skewed, refit=False)(mix), wanted, atol=1e-2)


def test_fitted_levels_are_those_of_least_squares() -> None:
    torch.manual_seed(0)
    stems = torch.randn(1, 4, 20_000) * torch.tensor([1.0, 1e-3, 50.0, 1e-9])[:, None]
    mix = torch.tensor([0.5, -300.0, 0.02, 1e9]) @ stems + torch.randn(1, 20_000)
    factors = np.linalg.lstsq(stems[0].double().numpy().T, mix[0].double().numpy(), rcond=None)[0]
    wanted = stems[0].double() * torch.from_numpy(factors)[:, None]
    got = refitted(mix, stems)[0].double()
    assert (got - wanted).norm() < 1e-4 * wanted.norm()


def test_fitting_a_silent_stem_and_a_copy_stays_finite() -> None:
    stems = torch.randn(1, 1, 5000).expand(1, 4, -1) * torch.tensor([1.0, 1.0, 0.0, 1.0])[:, None]
    mix = stems[:, 0] * 3
    got = refitted(mix, stems)
    torch.testing.assert_close(got.sum(1), mix, rtol=1e-3, atol=1e-3)
    assert not refitted(torch.zeros(1, 5000), stems).any()


@pytest.fixture(scope="module")
def tasnet() -> MetaTasnet:
    torch.manual_seed(0)
    return MetaTasnet(
        MetaTasnetConfig(N=16, num_mels=4, B=8, H=8, stack=1, layers=2, segment=32000, context=3200)
    ).eval()


@pytest.mark.parametrize("way", FullBandWay)
@pytest.mark.parametrize("rate", [8000, 22050, 32000, 44100, 48000, 96000])
@pytest.mark.parametrize("frames", [0, 1, 3, 100, 6001])
def test_any_rate_and_length(tasnet: MetaTasnet, way: FullBandWay, rate: int, frames: int) -> None:
    mix = torch.randn(2, 2, frames)
    with torch.inference_mode():
        stems = FullBand(tasnet, Hertz(rate), way=way)(mix)
    assert stems.shape == (2, 4, 2, frames)
    assert stems.dtype == torch.float32
    assert torch.isfinite(stems).all()
    if way is FullBandWay.MASKS:
        torch.testing.assert_close(stems.sum(1), mix, rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", FullBandWay)
@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e25])
def test_any_level(tasnet: MetaTasnet, way: FullBandWay, scale: float) -> None:
    mix = torch.randn(1, 2, 9000)
    separator = FullBand(tasnet, RATE, way=way)
    with torch.inference_mode():
        torch.testing.assert_close(separator(mix * scale) / scale, separator(mix), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.int16, torch.float64])
def test_samples_of_any_kind(tasnet: MetaTasnet, dtype: torch.dtype) -> None:
    mix = (torch.randn(1, 1, 5000) * 3000).to(dtype)
    with torch.inference_mode():
        stems = FullBand(tasnet, RATE, 1)(mix)
    torch.testing.assert_close(stems.sum(1), mix.float(), rtol=0, atol=0.05)


@pytest.mark.parametrize("way", FullBandWay)
def test_silence_stays_silence_and_padding_is_not_heard(tasnet: MetaTasnet, way: FullBandWay) -> None:
    separator = FullBand(tasnet, RATE, way=way)
    sounding = torch.randn(1, 2, 7000)
    padded = torch.nn.functional.pad(sounding, (5000, 3000))
    batch = torch.cat([padded, torch.zeros_like(padded), torch.randn_like(padded)])
    with torch.inference_mode():
        stems = separator(batch)
        alone = separator(sounding)
    assert torch.isfinite(stems).all()
    assert not stems[1].any()
    torch.testing.assert_close(stems[:1, ..., 5000:12000], alone, rtol=0, atol=1e-6)
    assert not stems[0, ..., :5000].any()
    assert not stems[0, ..., 12000:].any()


def test_the_engine_streams_a_song_through_it(tasnet: MetaTasnet) -> None:
    mix = 0.1 * np.random.default_rng(0).standard_normal((2, 3 * 44100)).astype(np.float32)
    separator = FullBand(tasnet, RATE)
    assert (separator.spec.segment, separator.spec.context) == (44100, 4410)
    blocks = separate(separator, ArraySource(mix, RATE), SeparationSettings(batch_size=2, device="cpu"))
    stems = np.concatenate(list(blocks), axis=-1)
    assert stems.shape == (4, 2, mix.shape[1])
    np.testing.assert_allclose(stems.sum(axis=0), mix, atol=1e-5)


def test_versions_tell_what_changes_the_output(tasnet: MetaTasnet) -> None:
    variants = [FullBand(tasnet, RATE, way=way, refit=refit) for way in FullBandWay for refit in (True, False)]
    assert len({variant.spec.version for variant in variants}) == len(variants)
    assert {variant.spec.name for variant in variants} == {"meta-tasnet"}


def test_what_it_cannot_wrap_is_refused() -> None:
    with pytest.raises(ModelError, match="takes 2 channels"):
        FullBand(BandSplitter(channels=2), RATE)
    with pytest.raises(ModelError, match="44101 Hz"):
        FullBand(BandSplitter(rate=Hertz(32000)), Hertz(44101))
    with pytest.raises(ModelError, match="0 channels"):
        FullBand(BandSplitter(), RATE, 0)
