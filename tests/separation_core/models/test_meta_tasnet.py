import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.errors import ModelError
from separation_core.models.meta_tasnet import MetaTasnet
from separation_core.models.tasnet_config import MetaTasnetConfig

SMALL = MetaTasnetConfig(N=16, num_mels=4, B=8, H=8, stack=1, layers=2)
PUBLISHED: dict[str, Any] = {
    "sampling_rate": 8000, "stages_num": 3, "N": 440, "L": 20, "W": 20, "filters": 3, "num_mels": 256, "B": 160,
    "H": 160, "stack": 3, "layers": 6, "kernel": 3, "E_1": 8, "E_2": 5, "independent_params": False,
    "residual_bias": False, "learning_rate": 1e-3, "train_data": "data/train", "epochs": 250,
}  # fmt: skip


@pytest.fixture(scope="module")
def network() -> MetaTasnet:
    torch.manual_seed(0)
    return MetaTasnet(SMALL).eval()


def separated(network: MetaTasnet, mix: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        stems: torch.Tensor = network(mix)
    return stems


def test_the_defaults_are_the_published_network() -> None:
    assert MetaTasnetConfig.from_published(PUBLISHED) == MetaTasnetConfig()
    with torch.device("meta"):
        state = MetaTasnet(MetaTasnetConfig()).state_dict()
    assert state["stages.1.encoder.filters.0.weight"].shape == (220, 1, 40)
    assert state["stages.1.mask.in_conv.kernel.weight"].shape == (211200, 5)
    assert state["stages.0.instrument_embedding.weight"].shape == (4, 8)


def test_a_checkpoint_that_lacks_a_size_is_refused_by_its_name() -> None:
    with pytest.raises(ModelError, match="'num_mels'"):
        MetaTasnetConfig.from_published({key: value for key, value in PUBLISHED.items() if key != "num_mels"})


def test_a_checkpoint_with_something_else_for_a_size_is_refused() -> None:
    with pytest.raises(ModelError, match="'many' for 'N'"):
        MetaTasnetConfig.from_published({**PUBLISHED, "N": "many"})


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({"N": 441}, "N 441"),
        ({"B": 161}, "B 161"),
        ({"kernel": 5}, "5 taps"),
        ({"L": 21}, "L 21"),
        ({"L": 10}, "L 10"),
        ({"sampling_rate": 4000}, "4000 Hz"),
        ({"E_1": None}, "E_1"),
        ({"stems": ("vocals",)}, "1 stems"),
        ({"stages_num": 0}, "0 stages"),
        ({"num_mels": 0}, "below 1"),
        ({"stack": 0}, "no masking layers"),
    ],
)
def test_sizes_that_no_network_has_are_refused(sizes: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelError, match=named):
        MetaTasnetConfig(**sizes)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 20_000))
def test_the_rates_are_exactly_one_two_four(frames: int) -> None:
    mixes = MetaTasnet(SMALL).pyramid(torch.ones(1, frames))
    sizes = [mix.shape[-1] for mix in mixes]
    assert sizes == [sizes[0], 2 * sizes[0], 4 * sizes[0]]
    assert sizes[0] % SMALL.W == 0
    assert sizes[2] >= max(frames, 4096)


@pytest.mark.parametrize("frames", [0, 1, 79, 80, 2049, 9001])
def test_any_length_comes_back_at_its_length(network: MetaTasnet, frames: int) -> None:
    stems = separated(network, torch.randn(2, 1, frames))
    assert stems.shape == (2, 4, 1, frames)
    assert stems.dtype == torch.float32
    assert torch.isfinite(stems).all()


@pytest.mark.parametrize("mix", [torch.ones(1, 1, 6000), torch.eye(6000)[None, 9:10], torch.zeros(1, 1, 6000)])
def test_a_constant_a_click_and_silence_give_numbers_no_louder_than_they_are(
    network: MetaTasnet, mix: torch.Tensor
) -> None:
    stems = separated(network, mix)
    assert torch.isfinite(stems).all()
    assert stems.abs().max() <= mix.abs().max() + 1e-20


@pytest.mark.parametrize("level", [1e-30, 1e-6, 1e6, 1e25])
def test_the_level_of_the_mix_is_the_level_of_the_stems_and_changes_nothing_else(
    network: MetaTasnet, level: float
) -> None:
    mix = torch.randn(1, 1, 8000)
    torch.testing.assert_close(separated(network, mix * level) / level, separated(network, mix), rtol=1e-3, atol=1e-6)


def test_items_of_a_batch_do_not_hear_each_other(network: MetaTasnet) -> None:
    mix = torch.randn(3, 1, 8000) * torch.tensor([1.0, 0.1, 5.0])[:, None, None]
    together = separated(network, mix)
    for index in range(3):
        torch.testing.assert_close(separated(network, mix[index : index + 1])[0], together[index], rtol=1e-4, atol=1e-5)


def test_fixed_levels_are_the_songs_own_when_they_are_taken_from_it(network: MetaTasnet) -> None:
    mix = torch.randn(1, 1, 8000)
    with torch.inference_mode():
        levels = network.levels(network.pyramid(mix[:, 0]))[:, 0]
        torch.testing.assert_close(network.at_levels(levels)(mix), network(mix), rtol=1e-5, atol=1e-6)
        assert not torch.allclose(network.at_levels(10 * levels)(mix), network(mix), rtol=1e-2)
    assert network.at_levels(levels).spec == network.spec


def test_mixes_of_unequal_lengths_are_refused(network: MetaTasnet) -> None:
    with pytest.raises(ModelError, match="1 : 2 : 4"):
        network.separate_rates([torch.zeros(1, size) for size in (8000, 16000, 32001)])
    with pytest.raises(ModelError, match="multiple of 20"):
        network.separate_rates([torch.zeros(1, size) for size in (8001, 16002, 32004)])
    with pytest.raises(ModelError, match="give 3"):
        network.separate_rates([torch.zeros(1, 8000)])


def test_kept_weights_never_outlive_the_ones_they_were_made_from() -> None:
    torch.manual_seed(1)
    first, second, third = (MetaTasnet(SMALL).eval() for _ in range(3))
    mix = torch.randn(1, 1, 5000)
    wanted = separated(second, mix)
    assert not torch.allclose(separated(first, mix), wanted, atol=1e-4)
    first.load_state_dict(second.state_dict())
    torch.testing.assert_close(separated(first, mix), wanted)
    separated(first.train(), mix)
    with torch.no_grad():
        for parameter, other in zip(first.parameters(), third.parameters(), strict=True):
            parameter.copy_(other)
    torch.testing.assert_close(separated(first, mix), separated(third, mix))
    torch.testing.assert_close(separated(first.eval(), mix), separated(third, mix))


def test_gradients_change_no_sample(network: MetaTasnet) -> None:
    mix = torch.randn(2, 1, 6000)
    torch.testing.assert_close(network(mix).detach(), separated(network, mix), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("independent", [False, True])
def test_every_parameter_that_reaches_the_sound_learns(independent: bool) -> None:
    network = MetaTasnet(replace(SMALL, independent_params=independent, residual_bias=True))
    network(torch.randn(1, 1, 8000)).square().sum().backward()
    # Lower stages are not decoded, and what the last layer passes on goes nowhere.
    idle = ("stages.0.decoder", "stages.1.decoder", "tcn.1.res_out")
    for name, parameter in network.named_parameters():
        if parameter.requires_grad and not any(part in name for part in idle):
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


def test_mixed_precision_stays_near_single(network: MetaTasnet) -> None:
    mix = torch.randn(1, 1, 6000)
    other = copy.deepcopy(network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = separated(other, mix)
    fine = separated(other, mix)
    assert rough.dtype == torch.float32
    assert (rough - fine).norm() < 0.1 * fine.norm()
    torch.testing.assert_close(fine, separated(network, mix))


def test_the_spec_names_what_the_engine_needs() -> None:
    spec = MetaTasnet(SMALL, name="small", version="abc").spec
    assert (spec.name, spec.version, spec.rate, spec.channels) == ("small", "abc", 32000, 1)
    assert (spec.segment, spec.context) == (SMALL.segment, SMALL.context)
    assert spec.stems == ("drums", "bass", "other", "vocals")
