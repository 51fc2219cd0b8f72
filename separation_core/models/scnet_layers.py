"""The layers of SCNet (Tong et al., arXiv 2401.13276): sparse encoder, dual paths, decoder.

Tensors are (batch, bin, column, channel), see `channels_last`. With one song in a batch that is also what an LSTM along
the bins wants, so nothing has to be copied for it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.channels_last import convolve, convolve_transposed, pointwise


@dataclass(frozen=True, slots=True)
class Band:
    """A part of the spectrum. share: of the bins. stride, kernel: how it is packed. depth: residual modules on it."""

    share: float
    stride: int
    kernel: int
    depth: int


@dataclass(frozen=True, slots=True)
class Skip:
    """What a decoder layer takes from its encoder layer: tensor, and each band's bins after and before packing."""

    refined: torch.Tensor
    packed: Sequence[int]
    bins: Sequence[int]


class EncoderLayer(nn.Module):
    """Pack each band, refine it along time, then let the bands see each other."""

    def __init__(self, bands: Sequence[Band], before: int, after: int, *, hidden: int, taps: int) -> None:
        super().__init__()
        self.SDlayer = _Packing(bands, before, after)
        self.conv_modules = nn.ModuleList(_TimeConvolutions(after, hidden, taps, band.depth) for band in bands)
        self.globalconv = nn.Conv2d(after, after, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, Skip]:
        """(batch, bin, column, before) → (batch, packed bin, column, after), and what the decoder needs."""
        bands, bins = self.SDlayer(x)
        refined = [functional.gelu(module(band)) for module, band in zip(self.conv_modules, bands, strict=True)]
        skip = Skip(torch.cat(refined, dim=1), [band.shape[1] for band in refined], bins)
        return convolve(skip.refined, self.globalconv.weight, self.globalconv.bias, padding=(1, 1)), skip


class _Packing(nn.Module):
    """One strided convolution over the bins of each band."""

    def __init__(self, bands: Sequence[Band], before: int, after: int) -> None:
        super().__init__()
        self._bands = tuple(bands)
        self.convs = nn.ModuleList(nn.Conv2d(before, after, (band.kernel, 1), (band.stride, 1)) for band in bands)

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], list[int]]:
        """The packed bands and how many bins each had."""
        edges = [math.ceil(x.shape[1] * share) for share in accumulate(band.share for band in self._bands[:-1])]
        parts = torch.tensor_split(x, edges, dim=1)
        each = zip(parts, self._bands, self.convs, strict=True)
        return [_packed(part, band, conv) for part, band, conv in each], [part.shape[1] for part in parts]


def _packed(part: torch.Tensor, band: Band, conv: Any) -> torch.Tensor:
    return convolve(_pad_bins(part, band), conv.weight, conv.bias, stride=(band.stride, 1))


def _pad_bins(part: torch.Tensor, band: Band) -> torch.Tensor:
    missing = band.kernel - 1 if band.stride == 1 else -part.shape[1] % band.stride
    return functional.pad(part, (0, 0, 0, 0, missing // 2, missing - missing // 2)) if missing else part


class _TimeConvolutions(nn.Module):
    """Residual modules of gated and depthwise convolutions along time, each bin on its own."""

    def __init__(self, channels: int, hidden: int, taps: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, channels),
                nn.Conv1d(channels, 2 * hidden, taps, padding=taps // 2),
                nn.GLU(1),
                nn.Conv1d(hidden, hidden, taps, padding=taps // 2, groups=hidden),
                nn.GroupNorm(1, hidden),
                nn.SiLU(),
                nn.Conv1d(hidden, channels, 1),
            )
            for _ in range(depth)
        )

    def forward(self, band: torch.Tensor) -> torch.Tensor:
        """(batch, bin, column, channel) → the same shape."""
        # Every bin is an item of the batch, as it is normalised on its own.
        x = band.flatten(0, 1)[:, None]
        for layer in self.layers:
            x = x + _refined(layer, x)
        return x.reshape(band.shape)


def _refined(layer: Any, x: torch.Tensor) -> torch.Tensor:
    """What one residual module makes of (bin, 1, column, channel)."""
    norm, gated, _, depthwise, inner_norm, _, out = layer
    padding = (0, gated.padding[0])
    y = functional.glu(convolve(_normalised(x, norm), gated.weight, gated.bias, padding=padding), dim=3)
    image, kernel = y.permute(0, 3, 1, 2), depthwise.weight.unsqueeze(2)
    image = functional.conv2d(image, kernel, depthwise.bias, padding=padding, groups=len(kernel))
    return pointwise(functional.silu(inner_norm(image)).permute(0, 2, 3, 1), out.weight, out.bias)


def _normalised(x: torch.Tensor, norm: nn.Module) -> torch.Tensor:
    normed: torch.Tensor = norm(x.permute(0, 3, 1, 2))
    return normed.permute(0, 2, 3, 1)


class DecoderLayer(nn.ModuleList):
    """Fusion with the skip connection, then unpacking."""

    def __init__(self, bands: Sequence[Band], before: int, after: int) -> None:
        super().__init__([_Fusion(before), _Unpacking(bands, before, after)])

    def forward(self, x: torch.Tensor, skip: Skip) -> torch.Tensor:
        """The encoder layer's shapes, backwards."""
        fusion, unpacking = self
        out: torch.Tensor = unpacking(fusion(x, skip.refined), skip)
        return out


class _Fusion(nn.Module):
    """Add the skip connection and gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Two tensors of one shape → that shape."""
        # The published network convolves two copies of the sum: one, with their weights added, is half the work.
        first, second = self.conv.weight.chunk(2, dim=1)
        return functional.glu(convolve(x + skip, first + second, self.conv.bias, padding=(1, 1)), dim=3)


class _Unpacking(nn.Module):
    """One transposed convolution over the bins of each band, trimmed to the bins it had."""

    def __init__(self, bands: Sequence[Band], before: int, after: int) -> None:
        super().__init__()
        self.convtrs = nn.ModuleList(
            nn.ConvTranspose2d(before, after, (band.kernel, 1), (band.stride, 1)) for band in bands
        )

    def forward(self, x: torch.Tensor, skip: Skip) -> torch.Tensor:
        """(batch, packed bin, column, before) → (batch, bin, column, after)."""
        each = zip(torch.split(x, list(skip.packed), dim=1), skip.bins, self.convtrs, strict=True)
        return torch.cat([_unpacked(part, bins, conv) for part, bins, conv in each], dim=1)


def _unpacked(part: torch.Tensor, bins: int, conv: Any) -> torch.Tensor:
    out = convolve_transposed(part, conv.weight, conv.bias, stride=conv.stride, padding=(0, 0))
    return out.narrow(1, (out.shape[1] - bins) // 2, bins)


class DualPaths(nn.Module):
    """Dual-path layers that work in turn on columns and on their Fourier transform along time."""

    def __init__(self, channels: int, paths: int, expand: int) -> None:
        super().__init__()
        self.dp_modules = nn.ModuleList(_DualPath(channels * (1 + layer % 2), expand) for layer in range(paths))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, bin, column, channel) with an even number of columns → the same shape."""
        for layer, module in enumerate(self.dp_modules):
            x = module(x)
            # Half precision has no complex numbers, and a transform over seconds needs the digits.
            x = _from_modulation(x.float()) if layer % 2 else _to_modulation(x.float())
        return x


def _to_modulation(x: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft(x, dim=2, norm="ortho")
    return torch.cat([spectrum.real, spectrum.imag], dim=3)


def _from_modulation(x: torch.Tensor) -> torch.Tensor:
    real, imaginary = x.chunk(2, dim=3)
    out: torch.Tensor = torch.fft.irfft(torch.complex(real, imaginary), dim=2, norm="ortho")
    return out


class _DualPath(nn.Module):
    """A bidirectional LSTM along the bins of each column, then one along the columns of each bin."""

    def __init__(self, channels: int, expand: int) -> None:
        super().__init__()
        width = channels * expand
        self.lstm_layers = nn.ModuleList(nn.LSTM(channels, width, bidirectional=True) for _ in range(2))
        self.linear_layers = nn.ModuleList(nn.Linear(2 * width, channels) for _ in range(2))
        self.norm_layers = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, bin, column, channel) → the same shape."""
        along_bins = _normalised(x, self.norm_layers[0]).transpose(0, 1)
        x = x + self._along(0, along_bins).transpose(0, 1)
        along_columns = _normalised(x, self.norm_layers[1]).permute(2, 0, 1, 3)
        return x + self._along(1, along_columns).permute(1, 2, 0, 3)

    def _along(self, path: int, x: torch.Tensor) -> torch.Tensor:
        """Run one path along the first axis of (step, …, channel)."""
        hidden, _ = self.lstm_layers[path](x.flatten(1, 2))
        linear: Any = self.linear_layers[path]
        return pointwise(hidden, linear.weight, linear.bias).view(x.shape)
