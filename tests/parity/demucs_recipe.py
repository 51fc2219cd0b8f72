"""How the numbers in fixtures/demucs* come about: the same weights and songs for the published code and for ours."""

import math
from typing import Any

import numpy as np
import torch

SEED = 5
EVERY = 23
"""Only every so many frames of an output are kept."""
SELDOM = 61
"""The same of a whole procedure's."""

_FOUR = ["drums", "bass", "other", "vocals"]
_SMALL = {"sources": _FOUR, "samplerate": 8000, "segment": 1}
_TRANSFORMER = {**_SMALL, "channels": 16, "depth": 3, "nfft": 1024}
_HYBRID = {
    **_SMALL, "channels": 8, "depth": 4, "nfft": 256, "norm_starts": 2, "dconv_attn": 2, "dconv_lstm": 2,
}  # fmt: skip

TINY: dict[str, tuple[dict[str, Any], int]] = {
    "ht_bottom": ({**_TRANSFORMER, "bottom_channels": 32, "dconv_mode": 3, "dconv_comp": 4, "segment": "39/40"}, 5000),
    "ht_six": ({**_TRANSFORMER, "sources": [*_FOUR, "guitar", "piano"], "dconv_mode": 3}, 8000),
    "ht_cape": (
        {
            **_TRANSFORMER, "t_emb": "cape", "t_norm_first": False, "t_layers": 4, "t_cross_first": True, "freq_emb": 0,
            "context": 0, "use_train_segment": False, "channels_time": 16, "audio_channels": 1,
        },
        5003,
    ),
    "ht_scaled": (
        {
            **_TRANSFORMER, "t_emb": "scaled", "t_max_positions": 300, "t_norm_in": False, "t_norm_in_group": 2,
            "t_group_norm": 4, "t_layer_scale": False, "t_gelu": False, "norm_starts": 2, "context_enc": 1,
            "use_train_segment": False, "audio_channels": 1,
        },
        3001,
    ),
    "ht_bare": (
        {**_TRANSFORMER, "t_layers": 0, "bottom_channels": 8, "rewrite": False, "dconv_mode": 2, "context": 2,
         "channels_time": 12, "use_train_segment": False, "audio_channels": 1, "dconv_depth": -2},
        3001,
    ),
    "h_plain": ({**_HYBRID, "dconv_mode": 1}, 64 * 470),
    "h_old": ({**_HYBRID, "hybrid_old": True, "dconv_mode": 3, "audio_channels": 1}, 64 * 90 + 7),
    "h_short": (
        {**_HYBRID, "growth": 1, "channels": 16, "channels_time": 32, "context": 0, "freq_emb": None,
         "audio_channels": 1},
        40,
    ),
}  # fmt: skip
"""Small published settings and a number of frames, by name; what is before the underscore tells the architecture."""

_BAG_MEMBER = {**_TRANSFORMER, "channels": 8, "t_heads": 2, "t_layers": 2}
_BAG_HYBRID = {**_HYBRID, "depth": 3, "dconv_attn": 4, "dconv_lstm": 4, "segment": 2}
_ONE_EACH = [[float(row == column) for column in range(4)] for row in range(4)]

BAGS: dict[str, dict[str, Any]] = {
    "ft": {"members": ["ht"] * 4, "weights": _ONE_EACH, "frames": 19_211},
    "ft_shifted": {"members": ["ht"] * 4, "weights": _ONE_EACH, "frames": 14_003, "shifts": 2},
    "weighted": {
        "members": ["ht", "ht"], "weights": [[1.0, 0.5, 2.0, 0.0], [1.0, 1.5, 0.25, 1.0]], "frames": 11_111,
        "overlap": 0.1, "shifts": 3,
    },
    "one": {"members": ["ht"], "weights": None, "frames": 8_001, "overlap": 0.6},
    "short": {"members": ["ht"], "weights": None, "frames": 3_333},
    "hybrid": {"members": ["h", "h"], "weights": None, "frames": 48_000, "overlap": 0.0},
    "hybrid_ends": {"members": ["h"], "weights": None, "frames": 37_777},
}  # fmt: skip
"""Whole procedures: the kinds of the members, the bag's weights, the song's length, and how thoroughly it is separated.

shifts: random passes of `apply_model` after `random.seed(SEED)`, 0 (for us: 1) where it is not given.
"""
MEMBERS = {"ht": _BAG_MEMBER, "h": _BAG_HYBRID}
"""Published settings of a bag's members by kind; member number n is filled with seed SEED + n."""

_HT = {"dconv_mode": 3, "t_layers": 5, "segment": "39/5"}
FULL: dict[str, tuple[dict[str, Any], int]] = {
    "htdemucs": ({"sources": _FOUR, "bottom_channels": 512, **_HT}, 343_980),
    "htdemucs_6s": ({"sources": [*_FOUR, "guitar", "piano"], "bottom_channels": 0, **_HT}, 343_980),
    "hdemucs_mmi": ({"sources": _FOUR}, 441_000),
    "hdemucs_old": ({"sources": _FOUR, "hybrid_old": True}, 441_000),
}
"""Settings whose checkpoints are published (hdemucs_old: the mdx_extra bag's), and the frames they are compared on."""


def fill(network: torch.nn.Module, seed: int = SEED) -> None:
    """Give every parameter numbers that depend on its key's place, its shape and the seed only."""
    random = np.random.default_rng(seed)
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key in sorted(parameters):
            parameter = parameters[key]
            noise = torch.from_numpy(random.random(tuple(parameter.shape)) * 2 - 1).float()
            if parameter.dim() > 1:
                noise = noise * math.sqrt(3 / parameter[0].numel())
            elif key.endswith("scale"):
                noise = 0.3 + 0.1 * noise
            elif key.endswith("weight"):
                noise = 1 + 0.3 * noise
            else:
                noise = 0.2 * noise
            parameter.copy_(noise)


def song(channels: int, frames: int, seed: int = SEED) -> torch.Tensor:
    """Noise (1, channel, frame) between −0.45 and 0.55."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.random((1, channels, frames)) - 0.45).float()


def level(mix: torch.Tensor) -> torch.Tensor:
    """The song at another level, which grows, and off zero: what the procedure has to undo."""
    return mix * torch.linspace(0.05, 0.3, mix.shape[-1]) + 0.02
