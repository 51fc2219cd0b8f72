from pathlib import Path

import pytest
import torch

from separation_core.errors import ModelError
from separation_core.models.dual_path_unet import DualPathUNet, DualPathUNetConfig
from separation_core.models.networks import build_network, load_network, read_header, save_network

SMALL = DualPathUNetConfig(width=8, growth=4, paths=1, hidden=8, window=1024, hop=256)


def _used(config: DualPathUNetConfig = SMALL) -> DualPathUNet:
    """A network whose normalisations have seen something, so that folding them is not trivial."""
    torch.manual_seed(0)
    network = DualPathUNet(config)
    for _ in range(3):
        network(torch.randn(2, 2, 8192))
    return network.eval()


@pytest.mark.parametrize("frames", [1, 255, 256, 5000, 8192, 8193])
def test_any_length_comes_back_at_its_length(frames: int) -> None:
    with torch.inference_mode():
        stems = _used()(torch.randn(2, 2, frames))
    assert stems.shape == (2, 4, 2, frames)
    assert stems.dtype == torch.float32
    assert torch.isfinite(stems).all()


def test_the_level_of_the_song_does_not_matter_and_silence_stays() -> None:
    network, mix = _used(), torch.randn(1, 2, 8192)
    with torch.inference_mode():
        torch.testing.assert_close(network(0.01 * mix), 0.01 * network(mix), rtol=1e-3, atol=1e-6)
        assert not network(torch.zeros(1, 2, 4096)).any()


def test_folded_normalisations_change_nothing_and_leave_the_original_alone() -> None:
    network, mix = _used(), torch.randn(1, 2, 8192)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.inference_mode():
        torch.testing.assert_close(network.fused()(mix), network(mix), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_masks_reach_every_frequency() -> None:
    network = _used()
    torch.nn.init.zeros_(network.masks.weight)
    assert network.masks.bias is not None
    with torch.no_grad():
        # Every other output is a real part: a mask of one everywhere gives the song back.
        network.masks.bias.copy_(torch.tensor([1.0] * SMALL.bands + [0.0] * SMALL.bands).repeat(8))
    mix = torch.randn(1, 2, 6000)
    with torch.inference_mode():
        torch.testing.assert_close(network(mix), mix[:, None].expand(1, 4, 2, -1), rtol=1e-3, atol=1e-4)


class _Echoing(DualPathUNet):
    """Gives its own input back as the masks of every stem."""

    def _network(self, folded: torch.Tensor) -> torch.Tensor:
        return folded.repeat(1, len(self.config.stems), 1, 1)


def test_masks_come_back_at_the_bins_they_were_made_from() -> None:
    network = _Echoing(DualPathUNetConfig(window=1024, hop=256, compression=1.0))
    spectrum = torch.randn(2, 2, 513, 21, dtype=torch.complex64)
    masks = network._masks(spectrum)
    torch.testing.assert_close(masks[..., :-1, :], spectrum[:, None, :, :-1].expand(-1, 4, -1, -1, -1))
    torch.testing.assert_close(masks[..., -1, :], masks[..., -2, :])


def test_every_parameter_learns() -> None:
    network = DualPathUNet(SMALL)
    network(torch.randn(2, 2, 8192)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_weights_travel_in_a_file_that_says_what_they_are(tmp_path: Path) -> None:
    network, path, mix = _used(), tmp_path / "w.safetensors", torch.randn(1, 2, 8192)
    save_network(path, network, notes={"licence": "GPL-3.0-or-later"})
    loaded = load_network(path, name="default")
    assert read_header(path)["licence"] == "GPL-3.0-or-later"
    assert loaded.spec.name == "default"
    with torch.inference_mode():
        torch.testing.assert_close(loaded(mix), network(mix), rtol=2e-2, atol=2e-2)


def test_wrong_architectures_sizes_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="transformer"):
        build_network("transformer", {})
    with pytest.raises(ModelError, match="breadth"):
        build_network("scnet", {"breadth": 3})
    (tmp_path / "bad").write_bytes(b"not weights at all")
    for name in ("bad", "none"):
        with pytest.raises(ModelError, match=name):
            load_network(tmp_path / name, name="x")
    save_network(tmp_path / "cut", _used())
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:-50])
    with pytest.raises(ModelError, match="damaged"):
        load_network(tmp_path / "cut", name="x")
