import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.dsp.stft import Stft
from separation_core.errors import ModelError

SIZES = st.sampled_from([Stft(12, 4), Stft(64, 16), Stft(96, 32), Stft(16, 1), Stft(2048, 512)])


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(SIZES, st.integers(1, 700))
@settings(deadline=None, max_examples=60)
def test_every_frame_comes_back(stft: Stft, frames: int) -> None:
    signal = noise(2, frames)
    spectrum = stft.forward(signal)
    assert spectrum.shape == (2, stft.columns(frames), stft.bins)
    assert torch.allclose(stft.inverse(spectrum, frames), signal, atol=3e-6)


def test_columns_of_a_block_on_the_grid_are_those_of_the_whole() -> None:
    stft, signal = Stft(64, 16), noise(1600)
    whole, block = stft.forward(signal), stft.forward(signal[320:])
    partial = 64 // 16 - 1
    assert torch.equal(block[partial:], whole[20 + partial :])


def test_a_sine_lies_in_its_bin() -> None:
    stft = Stft(1024, 256)
    tone = torch.sin(2 * torch.pi * 40 * torch.arange(8192) / 1024)
    assert int(stft.forward(tone)[10].abs().argmax()) == 40


@pytest.mark.parametrize(("window", "hop"), [(100, 33), (64, 32), (64, 0), (64, -1)])
def test_sizes_that_cannot_be_inverted_are_refused(window: int, hop: int) -> None:
    with pytest.raises(ModelError, match=f"{window}"):
        Stft(window, hop)
