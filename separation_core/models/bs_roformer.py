"""BS-RoFormer, the band-split RoPE transformer (Lu et al., arXiv 2309.02612).

The bands are a table of bin counts: narrow at the bottom, wide at the top, none overlapping. `band_roformer` holds
the rest. Checkpoints of ZFTurbo/Music-Source-Separation-Training load by name.
"""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar

from separation_core.errors import ModelError
from separation_core.models.band_roformer import BandRoformer
from separation_core.models.roformer_config import RoformerConfig

FREQS_PER_BANDS = (2,) * 24 + (4,) * 12 + (12,) * 8 + (24,) * 8 + (48,) * 8 + (128, 129)
"""The published 62 bands of the 1025 bins of a 2048-point spectrum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BsRoformerConfig(RoformerConfig):
    """Sizes of a BS-RoFormer, see `RoformerConfig`.

    freqs_per_bands: bins of each band from 0 Hz up; they must add up to stft_n_fft / 2 + 1.
    mask_estimator_depth: matrices in each mask network, one more than its hidden layers.
    """

    architecture: ClassVar[str] = "BS-RoFormer"

    freqs_per_bands: tuple[int, ...] = FREQS_PER_BANDS

    def __post_init__(self) -> None:
        super(BsRoformerConfig, self).__post_init__()  # slots rebuild the class: a bare super() fails
        bands = self.freqs_per_bands
        if len(bands) < 2 or any(type(band) is not int or band < 1 for band in bands) or sum(bands) != self.bins:
            raise ModelError(
                f"freqs_per_bands {bands} must be two or more bands that add up to {self.bins} bins, "
                f"for stft_n_fft is {self.stft_n_fft}"
            )


class BsRoformer(BandRoformer):
    """The network; meets `Separator`. See the module's docstring."""

    def __init__(self, config: BsRoformerConfig, *, name: str = "bs-roformer", version: str = "untrained") -> None:
        edges = accumulate(config.freqs_per_bands, initial=0)
        bands = [range(start, stop) for start, stop in pairwise(edges)]
        layers = config.mask_estimator_depth
        super().__init__(config, bands, norm_output=False, mask_layers=layers, name=name, version=version)
        self.config = config
