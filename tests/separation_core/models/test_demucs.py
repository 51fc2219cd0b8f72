import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

import pytest
import torch

from separation_core.errors import ModelError
from separation_core.models import channels_last
from separation_core.models import htdemucs as htdemucs_module
from separation_core.models.hdemucs import HDemucs, HDemucsConfig
from separation_core.models.htdemucs import HTDemucs, HTDemucsConfig

STEMS = ("drums", "bass", "other", "vocals")
SMALL = HTDemucsConfig(
    sources=STEMS, channels=16, depth=3, nfft=1024, samplerate=8000, segment="1", dconv_mode=3, bottom_channels=32
)
HYBRID = HDemucsConfig(
    sources=STEMS, channels=8, depth=4, nfft=256, samplerate=8000, segment="1", norm_starts=2, dconv_attn=2,
    dconv_lstm=2,
)  # fmt: skip


def network(config: HTDemucsConfig | HDemucsConfig) -> HTDemucs | HDemucs:
    """A network every part of which has a say: small factors are drawn up."""
    torch.manual_seed(0)
    built = HTDemucs(config) if isinstance(config, HTDemucsConfig) else HDemucs(config)
    with torch.no_grad():
        for name, parameter in built.named_parameters():
            if name.endswith("scale"):
                parameter.uniform_(0.2, 0.5)
    return built.eval()


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors: on a busy machine threads wait for each other far longer than the sums take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=[SMALL, HYBRID], ids=["transformer", "hybrid"])
def net(request: pytest.FixtureRequest) -> HTDemucs | HDemucs:
    return network(request.param)


@pytest.fixture
def tiny_bands(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(channels_last, "BAND_FLOATS", 3000)
        patched.setattr(htdemucs_module, "_SCORES", 500)
        yield


@pytest.mark.parametrize("frames", [1, 255, 1000, 8000, 8193])
def test_any_length_comes_back_at_its_length(net: HTDemucs | HDemucs, frames: int) -> None:
    with torch.inference_mode():
        stems = net(torch.randn(2, 2, frames))
    assert stems.shape == (2, 4, 2, frames)
    assert stems.dtype == torch.float32
    assert torch.isfinite(stems).all()


def test_silence_gives_silence_not_nan(net: HTDemucs | HDemucs) -> None:
    with torch.inference_mode():
        assert not net(torch.zeros(1, 2, 5000)).any()


def test_the_level_of_the_song_does_not_matter(net: HTDemucs | HDemucs) -> None:
    mix = torch.randn(1, 2, 6000)
    with torch.inference_mode():
        torch.testing.assert_close(net(0.1 * mix), 0.1 * net(mix), rtol=1e-2, atol=1e-3)


def test_songs_of_a_batch_do_not_hear_each_other(net: HTDemucs | HDemucs) -> None:
    mixes = torch.randn(2, 2, 6000) * torch.tensor([1.0, 0.1])[:, None, None]
    with torch.inference_mode():
        torch.testing.assert_close(net(mixes), torch.cat([net(mix[None]) for mix in mixes]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2])
def test_working_band_by_band_changes_nothing(net: HTDemucs | HDemucs, batch: int, request: Any) -> None:
    mix = torch.randn(batch, 2, 8000)
    with torch.inference_mode():
        whole = net(mix)
        request.getfixturevalue("tiny_bands")
        assert float((net(mix) - whole).norm() / whole.norm()) < 2e-6


def test_every_parameter_learns(net: HTDemucs | HDemucs) -> None:
    net.train()(torch.randn(2, 2, 6000)).square().sum().backward()
    assert not [name for name, each in net.named_parameters() if each.grad is None or not each.grad.any()]


def test_weights_loaded_into_another_network_give_the_same_stems(net: HTDemucs | HDemucs) -> None:
    state = {key: tensor.contiguous() for key, tensor in net.state_dict().items()}
    other = type(net)(net.config).eval()  # type: ignore[arg-type]
    other.load_state_dict(state)
    mix = torch.randn(1, 2, 4000)
    with torch.inference_mode():
        assert torch.equal(other(mix), net(mix))


def test_a_transformer_pads_a_short_mix_to_its_segment_unless_told_otherwise() -> None:
    mix = torch.randn(1, 2, 5000)
    padding = network(SMALL)
    flexible = network(replace(SMALL, use_train_segment=False))
    with torch.inference_mode():
        padded = flexible(torch.nn.functional.pad(mix, (0, 3000)))[..., :5000]
        torch.testing.assert_close(padding(mix), padded, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(flexible(mix), padded, atol=1e-2)


def test_only_a_network_that_pads_to_its_segment_gains_nothing_by_shorter_ones() -> None:
    assert not network(SMALL).spec.any_length
    assert network(replace(SMALL, use_train_segment=False)).spec.any_length
    assert network(HYBRID).spec.any_length


def test_half_precision_changes_little(net: HTDemucs | HDemucs) -> None:
    """On a CPU, whose autocast rounds what a GPU's rounds."""
    assert net.spec.half_safe
    mix = torch.randn(1, 2, 8000)
    with torch.inference_mode():
        whole = net(mix)
        with torch.autocast("cpu", dtype=torch.float16):
            halved = net(mix)
    assert halved.dtype == torch.float32
    assert 0 < float((halved - whole).norm() / whole.norm()) < 5e-3


def test_the_spec_names_what_the_engine_needs() -> None:
    spec = HTDemucs(SMALL, name="small", version="abc").spec
    assert (spec.name, spec.version, spec.stems, spec.rate, spec.channels, spec.segment, spec.context) == (
        "small", "abc", STEMS, 8000, 2, 8000, 0,
    )  # fmt: skip


@pytest.mark.parametrize("segment", ["39/5", Fraction(39, 5), 7.8, "7.8"])
def test_a_segment_may_be_a_number_or_a_fraction(segment: object) -> None:
    config = HTDemucsConfig.from_published({"sources": list(STEMS), "segment": segment})
    assert config.segment_frames == 343_980


def test_a_configuration_survives_a_text_file() -> None:
    config = HTDemucsConfig.from_published({"sources": list(STEMS), "segment": Fraction(39, 5), "t_layers": 3})
    sizes = {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(
        json.dumps(asdict(config))
    ).items()}  # fmt: skip
    assert HTDemucsConfig(**sizes) == config


def test_published_defaults_that_act_in_training_only_are_taken() -> None:
    kwargs = {
        "sources": ["a"],
        "cac": True,
        "multi_freqs": [],
        "multi_freqs_depth": 3,
        "rescale": 0.1,
        "t_dropout": 0.0,
    }
    assert HTDemucsConfig.from_published(kwargs) == HTDemucsConfig(sources=("a",))
    assert HDemucsConfig.from_published({"sources": ["a"], "hybrid": True, "multi_freqs": None}).depth == 6


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"depht": 4}, "depht"),
        ({"cac": False}, "cac"),
        ({"multi_freqs": [0.5]}, "multi_freqs"),
        ({"t_sparse_self_attn": True}, "t_sparse_self_attn"),
        ({"t_emb": "rotary"}, "rotary"),
        ({"t_heads": 7}, "7 heads"),
        ({"t_heads": 0}, "0 heads"),
        ({"channels": "many"}, "many"),
        ({"channels": -8}, "-8"),
        ({"growth": 0}, "growth"),
        ({"sources": "drums"}, "drums"),
        ({"sources": []}, "sources"),
        ({"nfft": 1001}, "1001"),
        ({"segment": "1/0"}, "1/0"),
        ({"segment": -3}, "-3"),
        ({"segment": None}, "None"),
        ({"norm_starts": 0, "norm_groups": 5}, "5 groups"),
        ({"dconv_comp": 1000.0}, "dconv_comp"),
    ],
)
def test_settings_that_cannot_be_are_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelError, match=named) as caught:
        HTDemucsConfig.from_published({"sources": list(STEMS), **wrong})
    assert "\n" not in str(caught.value)


def test_a_hybrid_without_its_waveform_and_one_whose_heads_do_not_fit_are_named() -> None:
    with pytest.raises(ModelError, match="hybrid"):
        HDemucsConfig.from_published({"sources": ["a"], "hybrid": False})
    with pytest.raises(ModelError, match="sources"):
        HDemucsConfig.from_published({})
    with pytest.raises(ModelError, match="dconv_comp"):
        HDemucsConfig.from_published({"sources": ["a"], "channels": 40, "dconv_comp": 128.0})
