"""How the numbers in fixtures/tasnet.npz come about: the same weights and songs for the published code and for ours."""

from typing import Any

import numpy as np
import torch

SEED = 5
COLUMNS = 130
CHUNKS = 2
CHUNK_SECONDS = 9
STRIDE = 83
"""Every so many frames of an output are kept: prime to the stride, so all places in a column are seen."""

_PUBLISHED = {
    "sampling_rate": 8000, "stages_num": 3, "L": 20, "W": 20, "filters": 3, "kernel": 3, "E_1": 8, "E_2": 5,
    "independent_params": False, "residual_bias": False, "dropout": 0.0,
}  # fmt: skip
_SMALL = {**_PUBLISHED, "N": 24, "num_mels": 8, "B": 16, "H": 24, "stack": 2, "layers": 3}

FULL: dict[str, Any] = {**_PUBLISHED, "N": 440, "num_mels": 256, "B": 160, "H": 160, "stack": 3, "layers": 6}
"""The published network's sizes, as `train.py` has them by default."""

TINY: dict[str, dict[str, Any]] = {
    "meta": _SMALL,
    "conv": {**_SMALL, "independent_params": True, "residual_bias": True},
    "wide": {**_SMALL, "residual_bias": True, "L": 40, "filters": 2, "E_2": 3, "stages_num": 2},
    "one": {**_SMALL, "stages_num": 1, "independent_params": True, "E_1": None},
}
"""Small published configurations by name."""


def fill(network: torch.nn.Module, seed: int = SEED) -> None:
    """Give every parameter but the window numbers that depend on its key's place, its shape and the seed only."""
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for key, tensor in sorted(network.state_dict().items()):
            if key.endswith(".window"):
                continue
            noise = torch.from_numpy(random.standard_normal(tuple(tensor.shape))).float()
            if tensor.dim() > 1 and not key.endswith(("mean", "std", "affine_bias", "affine_scale")):
                noise = noise / tensor[0].numel() ** 0.5
            elif key.endswith(".std") or "prelu" in key:
                noise = 0.5 * noise.abs() + (0.5 if key.endswith(".std") else 0.0)
            tensor.copy_(noise)


def mixes(settings: dict[str, Any], columns: int = COLUMNS, seed: int = SEED) -> list[torch.Tensor]:
    """Noise (1, frame) for every stage, unrelated."""
    random = np.random.default_rng(seed)
    sizes = [settings["W"] * 2**stage * columns for stage in range(settings["stages_num"])]
    return [torch.from_numpy(random.standard_normal((1, size))).float() for size in sizes]


def song(rate: int, seed: int = SEED) -> torch.Tensor:
    """Noise (1, frame), not normalised, as long as the chunks."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(0.2 * random.standard_normal((1, CHUNKS * CHUNK_SECONDS * rate))).float()
