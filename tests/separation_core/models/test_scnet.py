import pytest
import torch

from separation_core.models.scnet import Scnet, ScnetConfig, _pad_bins

SMALL = ScnetConfig(dims=(4, 8, 12, 16), paths=2, window=1024, hop=256)


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
def test_any_length_comes_back_at_its_length(frames: int) -> None:
    with torch.inference_mode():
        stems = Scnet(SMALL).eval()(torch.randn(2, 2, frames))
    assert stems.shape == (2, 4, 2, frames)
    assert torch.isfinite(stems).all()


@pytest.mark.parametrize(
    ("bins", "stride", "kernel", "left", "right"),
    [(10, 16, 16, 3, 3), (9, 4, 4, 1, 2), (8, 4, 4, 0, 0), (7, 1, 3, 1, 1)],
)
def test_bands_are_padded_on_both_sides(bins: int, stride: int, kernel: int, left: int, right: int) -> None:
    padded = _pad_bins(torch.ones(1, 1, bins, 1), stride, kernel).flatten().tolist()
    assert padded == [0.0] * left + [1.0] * bins + [0.0] * right


def test_silence_gives_silence_not_nan() -> None:
    with torch.inference_mode():
        stems = Scnet(SMALL).eval()(torch.zeros(1, 2, 4096))
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


def test_every_parameter_learns() -> None:
    network = Scnet(SMALL)
    network(torch.randn(1, 2, 4096)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_the_spec_names_what_the_engine_needs() -> None:
    spec = Scnet(SMALL, name="small", version="abc").spec
    assert (spec.name, spec.version, spec.stems, spec.rate, spec.channels) == (
        "small", "abc", ("drums", "bass", "other", "vocals"), 44100, 2,
    )  # fmt: skip
