"""How the numbers in fixtures/roformer* come about: the same weights and songs for the published code and for ours."""

import math

import numpy as np
import torch

FRAMES = 16 * 40 + 5
SEED = 3

_TINY = {"dim": 12, "depth": 2, "heads": 2, "dim_head": 8, "stft_n_fft": 64, "stft_hop_length": 16}
_TINY_BS = {**_TINY, "stft_win_length": 64, "freqs_per_bands": (1, 2, 4, 8, 18)}
_TINY_MEL = {**_TINY, "stft_n_fft": 256, "stft_win_length": 256, "num_bands": 12, "sample_rate": 8000}
_RICH = {
    "stereo": True, "num_stems": 3, "time_transformer_depth": 2, "freq_transformer_depth": 1,
    "linear_transformer_depth": 1, "mlp_expansion_factor": 2, "skip_connection": True, "zero_dc": False,
    "stft_normalized": True,
}  # fmt: skip

TINY = {
    "bs_mono": _TINY_BS,
    "bs_rich": {**_TINY_BS, **_RICH, "mask_estimator_depth": 3, "stft_win_length": 48},
    "mel_mono": {**_TINY_MEL, "match_input_audio_length": True},
    "mel_rich": {**_TINY_MEL, **_RICH, "mask_estimator_depth": 2, "match_input_audio_length": True},
}
"""Small published configurations by name; what is before the underscore tells the architecture."""

_ONE_LAYER = {"stereo": True, "time_transformer_depth": 1, "freq_transformer_depth": 1}
_EIGHT_SECONDS = {**_ONE_LAYER, "stft_hop_length": 441, "mask_estimator_depth": 2}
FULL = {
    "bs_viperx_vocals": {**_EIGHT_SECONDS, "dim": 512, "depth": 12},
    "bs_viperx_other": {**_ONE_LAYER, "dim": 384, "depth": 12, "stft_hop_length": 512},
    "bs_musdb_four_stems": {**_EIGHT_SECONDS, "dim": 384, "depth": 8, "num_stems": 4, "mlp_expansion_factor": 2},
    "mel_kim_vocals": {**_EIGHT_SECONDS, "dim": 384, "depth": 6, "num_bands": 60},
    "mel_viperx_vocals": {**_EIGHT_SECONDS, "dim": 384, "depth": 12, "num_bands": 60},
    "mel_musdb_four_stems": {**_EIGHT_SECONDS, "dim": 384, "depth": 6, "num_stems": 4, "num_bands": 60},
}
"""Configurations whose checkpoints circulate, as in their configuration files."""


def fill(network: torch.nn.Module, seed: int = SEED) -> None:
    """Give every learned parameter numbers that depend on its key's place, its shape and the seed only."""
    random = np.random.default_rng(seed)
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key in sorted(key for key, parameter in parameters.items() if parameter.requires_grad):
            parameter = parameters[key]
            noise = torch.from_numpy(random.random(tuple(parameter.shape)) * 2 - 1).float()
            if key.endswith("gamma"):
                noise = 1 + 0.3 * noise
            elif parameter.dim() == 2:
                noise = noise * math.sqrt(3 / parameter.shape[1])
            parameter.copy_(noise)


def song(channels: int, frames: int = FRAMES, seed: int = SEED) -> torch.Tensor:
    """Noise (1, channel, frame) between −0.5 and 0.5."""
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.random((1, channels, frames)) - 0.5).float()
