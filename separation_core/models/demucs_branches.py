"""The residual branches in the layers of a hybrid Demucs, each of which looks along the columns of one bin."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.channels_last import convolve, in_pieces, pointwise
from separation_core.models.demucs_config import BRANCH_HEADS, DemucsConfig

Step = Callable[[torch.Tensor], torch.Tensor]
"""A part of a layer as a function of (batch, bin, column, channel)."""

_KERNEL = 3
_LSTM_LAYERS = 2
_LSTM_STEPS = 200
_DECAYS = 4
_OUT_OF_SIGHT = -1e4


class ResidualBranches(nn.Module):
    """Branches added to their input one after the other, each with twice the dilation of the one before."""

    def __init__(self, channels: int, layer: int, config: DemucsConfig) -> None:
        super().__init__()
        hidden = int(channels / config.dconv_comp)
        recurrent, attentive = config.recurs(layer), config.attends(layer)
        dilations = [2**depth if config.dconv_depth > 0 else 1 for depth in range(abs(config.dconv_depth))]
        self.layers = nn.ModuleList(_Branch(channels, hidden, each, recurrent, attentive) for each in dilations)

    def prepared(self) -> Step:
        """The branches as a function, its weights ready for any number of bands."""
        branches: Any = self.layers
        steps: list[Step] = [branch.prepared() for branch in branches]

        def run(x: torch.Tensor) -> torch.Tensor:
            for step in steps:
                x = step(x)
            return x

        return run


class _Branch(nn.ModuleDict):
    """Squeeze the channels, look along the columns, widen, gate and add; keys are places in the published sequence."""

    def __init__(self, channels: int, hidden: int, dilation: int, recurrent: bool, attentive: bool) -> None:
        reach = _KERNEL // 2 * dilation
        parts: list[nn.Module] = [
            nn.Conv1d(channels, hidden, _KERNEL, dilation=dilation, padding=reach),
            nn.GroupNorm(1, hidden),
            nn.GELU(),
            *([Recurrence(hidden)] if recurrent else []),
            *([LocalAttention(hidden)] if attentive else []),
            nn.Conv1d(hidden, 2 * channels, 1),
            nn.GroupNorm(1, 2 * channels),
            nn.GLU(),
            LayerScale(channels),
        ]
        super().__init__({str(place): part for place, part in enumerate(parts)})
        self._dilation, self._reach = dilation, reach

    def prepared(self) -> Step:
        """This branch and its sum with its input."""
        parts: list[Any] = list(self.values())
        squeeze, norm, _, *middle, widen, norm2, _, scale = parts
        widening = _Widening(widen.weight.flatten(1), widen.bias, norm2, scale.scale)

        def run(x: torch.Tensor) -> torch.Tensor:
            h = convolve(
                x, squeeze.weight, squeeze.bias, padding=(0, self._reach), dilation=(1, self._dilation)
            )  # fmt: skip
            h = functional.gelu(_normalised(h, norm))
            for part in middle:
                h = part(h)
            return in_pieces(widening.added, 4 * x.shape[3], x, widening.extended(h))

        return run


def _normalised(h: torch.Tensor, norm: nn.GroupNorm) -> torch.Tensor:
    """Group normalisation, one group, of every bin on its own."""
    shape = h.shape[2:]
    return functional.layer_norm(h, shape, norm.weight.expand(shape), norm.bias.expand(shape), norm.eps)


class _Widening:
    """The second half of a branch: widen, normalise every bin, gate, scale and add, in one matrix product.

    The normalisation is not computed on the (large) widened channels: their mean and variance in a bin follow from
    the mean and covariance of the (small) squeezed ones. Both enter as two more channels of the product's input, so
    that one matrix serves all bins. It has the factors of normalisation and scale multiplied in.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, norm: nn.GroupNorm, scale: torch.Tensor) -> None:
        self._weight, self._bias, self._smallest = weight, bias, norm.eps
        self._gram = weight.T @ weight / len(weight)
        factor = torch.cat([scale, torch.ones_like(scale)])
        gain = (factor * norm.weight)[:, None]
        self._values, self._gates = torch.cat([gain * weight, gain * bias[:, None], gain], dim=1).chunk(2)
        self._value_bias, self._gate_bias = (factor * norm.bias).chunk(2)

    def extended(self, h: torch.Tensor) -> torch.Tensor:
        """The squeezed channels (batch, bin, column, channel), normalised, and what the rest needs of each bin."""
        mean_h = h.mean(dim=2, keepdim=True)
        centred = (h - mean_h).flatten(0, 1) * h.shape[2] ** -0.5
        covariance = torch.bmm(centred.transpose(1, 2), centred).view(*h.shape[:2], *self._gram.shape)
        means = functional.linear(mean_h, self._weight, self._bias)
        mean = means.mean(dim=3, keepdim=True)
        within = (covariance * self._gram).sum(dim=(2, 3))[..., None, None]
        rate = (within + (means - mean).square().mean(dim=3, keepdim=True) + self._smallest).rsqrt()
        ends = torch.cat([rate, -mean * rate], dim=3).expand(*h.shape[:3], 2)
        return torch.cat([h * rate, ends], dim=3)

    def added(self, x: torch.Tensor, extended: torch.Tensor) -> torch.Tensor:
        """The branch's input and its result, summed."""
        gate = pointwise(extended, self._gates, self._gate_bias).sigmoid_()
        return torch.addcmul(x, pointwise(extended, self._values, self._value_bias), gate)


class LayerScale(nn.Module):
    """One factor per channel (Touvron et al., arXiv 2103.17239); those who hold it fold it into their weights."""

    def __init__(self, channels: int, start: float = 1e-3) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), start))


class Recurrence(nn.Module):
    """A bidirectional LSTM along the columns, in half-overlapping stretches if there are many."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, _LSTM_LAYERS, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * channels, channels)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """(batch, bin, column, channel) → the same shape."""
        sequences, columns = h.flatten(0, 1), h.shape[2]
        if columns <= _LSTM_STEPS:
            return h + self._run(sequences).view_as(h)
        stride = _LSTM_STEPS // 2
        missing = (-(-columns // stride) - 1) * stride + _LSTM_STEPS - columns
        stretches = functional.pad(sequences, (0, 0, 0, missing)).unfold(1, _LSTM_STEPS, stride).transpose(2, 3)
        out = self._run(stretches.flatten(0, 1)).view_as(stretches)
        # Each stretch answers for its middle half, the first also for what is before.
        middle = out[:, 1:, stride // 2 : -(stride // 2)].flatten(1, 2)
        return h + torch.cat([out[:, 0, : -(stride // 2)], middle], dim=1)[:, :columns].view_as(h)

    def _run(self, sequences: torch.Tensor) -> torch.Tensor:
        hidden, _ = self.lstm(sequences)
        return pointwise(hidden, self.linear.weight, self.linear.bias)


class LocalAttention(nn.Module):
    """Attention along the columns whose weights fall with the distance, at a rate that every column chooses."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.content = nn.Conv1d(channels, channels, 1)
        self.query = nn.Conv1d(channels, channels, 1)
        self.key = nn.Conv1d(channels, channels, 1)
        self.query_decay = nn.Conv1d(channels, BRANCH_HEADS * _DECAYS, 1)
        self.proj = nn.Conv1d(channels, channels, 1)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """(batch, bin, column, channel) → the same shape."""
        rows = h.flatten(0, 1)
        query, key, content = (_heads(part, rows) for part in (self.query, self.key, self.content))
        attended = functional.scaled_dot_product_attention(query, key, content, self._distances(rows))
        mixed = attended.transpose(1, 2).flatten(2)
        return h + pointwise(mixed, self.proj.weight, self.proj.bias).view_as(h)

    def _distances(self, rows: torch.Tensor) -> torch.Tensor:
        """What is added to the scores (row, head, query column, key column). A column does not see itself."""
        columns = rows.shape[1]
        # The published decays are multiples of one another: their sum is one slope.
        decays = torch.sigmoid(_heads(self.query_decay, rows)) / (2 * math.sqrt(_DECAYS))
        slope = (decays * torch.arange(1, _DECAYS + 1, device=rows.device)).sum(dim=3, keepdim=True)
        places = torch.arange(columns, device=rows.device, dtype=slope.dtype)
        itself = torch.eye(columns, device=rows.device, dtype=slope.dtype) * _OUT_OF_SIGHT
        return torch.addcmul(itself, (places[:, None] - places).abs(), slope, value=-1)


def _heads(part: nn.Conv1d, rows: torch.Tensor) -> torch.Tensor:
    """(row, column, channel) → (row, head, column, channel)."""
    return pointwise(rows, part.weight, part.bias).view(*rows.shape[:2], BRANCH_HEADS, -1).transpose(1, 2)
