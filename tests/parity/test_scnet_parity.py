"""Ours against numbers that the published code produced; see scnet.md."""

import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from separation_core.models.scnet import Scnet
from separation_core.zoo.architectures import configure

FIXTURES = Path(__file__).with_name("fixtures")
RECIPE = runpy.run_path(str(Path(__file__).with_name("scnet_recipe.py")))
STEMS = ("drums", "bass", "other", "vocals")
MASKED = {"masked": True, "spectrogram_normalised": False}


def build(settings: dict[str, Any]) -> Scnet:
    return Scnet(configure("scnet", settings, tuple(settings.get("sources", STEMS)))).eval()


def relative_error(name: str, settings: dict[str, Any]) -> float:
    network = build(settings)
    RECIPE["fill"](network)
    wanted = torch.from_numpy(np.load(FIXTURES / "scnet.npz")[name])
    with torch.inference_mode():
        got = network(RECIPE["song"](network.spec.channels))
    return float((got - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("name", RECIPE["TINY"])
def test_the_forward_pass_is_the_authors(name: str) -> None:
    assert relative_error(name, {**RECIPE["TINY"][name], "spectrogram_normalised": True}) <= 1e-5


@pytest.mark.parametrize("name", RECIPE["PLAIN"])
def test_without_normalising_it_is_the_copys(name: str) -> None:
    assert relative_error(f"{name} plain", {**RECIPE["TINY"][name], "spectrogram_normalised": False}) <= 1e-5


@pytest.mark.parametrize("name", RECIPE["MASKED"])
def test_the_masked_variant_is_the_copys(name: str) -> None:
    assert relative_error(name, {**RECIPE["MASKED"][name], **MASKED}) <= 1e-5


@pytest.mark.parametrize("name", [*RECIPE["FULL"], "masked"])
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        network = build(MASKED if name == "masked" else RECIPE["FULL"][name])
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    published = json.loads((FIXTURES / "scnet_keys.json").read_text())[name]
    assert len(shapes) == published["keys"]
    assert sum(parameter.numel() for parameter in network.parameters()) == published["parameters"]
    assert hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest() == published["sha256"]
