"""How the numbers in fixtures/scnet* come about: the same weights and songs for the published code and for ours."""

import math
from typing import Any

import numpy as np
import torch

FRAMES = 700
SEED = 5

_TINY: dict[str, Any] = {
    "sources": ["drums", "rest"], "dims": [4, 8, 12], "nfft": 256, "win_size": 256, "hop_size": 64, "num_dplayer": 2,
}  # fmt: skip
_FINE = {"band_SR": [0.23, 0.37, 0.4], "band_stride": [1, 4, 4], "band_kernel": [3, 4, 4], "conv_depths": [3, 3, 3]}
TINY: dict[str, dict[str, Any]] = {
    "base": _TINY,
    "large": {**_TINY, "dims": [4, 8, 12, 16], "band_SR": [0.225, 0.372, 0.403], "num_dplayer": 4, "expand": 2},
    "fine": {**_TINY, **_FINE, "normalized": False, "compress": 2, "conv_kernel": 5},
    "mono": {**_TINY, "dims": [2, 8, 12], "audio_channels": 1},
}
"""Small published configurations. Their numbers come from the authors' code, which normalises the spectrogram."""

PLAIN = ("base", "fine")
"""Those that are in the fixtures again as "… plain", from the copy that does not normalise."""

MASKED = {"masked": _TINY, "masked_fine": {**_TINY, **_FINE}}
"""Small configurations of the masked variant, which ends in a complex mask on the mix."""

_WIDE = {"dims": [4, 64, 128, 256], "num_dplayer": 8}
FULL: dict[str, dict[str, Any]] = {
    "base": {},
    "large": {"dims": [4, 64, 128, 256], "band_SR": [0.225, 0.372, 0.403]},
    "xl": {**_WIDE, "band_SR": [0.23, 0.37, 0.4]},
    "xl_ihf": {**_WIDE, **_FINE},
}
"""Configurations whose checkpoints circulate."""


def fill(network: torch.nn.Module, seed: int = SEED) -> None:
    """Give every parameter numbers that depend on its key's place, its shape and the seed only."""
    random = np.random.default_rng(seed)
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key in sorted(parameters):
            shape = tuple(parameters[key].shape)
            noise = torch.from_numpy(random.random(shape) * 2 - 1).float()
            gain = math.sqrt(3 / math.prod(shape[1:])) if len(shape) > 1 else 0.5
            parameters[key].copy_(noise * gain)


def song(channels: int, frames: int = FRAMES, seed: int = SEED) -> torch.Tensor:
    """Noise (1, channel, frame) between −0.5 and 0.5."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.random((1, channels, frames)) - 0.5).float()
