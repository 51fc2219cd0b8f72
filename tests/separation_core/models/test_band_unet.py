from itertools import pairwise
from pathlib import Path

import pytest
import torch

from separation_core.models.band_unet import BandUNet, BandUNetConfig, _measure_cues
from separation_core.models.networks import load_network, save_network

SMALL = BandUNetConfig(window=1024, hop=256, folds=((64, 1), (128, 4), (320, 10)), widths=(8, 16, 24), depth=1)


def _used() -> BandUNet:
    """A network whose normalisations have seen something and whose shares are not all equal."""
    torch.manual_seed(0)
    network = BandUNet(SMALL)
    torch.nn.init.normal_(network.exit.weight)
    for _ in range(3):
        network(torch.randn(2, 2, 8192))
    return network.eval()


@pytest.mark.parametrize("frames", [1, 255, 256, 5000, 8193])
def test_stems_of_any_length_sum_to_the_mix(frames: int) -> None:
    mix = torch.randn(2, 2, frames)
    with torch.inference_mode():
        stems = _used()(mix)
    assert stems.shape == (2, 4, 2, frames)
    assert stems.std(dim=1).max() > 0
    torch.testing.assert_close(stems.sum(dim=1), mix, rtol=1e-4, atol=1e-4)


def test_the_level_of_the_song_does_not_matter_and_silence_stays() -> None:
    network, mix = _used(), torch.randn(1, 2, 8192)
    with torch.inference_mode():
        torch.testing.assert_close(network(0.01 * mix), 0.01 * network(mix), rtol=1e-3, atol=1e-6)
        assert not network(torch.zeros(1, 2, 4096)).any()


def test_an_untrained_network_gives_equal_shares() -> None:
    mix = torch.randn(1, 2, 6000)
    with torch.inference_mode():
        stems = BandUNet(SMALL).eval()(mix)
    torch.testing.assert_close(stems, mix[:, None].expand(1, 4, 2, -1) / 4, rtol=1e-3, atol=1e-4)


def test_folded_normalisations_change_nothing_and_leave_the_original_alone() -> None:
    network, mix = _used(), torch.randn(1, 2, 8192)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.inference_mode():
        torch.testing.assert_close(network.fused()(mix), network(mix), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_places_gather_all_bins_but_the_highest() -> None:
    network, cells = BandUNet(SMALL), torch.rand(3, 5, 513)
    places = network.by_place(cells)
    assert places.shape == (3, 5, 128)
    torch.testing.assert_close(places.sum(-1), cells[..., :-1].sum(-1))
    torch.testing.assert_close(places[..., :64], cells[..., :64])
    torch.testing.assert_close(places[..., 64], cells[..., 64:68].sum(-1))


def test_shares_come_back_at_the_bins_they_were_made_from() -> None:
    """Each stem is given the places that it alone sounds in."""

    class Knowing(BandUNet):
        def shares(self, spectrum: torch.Tensor) -> torch.Tensor:
            stem = torch.arange(128) // 32
            chosen = torch.stack([stem == index for index in range(4)]).float()
            return chosen[None, :, None, None].expand(-1, -1, 2, spectrum.shape[2], -1)

    network, mix = Knowing(SMALL), torch.randn(1, 2, 16384)
    stems = network(mix)
    edges = [0, 32, 64, 192, 513]
    for stem, (low, high) in enumerate(pairwise(edges)):
        power = network.analyse(stems[0, stem]).abs().square().mean(dim=(0, 1))
        assert power[low:high].sum() > 0.97 * power.sum()


def test_cues_tell_strokes_from_notes_and_the_middle_from_the_sides() -> None:
    network, time = BandUNet(BandUNetConfig()), torch.arange(88200) / 44100
    note, stroke = torch.sin(2 * torch.pi * 990.5 * time), torch.zeros(88200)
    stroke[44100:44400] = 10 * torch.randn(300)
    mix = torch.stack([torch.stack([note + stroke] * 2), torch.stack([note, -note])])
    cues = _measure_cues(network._views(network.analyse(mix)))
    # Column 43 lies in the stroke, 20 does not; place 92 is that of the note, 150 is far from it.
    assert cues[0, 0, 43, 150] > 2
    assert cues[0, 0, 20, 92] < -2
    assert cues[0, 4, 20, 92] < -4 < 4 < cues[1, 4, 20, 92]


def test_every_parameter_learns() -> None:
    network = BandUNet(SMALL)
    torch.nn.init.normal_(network.exit.weight)
    network(torch.randn(2, 2, 8192))[:, 0].square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_weights_and_their_nested_sizes_travel_in_a_file(tmp_path: Path) -> None:
    network, path, mix = _used(), tmp_path / "w.safetensors", torch.randn(1, 2, 8192)
    save_network(path, network)
    loaded = load_network(path, name="default")
    assert loaded.config == SMALL
    with torch.inference_mode():
        torch.testing.assert_close(loaded(mix), network(mix), rtol=2e-2, atol=2e-2)
