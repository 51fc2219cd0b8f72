"""Ours against numbers that the published code produced; see demucs.md."""

import hashlib
import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from separation_core.models.hdemucs import HDemucs, HDemucsConfig
from separation_core.models.htdemucs import HTDemucs, HTDemucsConfig

FIXTURES = Path(__file__).with_name("fixtures")
RECIPE = runpy.run_path(str(Path(__file__).with_name("demucs_recipe.py")))
TINY: dict[str, tuple[dict[str, Any], int]] = RECIPE["TINY"]
FULL: dict[str, tuple[dict[str, Any], int]] = RECIPE["FULL"]


def build(name: str, settings: dict[str, Any]) -> HTDemucs | HDemucs:
    if name.startswith("ht"):
        return HTDemucs(HTDemucsConfig.from_published(settings)).eval()
    return HDemucs(HDemucsConfig.from_published(settings)).eval()


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors: on a busy machine threads wait for each other far longer than the sums take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("context", [torch.inference_mode, torch.enable_grad])
def test_the_forward_pass_is_the_published_one(name: str, context: Any) -> None:
    settings, frames = TINY[name]
    network = build(name, settings)
    RECIPE["fill"](network)
    wanted = torch.from_numpy(np.load(FIXTURES / "demucs.npz")[name])
    with context():
        got = network(RECIPE["song"](network.spec.channels, frames))
    assert got.shape[-1] == frames
    got = got.detach()[..., :: RECIPE["EVERY"]]
    assert float((got - wanted).norm() / wanted.norm()) <= 1e-5


@pytest.mark.parametrize("name", FULL)
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        network = build(name, FULL[name][0])
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    published = json.loads((FIXTURES / "demucs_keys.json").read_text())[name]
    assert len(shapes) == published["keys"]
    assert sum(parameter.numel() for parameter in network.parameters()) == published["parameters"]
    assert hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest() == published["sha256"]
