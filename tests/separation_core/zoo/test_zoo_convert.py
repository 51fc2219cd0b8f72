"""Every published way to wrap weights leads to the same network, which is recognised by names and shapes alone."""

import argparse
import fractions
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from separation_core.errors import ModelError
from separation_core.models.scnet import Scnet, ScnetConfig
from separation_core.zoo.architectures import ARCHITECTURES, build, configure, restore, stored
from separation_core.zoo.materialise import blueprint
from separation_core.zoo.recognise import recognise

State = dict[str, torch.Tensor]
SMALL = {"nfft": 512, "hop_size": 128, "segment": 4096}

WRAPPINGS: Mapping[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "state": lambda state: {"state": state, "epoch": 3},
    "state_dict": lambda state: {"state_dict": state, "optimizer": {"lr": torch.ones(1)}},
    "model_state_dict": lambda state: {"model_state_dict": state, "best_metric": 9.0},
    "lightning": lambda state: {"state_dict": {f"model.{key}": value for key, value in state.items()}, "epoch": 1},
    "parallel": lambda state: {f"module.{key}": value for key, value in state.items()},
    "compiled": lambda state: {"state": {f"_orig_mod.module.{key}": value for key, value in state.items()}},
    "best_state": lambda state: {"best_state": {f"module.{key}": value for key, value in state.items()}, "history": []},
    "profiled": lambda state: state | {"encoder.0.total_ops": torch.zeros(1), "total_params": torch.zeros(1)},
    "parameters": lambda state: {key: nn.Parameter(value) for key, value in state.items()},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_every_wrapping_gives_the_same_weights(wrapping: str, zipped: bool, small_scnet: Scnet, tmp_path: Path) -> None:
    path = tmp_path / "m.ckpt"
    torch.save(WRAPPINGS[wrapping](small_scnet.state_dict()), path, _use_new_zipfile_serialization=zipped)
    plan = blueprint(path, configuration=SMALL)
    assert plan.architecture == "scnet"
    assert plan.stems == ("drums", "bass", "other", "vocals")
    assert plan.config.normalise == (wrapping == "best_state")
    network = plan.network("small", "1")
    assert not network.training
    for key, value in small_scnet.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


def test_half_precision_is_widened(small_scnet: Scnet, tmp_path: Path) -> None:
    path = tmp_path / "m.ckpt"
    torch.save({key: value.half() for key, value in small_scnet.state_dict().items()}, path)
    network = blueprint(path, configuration=SMALL).network("small", "1")
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    assert torch.isfinite(network(torch.randn(1, 2, 4096))).all()


FOUR = ("drums", "bass", "other", "vocals")
VARIANTS: tuple[tuple[str, Mapping[str, Any], tuple[str, ...]], ...] = (
    ("scnet", {"dims": [4, 64, 128, 256], "band_SR": [0.225, 0.372, 0.403]}, FOUR),
    ("scnet", {"dims": [4, 64, 128, 256], "num_dplayer": 8, "band_SR": [0.23, 0.37, 0.4]}, FOUR),
    ("scnet", {"conv_depths": [3, 3, 3], "band_kernel": [3, 4, 4], "band_stride": [1, 4, 4]}, FOUR),
    ("scnet", {"compress": 2, "conv_kernel": 5, "expand": 2}, ("vocals", "other")),
    ("scnet", {"masked": True, "spectrogram_normalised": False, "nfft": 2048, "hop_size": 512}, ("vocals", "other")),
    (
        "bs_roformer",
        {"dim": 64, "depth": 2, "heads": 2, "stereo": True, "mask_estimator_depth": 3},
        ("vocals", "other"),
    ),
    ("bs_roformer", {"dim": 64, "depth": 1, "num_stems": 4, "linear_transformer_depth": 1, "heads": 4}, FOUR),
    ("bs_roformer", {"dim": 64, "depth": 1, "freqs_per_bands": [5, 20, 1000], "mlp_expansion_factor": 2}, ("vocals",)),
    ("mel_band_roformer", {"dim": 64, "depth": 1, "stereo": True, "num_bands": 60}, ("vocals", "other")),
    ("mel_band_roformer", {"dim": 64, "depth": 1, "num_bands": 40, "mask_estimator_depth": 2}, ("vocals", "other")),
    (
        "bs_roformer",
        {
            "dim": 64,
            "depth": 1,
            "stft_n_fft": 4096,
            "stft_win_length": 4096,
            "freqs_per_bands": [49, 2000],
            "use_shared_bias": True,
            "num_stems": 6,
        },
        ("bass", "drums", "other", "vocals", "guitar", "piano"),
    ),
    (
        "mel_band_roformer",
        {"dim": 64, "depth": 1, "stereo": True, "num_bands": 90, "stft_n_fft": 4096, "stft_win_length": 4096},
        ("vocals", "other"),
    ),
    ("htdemucs", {"bottom_channels": 512, "dconv_mode": 3, "segment": "39/5"}, FOUR),
    ("htdemucs", {"channels": 24, "t_layers": 3, "t_hidden_scale": 2.0}, (*FOUR, "guitar", "piano")),
    ("htdemucs", {"channels": 16, "depth": 3, "dconv_depth": 1, "dconv_comp": 4}, ("vocals", "other")),
    ("hdemucs", {"channels": 16}, FOUR),
    ("hdemucs", {"channels": 16, "dconv_mode": 3, "dconv_comp": 2}, ("vocals", "other")),
    ("meta_tasnet", {}, FOUR),
)


@pytest.mark.parametrize(("family", "published", "stems"), VARIANTS)
def test_a_network_is_recognised_by_its_shapes(
    family: str, published: Mapping[str, Any], stems: tuple[str, ...]
) -> None:
    config = configure(family, published, stems)
    network = build(family, config, tensors=9999, called="any", version="", device="meta")
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = recognise(shapes, "file")
    assert found.architecture == family
    again = build(family, configure(family, found.configuration, found.stems), tensors=9999, called="any", version="",
        device="meta")  # fmt: skip
    assert {key: tuple(value.shape) for key, value in again.state_dict().items()} == shapes
    # The name of a lone estimate is not in the shapes, and the remainder is one more.
    assert found.stems == stems or (len(stems) == 1 and found.stems[:1] == stems)


@pytest.mark.parametrize(("family", "published", "stems"), VARIANTS)
def test_a_configuration_survives_being_stored(
    family: str, published: Mapping[str, Any], stems: tuple[str, ...]
) -> None:
    import json

    config = configure(family, published, stems)
    assert restore(family, json.loads(json.dumps(stored(config)))) == config


def test_biases_that_all_layers_share_may_be_in_a_file_once(tmp_path: Path) -> None:
    config = configure("bs_roformer", {"dim": 16, "depth": 1, "heads": 2, "use_shared_bias": True}, ("vocals", "other"))
    network = build("bs_roformer", config, tensors=9999, called="any", version="")
    weights = network.state_dict() | {"linear_62_bias_0": torch.randn(3 * 2 * 64)}
    once = {key: value for key, value in weights.items() if not key.endswith(("to_qkv.bias", "to_out.0.bias"))}
    assert len(once) < len(weights)
    torch.save(once, tmp_path / "once.ckpt")
    loaded = blueprint(tmp_path / "once.ckpt").network("any", "").state_dict()
    assert torch.equal(loaded["layers.0.0.layers.0.0.to_qkv.bias"], once["linear_62_bias_0"])


def test_every_architecture_can_be_imported() -> None:
    for kind in ARCHITECTURES.values():
        config, network = kind.load()
        known = {field.name for field in fields(config)}
        assert known.issuperset(kind.counts)
        assert issubclass(network, nn.Module)


def test_a_demucs_package_says_how_it_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("demucs.htdemucs")
    klass = type("HTDemucs", (), {"__module__": "demucs.htdemucs"})
    module.HTDemucs = klass  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "demucs", ModuleType("demucs"))
    monkeypatch.setitem(sys.modules, "demucs.htdemucs", module)
    keywords = {
        "sources": ["kick", "hat"], "channels": 16, "depth": 3, "t_layers": 1, "t_heads": 4,
        "segment": fractions.Fraction(39, 5), "t_dropout": 0.1,
    }  # fmt: skip
    config = configure("htdemucs", keywords, ())
    network = build("htdemucs", config, tensors=9999, called="small", version="1").half()
    package = {"klass": klass, "args": (), "kwargs": keywords, "state": network.state_dict(), "training_args": {}}
    path = tmp_path / "m.th"
    torch.save(package, path)
    plan = blueprint(path, architecture="htdemucs", configuration={"segment": 4})
    assert plan.stems == ("kick", "hat")
    assert (plan.config.t_heads, plan.config.segment) == (4, "4")
    assert plan.assumed == ()
    with pytest.raises(ModelError, match="htdemucs, not scnet"):
        blueprint(path, architecture="scnet")
    for change, said in (
        ({"state": {"__quantized": True, "a": torch.ones(1)}}, "quantised with DiffQ"),
        ({"kwargs": keywords | {"channels": 1 << 40}}, "channels"),
        ({"kwargs": keywords | {"depth": 100_000}}, "depth"),
        ({"kwargs": keywords | {"nfft": 1 << 40}}, "nfft"),
        ({"kwargs": keywords | {"colour": "red"}}, "colour"),
        ({"kwargs": keywords | {"channels": 17}}, "m.th"),
        ({"kwargs": keywords | {"sources": []}}, "source"),
        ({"kwargs": {"sources": "drums", "channels": {}}}, "does not say how"),
    ):
        torch.save(package | change, path)
        with pytest.raises(ModelError, match=said):
            blueprint(path)


def test_meta_tasnets_arguments_say_how_it_is_built(tmp_path: Path) -> None:
    sizes = {"N": 32, "L": 20, "W": 20, "B": 8, "H": 8, "layers": 2, "stack": 1, "num_mels": 16, "stages_num": 2}
    defaults, _ = ARCHITECTURES["meta_tasnet"].load()
    arguments = stored(defaults()) | sizes | {"learning_rate": 1e-3, "train_data": "data/train"}
    config = configure("meta_tasnet", arguments, ())
    network = build("meta_tasnet", config, tensors=9999, called="small", version="1")
    content = {"epoch": 1, "state_dict": network.state_dict(), "optimizer": {}, "args": argparse.Namespace(**arguments)}
    path = tmp_path / "m.pt"
    torch.save(content, path)
    assert blueprint(path).config == config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: {key: value for key, value in state.items() if "globalconv" not in key}, "lacks 4 weights"),
        (
            lambda state: state | {"mask_level.0.weight": torch.ones(1)},
            "1 weights that scnet has not, first mask_level",
        ),
        (lambda state: state | {"encoder.0.globalconv.bias": torch.ones(9)}, "another variant"),
        (lambda state: {"something.weight": torch.ones(2)}, "no known architecture"),
        (lambda state: {"encoder.0.SDlayer.x": torch.ones(2), "separation_net.dp_modules.y": torch.ones(1)}, "is like"),
        (lambda state: {"epoch": 3}, "holds no weights"),
        (lambda state: [1, 2], "no dict of weights"),
        (lambda state: {"state_dict": {"state_dict": {"model": {}}}}, "holds no weights"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: Callable[[State], Any], said: str, small_scnet: Scnet, tmp_path: Path
) -> None:
    path = tmp_path / "m.ckpt"
    torch.save(change(small_scnet.state_dict()), path)
    with pytest.raises(ModelError, match=said) as caught:
        blueprint(path, configuration=SMALL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("family", "published", "said"),
    [
        ("scnet", {"band_sr": [1]}, "band_SR"),
        ("bs_roformer", {"use_pope": True}, "use_pope"),
        ("htdemucs", {"t_headz": 3}, "t_headz"),
        ("spleeter", {}, "there are"),
        ("scnett", {}, "did you mean scnet"),
    ],
)
def test_an_unknown_setting_is_named(family: str, published: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        configure(family, published, FOUR)


def test_our_defaults_are_the_published_base_network() -> None:
    assert configure("scnet", {"spectrogram_normalised": True}, FOUR) == ScnetConfig()
