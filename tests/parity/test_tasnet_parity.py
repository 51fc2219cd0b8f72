"""Ours against numbers that the published code produced; see tasnet.md."""

import hashlib
import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from separation_core.audio.frames import ArraySource
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.full_band import FullBand, FullBandWay
from separation_core.models.meta_tasnet import MetaTasnet
from separation_core.models.tasnet_config import MetaTasnetConfig
from separation_core.units import Hertz

FIXTURES = Path(__file__).with_name("fixtures")
RECIPE = runpy.run_path(str(Path(__file__).with_name("tasnet_recipe.py")))
TINY: dict[str, dict[str, Any]] = RECIPE["TINY"]
STRIDE: int = RECIPE["STRIDE"]


def build(config: MetaTasnetConfig) -> MetaTasnet:
    network = MetaTasnet(config).eval()
    RECIPE["fill"](network)
    return network


def relative_error(got: torch.Tensor, name: str) -> float:
    wanted = torch.from_numpy(np.load(FIXTURES / "tasnet.npz")[name])
    return float((got - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("name", TINY)
def test_the_forward_pass_is_the_published_one(name: str, gradients: bool) -> None:
    network = build(MetaTasnetConfig.from_published(TINY[name]))
    with torch.set_grad_enabled(gradients):
        stems = network.separate_rates(RECIPE["mixes"](TINY[name]))
    assert relative_error(stems[..., ::STRIDE].detach(), name) <= 1e-5


@pytest.mark.parametrize("name", ["meta", "conv"])
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    config = MetaTasnetConfig.from_published({**RECIPE["FULL"], "independent_params": name == "conv"})
    with torch.device("meta"):
        state = MetaTasnet(config).state_dict()
    shapes = {key: list(tensor.shape) for key, tensor in state.items()}
    published = json.loads((FIXTURES / "tasnet_keys.json").read_text())[name]
    assert len(shapes) == published["keys"]
    assert sum(tensor.numel() for tensor in state.values()) == published["parameters"]
    assert hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest() == published["sha256"]


def test_chunks_with_context_give_the_published_procedure() -> None:
    network = build(MetaTasnetConfig.from_published(TINY["meta"]))
    rates = network.config.rates
    songs = [RECIPE["song"](rate) for rate in rates]
    mixes = [song / level for song, level in zip(songs, network.levels(songs), strict=True)]
    chunk, context, top = RECIPE["CHUNK_SECONDS"], 8, rates[-1]
    with torch.inference_mode():
        spans = ((0, chunk + context), (chunk - context, 2 * chunk))
        first, second = (
            network.separate_rates([mix[:, a * rate : b * rate] for mix, rate in zip(mixes, rates, strict=True)])
            for a, b in spans
        )
    stems = torch.cat([first[..., : chunk * top], second[..., context * top :]], dim=-1)
    assert relative_error(stems[0, :, :: STRIDE * 13], "meta_procedure") <= 1e-5


def test_the_engine_repeats_the_published_procedure() -> None:
    """At one rate; with several the engine cuts before it resamples, see tasnet.md."""
    mix = RECIPE["song"](8000)
    config = MetaTasnetConfig.from_published(TINY["one"])
    network = build(replace(config, segment=mix.shape[-1] // RECIPE["CHUNKS"], context=8 * 8000))
    levels = network.levels(network.pyramid(mix))[:, 0]
    separator = FullBand(network.at_levels(levels), Hertz(8000), 1, FullBandWay.CHANNELS, refit=False)
    blocks = separate(separator, ArraySource(mix.numpy(), Hertz(8000)), SeparationSettings(overlap=0.0, device="cpu"))
    stems = torch.from_numpy(np.concatenate(list(blocks), axis=-1)[:, 0]) / levels[-1]
    assert relative_error(stems[:, :: STRIDE * 13], "one_procedure") <= 1e-5
