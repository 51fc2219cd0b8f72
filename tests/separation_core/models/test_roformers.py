import math
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import pytest
import torch

from separation_core.errors import ModelError
from separation_core.models import band_roformer, roformer_layers
from separation_core.models.bs_roformer import BsRoformer, BsRoformerConfig
from separation_core.models.mel_band_roformer import MelBandRoformer, MelBandRoformerConfig, mel_bands

SMALL: dict[str, Any] = {
    "dim": 8, "depth": 2, "stereo": True, "heads": 2, "dim_head": 4, "time_transformer_depth": 1,
    "freq_transformer_depth": 1, "stft_n_fft": 256, "stft_hop_length": 64, "stft_win_length": 256,
}  # fmt: skip
BS = BsRoformerConfig(**SMALL, freqs_per_bands=(1, 3, 5, 40, 80))
MEL = MelBandRoformerConfig(**SMALL, num_bands=10, sample_rate=8000)
Network = BsRoformer | MelBandRoformer


def build(config: BsRoformerConfig | MelBandRoformerConfig) -> Network:
    torch.manual_seed(1)
    return (BsRoformer(config) if isinstance(config, BsRoformerConfig) else MelBandRoformer(config)).eval()


def separated(network: Network, mix: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return network(mix)


@pytest.fixture(params=[BS, MEL], ids=["bs", "mel"])
def config(request: pytest.FixtureRequest) -> BsRoformerConfig | MelBandRoformerConfig:
    return request.param


@pytest.mark.parametrize("frames", [1, 128, 129, 1000, 1024])
def test_any_length_comes_back_at_its_length(config: BsRoformerConfig, frames: int) -> None:
    stems = separated(build(config), torch.randn(2, 2, frames))
    assert stems.shape == (2, 2, 2, frames)
    assert torch.isfinite(stems).all()


def test_silence_gives_silence_not_nan(config: BsRoformerConfig) -> None:
    assert separated(build(config), torch.zeros(1, 2, 1000)).abs().max() == 0


def test_the_remainder_makes_the_stems_sum_to_the_mix(config: BsRoformerConfig) -> None:
    mix = torch.randn(1, 2, 1000)
    torch.testing.assert_close(separated(build(config), mix).sum(dim=1), mix, rtol=1e-5, atol=1e-6)


def test_without_a_name_for_it_there_is_no_remainder(config: BsRoformerConfig) -> None:
    mix = torch.randn(1, 2, 1000)
    both = separated(build(config), mix)
    one = separated(build(replace(config, stems=("vocals",))), mix)
    assert torch.equal(one, both[:, :1])


def test_a_batch_is_separated_like_its_songs_alone(config: BsRoformerConfig) -> None:
    mix = torch.randn(3, 2, 1000)
    network = build(config)
    alone = torch.cat([separated(network, song[None]) for song in mix])
    torch.testing.assert_close(separated(network, mix), alone, rtol=1e-5, atol=1e-6)


def test_how_many_sequences_go_at_once_changes_nothing(
    config: BsRoformerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    mix = torch.randn(2, 2, 1000)
    network = build(config)
    whole = separated(network, mix)
    monkeypatch.setattr(band_roformer, "TOKENS_AT_ONCE", 1)
    torch.testing.assert_close(separated(network, mix), whole, rtol=1e-5, atol=1e-6)


def test_zero_dc_takes_away_the_lowest_bin_and_nothing_else(config: BsRoformerConfig) -> None:
    mix = torch.randn(1, 2, 4096)
    with_dc = separated(build(replace(config, zero_dc=False)), mix)
    taken = with_dc[0, 0] - separated(build(config), mix)[0, 0]
    power = torch.fft.rfft(taken).abs().square()
    # A column's lowest bin sounds as the Hann window itself, whose main lobe ends at bin 2 of 256.
    assert power[:, : 2 * 4096 // 256 + 1].sum() > 0.99 * power.sum() > 0


def test_every_learned_parameter_learns(config: BsRoformerConfig) -> None:
    network = build(
        replace(config, linear_transformer_depth=1, skip_connection=True, use_shared_bias=True, zero_dc=False)
    )
    network(torch.randn(1, 2, 1000))[:, 0].square().sum().backward()
    silent = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert all(key.endswith("freqs") for key in silent)


def test_half_precision_stays_close(config: BsRoformerConfig) -> None:
    mix = torch.randn(1, 2, 1000)
    network = build(config)
    with torch.autocast("cpu", torch.bfloat16):
        rough = separated(network, mix)
    exact = separated(network, mix)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.05 * exact.norm()


def test_frequencies_rounded_to_half_precision_are_read_as_exact(config: BsRoformerConfig) -> None:
    network, mix = build(config), torch.randn(1, 2, 4000)
    state = {key: value.half().float() if "rotary" in key else value for key, value in network.state_dict().items()}
    other = build(config)
    other.load_state_dict(state)
    assert torch.equal(separated(other, mix), separated(network, mix))
    other.load_state_dict({key: value for key, value in state.items() if not key.endswith("rotary_embed.freqs")})


def test_other_frequencies_are_taken_from_the_checkpoint(config: BsRoformerConfig) -> None:
    network = build(config)
    state = {key: value / 2 if "rotary" in key else value for key, value in network.state_dict().items()}
    network.load_state_dict(state)
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key])


def test_shared_biases_load_whether_stored_once_or_under_every_layer(config: BsRoformerConfig) -> None:
    shared = replace(config, use_shared_bias=True)
    network, mix = build(shared), torch.randn(1, 2, 1000)
    for key in ("linear_62_bias_0", "linear_64_bias_0"):
        torch.nn.init.normal_(network.get_parameter(key))
    state = network.state_dict()
    once = {key: value for key, value in state.items() if not key.endswith(("to_qkv.bias", "to_out.0.bias"))}
    assert len(once) == len(state) - 2 * 2 * config.depth
    for stored in (state, once):
        other = build(shared)
        other.load_state_dict(stored)
        assert torch.equal(separated(other, mix), separated(network, mix))
    plain = build(config)
    plain.load_state_dict({key: value for key, value in once.items() if key in plain.state_dict()})
    assert not torch.allclose(separated(plain, mix), separated(network, mix), atol=1e-3)


def test_rotary_attention_hears_only_how_far_tokens_are_apart() -> None:
    rotary = roformer_layers.RotaryEmbedding(8)
    query, key = (rotary(torch.randn(8).expand(1, 50, 8)) for _ in range(2))
    scores = query[0] @ key[0].T
    for apart in (-3, 0, 7):
        diagonal = scores.diagonal(apart)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)


def test_mel_bands_overlap_and_cover_everything() -> None:
    bands = mel_bands(44100, 2048, 60)
    assert set().union(*bands) == set(range(1025))
    assert all(before.stop > after.start for before, after in pairwise(bands))


def test_the_spec_names_what_the_engine_needs() -> None:
    spec = MelBandRoformer(replace(MEL, segment=4096, context=64), name="kim", version="abc").spec
    assert (spec.name, spec.version, spec.stems, spec.rate, spec.channels) == (
        "kim", "abc", ("vocals", "other"), 8000, 2,
    )  # fmt: skip
    assert (spec.segment, spec.context) == (4096, 64)


def test_published_settings_are_taken_and_training_ones_dropped() -> None:
    published = {**SMALL, "freqs_per_bands": [1, 3, 5, 40, 80], "multi_stft_hop_size": 147, "flash_attn": True}
    assert BsRoformerConfig.from_published(published) == BS
    assert BsRoformerConfig.from_published({**published, "use_pope": False}, segment=7).segment == 7


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fno": True}, "'fno'"),
        ({"use_pope": True}, "use_pope"),
        ({"dim": "wide"}, "dim 'wide'"),
        ({"depth": 0}, "depth 0"),
        ({"dim_head": 5}, "dim_head 5"),
        ({"stems": ["a", "b", "c"]}, "3 stems"),
        ({"stft_hop_length": 200}, "stft_hop_length 200"),
        ({"freqs_per_bands": [1, 2]}, "add up to 129"),
        ({"freqs_per_bands": ["x"]}, "freqs_per_bands"),
    ],
)
def test_wrong_settings_are_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelError, match=named):
        BsRoformerConfig.from_published({**asdict(BS), **change})


def test_too_many_mel_bands_are_refused() -> None:
    with pytest.raises(ModelError, match="num_bands 300"):
        MelBandRoformer(replace(MEL, num_bands=300))


def test_masks_of_overlapping_bands_are_averaged() -> None:
    network = build(MEL)
    estimator = network.mask_estimators[0]
    for band, net in enumerate(estimator.to_freqs):
        last = net[0][-1]
        torch.nn.init.zeros_(last.weight)
        # GLU passes half of the bias: value times sigmoid(0) per band.
        torch.nn.init.constant_(last.bias, 0)
        last.bias.data[: last.bias.numel() // 2] = 2.0 * band
    mask = separated(estimator, torch.zeros(1, 3, 10, 8))  # type: ignore[arg-type]
    bands = mel_bands(8000, 256, 10)
    for bin_number in (0, 20, 60, 128):
        hearing = [band for band, bins in enumerate(bands) if bin_number in bins]
        assert math.isclose(float(mask[0, 0, bin_number, 0].real), sum(hearing) / len(hearing), abs_tol=1e-5)
