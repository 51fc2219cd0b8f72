"""The bands of a band-split RoFormer: bins of the spectrum to one vector a band, and vectors to the bins' masks.

Parameter names and shapes are those of ZFTurbo/Music-Source-Separation-Training, whose checkpoints circulate.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from separation_core.models.roformer_config import RoformerConfig
from separation_core.models.roformer_layers import Linear, RmsNorm


class BandSplit(nn.Module):
    """One linear map from the bins of each band to its vector."""

    def __init__(self, config: RoformerConfig, bands: Sequence[range]) -> None:
        super().__init__()
        self._bands = bands
        widths = [2 * config.channels * len(band) for band in bands]
        self.to_features = nn.ModuleList(nn.Sequential(RmsNorm(width), Linear(width, config.dim)) for width in widths)

    def forward(self, spectrum: torch.Tensor) -> torch.Tensor:
        """(batch, column, bin, channel, part) → (batch, column, band, feature)."""
        pairs = zip(self._bands, self.to_features, strict=True)
        return torch.stack([net(spectrum[:, :, band.start : band.stop].flatten(2)) for band, net in pairs], dim=2)


class MaskEstimator(nn.Module):
    """One network per band from its vector to the complex mask of its bins, the mean where bands overlap."""

    def __init__(self, config: RoformerConfig, bands: Sequence[range], layers: int) -> None:
        super().__init__()
        self._bands, self._bins, self._channels = bands, config.bins, config.channels
        hidden = [config.dim * config.mlp_expansion_factor] * (layers - 1)
        self.to_freqs = nn.ModuleList(
            nn.Sequential(_perceptron([config.dim, *hidden, 4 * config.channels * len(band)]), nn.GLU(dim=-1))
            for band in bands
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, column, band, feature) → (batch, column, bin, channel) complex."""
        total = torch.zeros(*x.shape[:2], self._bins, self._channels, 2, device=x.device)
        counts = torch.zeros(self._bins, 1, 1, device=x.device)
        for place, (band, net) in enumerate(zip(self._bands, self.to_freqs, strict=True)):
            part = total[:, :, band.start : band.stop]
            part += net(x[:, :, place]).view_as(part)
            counts[band.start : band.stop] += 1
        return torch.view_as_complex(total / counts)


def _perceptron(widths: Sequence[int]) -> nn.Sequential:
    """Linear maps with tanh between them."""
    first, *rest = (Linear(before, after) for before, after in pairwise(widths))
    return nn.Sequential(first, *(module for linear in rest for module in (nn.Tanh(), linear)))
