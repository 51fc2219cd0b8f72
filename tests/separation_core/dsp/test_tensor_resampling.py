import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.dsp.resampling import require_small_ratio, resample
from separation_core.errors import ModelError
from separation_core.units import Hertz


def tone(frequency: float, rate: int, frames: int) -> torch.Tensor:
    return torch.sin(2 * math.pi * frequency / rate * torch.arange(frames, dtype=torch.float64)).float()


def level(signal: torch.Tensor) -> float:
    """Decibels of the RMS, without the edges."""
    return 10 * math.log10(float(signal[..., 2000:-2000].square().mean()) + 1e-30)


@pytest.mark.parametrize(
    ("rate_in", "rate_out"),
    [(44100, 32000), (32000, 44100), (48000, 32000), (32000, 8000), (96000, 32000), (11025, 32000)],
)
def test_resampling_keeps_the_band_in_level_and_place_and_drops_the_rest(rate_in: int, rate_out: int) -> None:
    a, b = Hertz(rate_in), Hertz(rate_out)
    for share in (0.01, 0.5, 0.87):
        frequency = share * min(a, b) / 2
        got = resample(tone(frequency, a, a), a, b)
        assert level(got - tone(frequency, b, got.shape[-1])) < -120
    if b < a:
        assert level(resample(tone(0.54 * b, a, a), a, b)) < -120


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3000), st.sampled_from([8000, 22050, 32000, 44100, 48000]), st.sampled_from([8000, 32000, 44100]))
def test_resampled_lengths(frames: int, rate_in: int, rate_out: int) -> None:
    signal = torch.ones(2, 1, frames)
    assert resample(signal, Hertz(rate_in), Hertz(rate_out)).shape == (2, 1, math.ceil(frames * rate_out / rate_in))
    assert resample(signal, Hertz(rate_in), Hertz(rate_out), 77).shape == (2, 1, 77)


@pytest.mark.parametrize(("rate_a", "rate_b"), [(44101, 32000), (32000, 44101)])
def test_rates_without_a_small_ratio_are_refused_in_words(rate_a: int, rate_b: int) -> None:
    with pytest.raises(ModelError, match="have no small ratio"):
        require_small_ratio(Hertz(rate_a), Hertz(rate_b))
    with pytest.raises(ModelError, match="take the song at"):
        resample(torch.ones(1, 100), Hertz(rate_a), Hertz(rate_b))


def test_gradients_go_through() -> None:
    signal = torch.randn(1, 500, requires_grad=True)
    resample(signal, Hertz(44100), Hertz(32000)).square().sum().backward()
    assert signal.grad is not None
    assert signal.grad.abs().min() > 0
