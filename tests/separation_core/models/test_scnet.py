from dataclasses import replace

import pytest
import torch

from separation_core.errors import ModelError
from separation_core.models.scnet import Scnet, ScnetConfig
from separation_core.models.scnet_layers import Band, _pad_bins
from separation_core.models.scnet_spectrum import ScnetSpectrum

SMALL = ScnetConfig(dims=(4, 8, 12, 16), paths=2, window=1024, hop=256)
MASKED = replace(SMALL, normalise=False, masked=True)
VARIANTS = pytest.mark.parametrize("config", [SMALL, MASKED], ids=["plain", "masked"])


def test_the_base_configuration_has_the_published_parameters() -> None:
    state = Scnet(ScnetConfig()).state_dict()
    assert sum(tensor.numel() for tensor in state.values()) == 10_578_768
    assert state["encoder.0.SDlayer.convs.2.weight"].shape == (32, 4, 16, 1)
    assert state["encoder.2.conv_modules.0.layers.2.6.weight"].shape == (128, 32, 1)
    assert state["separation_net.dp_modules.1.lstm_layers.1.weight_ih_l0_reverse"].shape == (1024, 256)
    assert state["separation_net.dp_modules.5.norm_layers.0.weight"].shape == (256,)
    assert state["decoder.0.0.conv.weight"].shape == (256, 256, 3, 3)
    assert state["decoder.2.1.convtrs.1.weight"].shape == (32, 16, 4, 1)


def test_the_large_configuration_has_the_published_parameters() -> None:
    config = ScnetConfig(dims=(4, 64, 128, 256), band_shares=(0.225, 0.372, 0.403))
    with torch.device("meta"):
        network = Scnet(config)
    assert sum(parameter.numel() for parameter in network.parameters()) == 42_181_232


@pytest.mark.parametrize("frames", [1, 255, 256, 5000, 8192])
@VARIANTS
def test_any_length_comes_back_at_its_length(config: ScnetConfig, frames: int) -> None:
    with torch.inference_mode():
        stems = Scnet(config).eval()(torch.randn(2, 2, frames))
    assert stems.shape == (2, 4, 2, frames)
    assert torch.isfinite(stems).all()


@pytest.mark.parametrize(
    ("bins", "stride", "kernel", "left", "right"),
    [(10, 16, 16, 3, 3), (9, 4, 4, 1, 2), (8, 4, 4, 0, 0), (7, 1, 3, 1, 1)],
)
def test_bands_are_padded_on_both_sides(bins: int, stride: int, kernel: int, left: int, right: int) -> None:
    padded = _pad_bins(torch.ones(1, bins, 1, 1), Band(1.0, stride, kernel, 1)).flatten().tolist()
    assert padded == [0.0] * left + [1.0] * bins + [0.0] * right


@VARIANTS
def test_silence_gives_silence_not_nan(config: ScnetConfig) -> None:
    with torch.inference_mode():
        stems = Scnet(config).eval()(torch.zeros(1, 2, 4096))
    assert torch.isfinite(stems).all()
    assert stems.abs().max() < 1e-6


def test_normalising_makes_the_level_irrelevant_and_can_be_left_out() -> None:
    mix = torch.randn(1, 2, 6000)
    torch.manual_seed(0)
    network = Scnet(SMALL).eval()
    with torch.inference_mode():
        torch.testing.assert_close(network(0.25 * mix), 0.25 * network(mix), rtol=1e-2, atol=1e-3)
        plain = Scnet(ScnetConfig(dims=SMALL.dims, paths=2, window=1024, hop=256, normalise=False)).eval()
        plain.load_state_dict(network.state_dict())
        assert not torch.allclose(plain(mix), network(mix), atol=1e-3)


@VARIANTS
def test_every_parameter_learns(config: ScnetConfig) -> None:
    network = Scnet(config)
    network(torch.randn(1, 2, 4096)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@VARIANTS
def test_songs_in_a_batch_do_not_hear_each_other(config: ScnetConfig) -> None:
    network, mix = Scnet(config).eval(), torch.randn(3, 2, 5000)
    with torch.inference_mode():
        apart = torch.cat([network(song) for song in mix.split(1)])
        torch.testing.assert_close(network(mix), apart, rtol=1e-4, atol=1e-5)


@VARIANTS
def test_learning_and_inference_compute_the_same(config: ScnetConfig) -> None:
    network, mix = Scnet(config), torch.randn(1, 2, 5000)
    learning = network.train()(mix).detach()
    with torch.inference_mode():
        torch.testing.assert_close(network.eval()(mix), learning, rtol=1e-4, atol=1e-5)


def test_masks_are_the_same_taken_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    network, mix = Scnet(MASKED).eval(), torch.randn(1, 2, 5000)
    with torch.inference_mode():
        whole = network(mix)
        monkeypatch.setattr("separation_core.models.channels_last.BAND_FLOATS", 10_000)
        torch.testing.assert_close(network(mix), whole, rtol=1e-4, atol=1e-6)


def test_a_masked_network_does_not_normalise() -> None:
    with pytest.raises(ModelError, match="set normalise to false"):
        ScnetConfig(masked=True)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("tapered", [True, False])
@pytest.mark.parametrize(("window", "hop"), [(256, 64), (256, 128), (250, 60)])
def test_the_spectrogram_is_torchs_and_comes_back(window: int, hop: int, tapered: bool, scaled: bool) -> None:
    audio = torch.randn(2, 3, 12 * hop)
    shape = torch.hann_window(window) if tapered else torch.ones(window)
    spectrum = ScnetSpectrum(window, hop, scaled, tapered)
    there = spectrum.forward(audio)
    expected = torch.stft(
        audio.flatten(0, 1), window, hop, window=shape, normalized=scaled, return_complex=True
    ).view(2, 3, spectrum.bins, 13)  # fmt: skip
    parts = torch.view_as_real(expected).permute(0, 2, 3, 1, 4).flatten(3)
    torch.testing.assert_close(there, parts, rtol=1e-4, atol=1e-4 * float(parts.abs().max()))
    torch.testing.assert_close(spectrum.inverse(there), audio, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("paths", [0, 1, 7])
def test_an_odd_number_of_paths_is_refused(paths: int) -> None:
    with pytest.raises(ModelError, match=f"{paths} dual-path layers"):
        ScnetConfig(paths=paths)


@pytest.mark.parametrize("hop", [0, 129, 256])
def test_a_hop_of_more_than_half_a_window_is_refused(hop: int) -> None:
    with pytest.raises(ModelError, match=f"hops of {hop} frames"):
        ScnetSpectrum(256, hop)


def test_the_spec_names_what_the_engine_needs() -> None:
    spec = Scnet(SMALL, name="small", version="abc").spec
    assert (spec.name, spec.version, spec.stems, spec.rate, spec.channels) == (
        "small", "abc", ("drums", "bass", "other", "vocals"), 44100, 2,
    )  # fmt: skip
