import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from separation_core.models.demucs_spectrum import DemucsSpectrum, mirrored


def tone(frames: int) -> torch.Tensor:
    """Two channels well below half the rate, of which the spectrogram keeps no bin."""
    time = torch.arange(frames, dtype=torch.float64)
    return torch.stack([torch.sin(0.11 * time + 1), torch.cos(0.7 * time) * 0.5]).float()[None]


@given(frames=st.integers(400, 2000))
def test_the_way_there_and_back_is_the_identity_but_for_the_ends(frames: int) -> None:
    spectrum, mix = DemucsSpectrum(256), tone(frames)
    cells = spectrum.forward(mix)
    assert cells.shape == (1, 128, -(-frames // 64), 4)
    inner = slice(96, -160)
    torch.testing.assert_close(spectrum.inverse(cells, frames)[..., inner], mix[..., inner], rtol=0, atol=2e-3)


def test_the_shifted_way_comes_back_late_by_three_eighths_of_a_column() -> None:
    spectrum, mix = DemucsSpectrum(256, shifted=True), tone(1024)
    back = spectrum.inverse(spectrum.forward(mix), 1024)
    torch.testing.assert_close(back[..., 200:900], mix[..., 104:804], rtol=0, atol=2e-3)


def test_columns_are_those_of_torch() -> None:
    mix = torch.randn(1, 1, 1024)
    wanted = torch.stft(
        torch.nn.functional.pad(mix[0], (96, 96), mode="reflect"), 256, 64, window=torch.hann_window(256), center=False,
        normalized=True, return_complex=True,
    )  # fmt: skip
    got = torch.view_as_complex(DemucsSpectrum(256).forward(mix))
    torch.testing.assert_close(got[0], wanted[0, :-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("frames", "lead", "tail"), [(10, 3, 4), (5, 4, 4), (4, 4, 4), (1, 3, 6), (2, 6, 1)])
def test_mirroring_keeps_the_signal_whatever_its_length(frames: int, lead: int, tail: int) -> None:
    signal = torch.arange(1.0, frames + 1)[None]
    out = mirrored(signal, lead, tail)
    assert out.shape == (1, lead + frames + tail)
    assert torch.equal(out[:, lead : lead + frames], signal)
    if frames > max(lead, tail):
        assert torch.equal(out[0, :lead].flip(0), signal[0, 1 : lead + 1])
