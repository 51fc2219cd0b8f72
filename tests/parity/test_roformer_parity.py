"""Ours against numbers that the published code produced; see roformer.md."""

import hashlib
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from separation_core.models.bs_roformer import BsRoformer, BsRoformerConfig
from separation_core.models.mel_band_roformer import (
    MelBandRoformer,
    MelBandRoformerConfig,
    mel_bands,
    mel_filters,
)

FIXTURES = Path(__file__).with_name("fixtures")
RECIPE = runpy.run_path(str(Path(__file__).with_name("roformer_recipe.py")))
TINY: dict[str, dict[str, Any]] = RECIPE["TINY"]
FULL: dict[str, dict[str, Any]] = RECIPE["FULL"]


def build(name: str, settings: dict[str, Any]) -> BsRoformer | MelBandRoformer:
    stems = tuple(f"stem {number}" for number in range(settings.get("num_stems", 1)))
    if name.startswith("bs"):
        return BsRoformer(BsRoformerConfig.from_published(settings, stems=stems)).eval()
    return MelBandRoformer(MelBandRoformerConfig.from_published(settings, stems=stems)).eval()


def relative_error(got: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((got - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("name", TINY)
def test_the_forward_pass_is_the_published_one(name: str) -> None:
    network = build(name, TINY[name])
    RECIPE["fill"](network)
    wanted = torch.from_numpy(np.load(FIXTURES / "roformer.npz")[name])
    with torch.inference_mode():
        got = network(RECIPE["song"](network.config.channels))
    assert relative_error(got, wanted.view_as(got)) <= 1e-5


@pytest.mark.parametrize("name", FULL)
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        network = build(name, FULL[name])
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    published = json.loads((FIXTURES / "roformer_keys.json").read_text())[name]
    assert len(shapes) == published["keys"]
    assert sum(parameter.numel() for parameter in network.parameters()) == published["parameters"]
    assert hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest() == published["sha256"]


@pytest.mark.parametrize(("rate", "n_fft", "count"), [(44100, 2048, 60), (8000, 256, 12)])
def test_the_mel_filters_are_librosas(rate: int, n_fft: int, count: int) -> None:
    wanted = torch.from_numpy(np.load(FIXTURES / "roformer_mel.npz")[f"{rate}_{n_fft}_{count}"])
    torch.testing.assert_close(mel_filters(rate, n_fft, count), wanted, rtol=1e-6, atol=1e-9)
    wanted[0, 0] = wanted[-1, -1] = 1
    assert [list(band) for band in mel_bands(rate, n_fft, count)] == [
        row.nonzero().flatten().tolist() for row in wanted
    ]
