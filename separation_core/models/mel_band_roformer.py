"""Mel-band RoFormer (Wang et al., arXiv 2310.01809).

The bands are the supports of the triangles of a mel filter bank, so neighbours overlap by half; where they do, the
masks are averaged. `band_roformer` holds the rest. Checkpoints of ZFTurbo/Music-Source-Separation-Training load by
name.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from separation_core.errors import ModelError
from separation_core.models.band_roformer import BandRoformer
from separation_core.models.roformer_config import RoformerConfig

LINEAR_HERTZ_PER_MEL = 200 / 3
LOG_FROM_HERTZ = 1000.0
LOG_FROM_MEL = LOG_FROM_HERTZ / LINEAR_HERTZ_PER_MEL
LOG_STEP = math.log(6.4) / 27


@dataclass(frozen=True, slots=True, kw_only=True)
class MelBandRoformerConfig(RoformerConfig):
    """Sizes of a Mel-band RoFormer, see `RoformerConfig`.

    num_bands: filters of the mel bank, which spans 0 Hz … sample_rate / 2. mask_estimator_depth: hidden layers in
    each mask network, one fewer than its matrices.
    """

    architecture: ClassVar[str] = "Mel-band RoFormer"

    num_bands: int = 60
    mask_estimator_depth: int = 1


class MelBandRoformer(BandRoformer):
    """The network; meets `Separator`. See the module's docstring. Raises ModelError for bands without bins."""

    def __init__(
        self, config: MelBandRoformerConfig, *, name: str = "mel-band-roformer", version: str = "untrained"
    ) -> None:
        bands = mel_bands(config.sample_rate, config.stft_n_fft, config.num_bands)
        layers = config.mask_estimator_depth + 1
        super().__init__(config, bands, norm_output=True, mask_layers=layers, name=name, version=version)
        self.config = config


def mel_bands(rate: int, n_fft: int, count: int) -> list[range]:
    """The bins under each of `count` mel filters; together they cover every bin.

    The lowest and the highest bin, where the outermost triangles touch zero, belong to the outermost bands.
    Raises ModelError where a band would be empty or a bin in none.
    """
    filters = mel_filters(rate, n_fft, count)
    filters[0, 0] = filters[-1, -1] = 1.0
    if not filters.any(dim=0).all() or not filters.any(dim=1).all():
        raise ModelError(f"num_bands {count} does not suit stft_n_fft {n_fft} at {rate} Hz: choose fewer bands")
    supports = [row.nonzero().flatten().tolist() for row in filters]
    return [range(support[0], support[-1] + 1) for support in supports]


def mel_filters(rate: int, n_fft: int, count: int) -> torch.Tensor:
    """Triangles of equal area (Slaney's Auditory Toolbox, 1998), float32 (band, bin), linear below 1 kHz."""
    highest = _mel(rate / 2)
    corners = torch.tensor(
        [_hertz(highest * corner / (count + 1)) for corner in range(count + 2)], dtype=torch.float64, device="cpu"
    )
    frequencies = torch.arange(n_fft // 2 + 1, dtype=torch.float64, device="cpu") * (rate / n_fft)
    low, centre, high = (corners[offset : offset + count, None] for offset in range(3))
    rising, falling = (frequencies - low) / (centre - low), (high - frequencies) / (high - centre)
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (high - low)).float()


def _mel(hertz: float) -> float:
    if hertz < LOG_FROM_HERTZ:
        return hertz / LINEAR_HERTZ_PER_MEL
    return LOG_FROM_MEL + math.log(hertz / LOG_FROM_HERTZ) / LOG_STEP


def _hertz(mel: float) -> float:
    if mel < LOG_FROM_MEL:
        return mel * LINEAR_HERTZ_PER_MEL
    return LOG_FROM_HERTZ * math.exp((mel - LOG_FROM_MEL) * LOG_STEP)
