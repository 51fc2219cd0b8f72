"""Weights of each instrument's mask in Meta-TasNet: generated from its embedding, or learned on their own."""

import torch
from torch import nn

from separation_core.models.tasnet_config import EPSILON, GROUPS, INSTRUMENTS, MetaTasnetConfig


def convolution_of(
    config: MetaTasnetConfig, inputs: int, outputs: int, *, taps: int = 1, groups: int = 1, bias: bool = False
) -> nn.Module:
    """What gives the kernel (instrument, output, input / group, tap) and bias of a convolution."""
    kind = _OwnConvolution if config.independent_params else _GeneratedConvolution
    return kind(config, (outputs, inputs // groups, taps), groups, bias)


def norm_of(config: MetaTasnetConfig, channels: int) -> nn.Module:
    """What gives the scale and shift (2, instrument, channel) of a normalisation."""
    return _OwnNorm(channels) if config.independent_params else _GeneratedNorm(config, channels)


class _GeneratedConvolution(nn.Module):
    """Weights of one convolution per instrument, generated from the instruments' embedding."""

    def __init__(self, config: MetaTasnetConfig, shape: tuple[int, int, int], groups: int, bias: bool) -> None:
        super().__init__()
        self.shape = shape
        self.bottleneck = nn.Linear(config.E_1 or 0, config.E_2)
        self.kernel = nn.Linear(config.E_2, shape[0] * shape[1] * shape[2])
        self.bias = nn.Linear(config.E_2, shape[0]) if bias else None

    def forward(self, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(instrument, E_1) → kernel and bias."""
        code = self.bottleneck(embedding)
        bias = None if self.bias is None else self.bias(code).unsqueeze(-1)
        return self.kernel(code).view(INSTRUMENTS, *self.shape), bias


class _OwnConvolution(nn.Module):
    """Weights of one convolution per instrument, each learned on its own."""

    def __init__(self, config: MetaTasnetConfig, shape: tuple[int, int, int], groups: int, bias: bool) -> None:
        super().__init__()
        outputs, inputs, taps = shape
        self.conv = nn.Conv1d(
            INSTRUMENTS * inputs * groups, INSTRUMENTS * outputs, taps, groups=INSTRUMENTS * groups, bias=bias
        )

    def forward(self, embedding: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Kernel and bias; there is no embedding to heed."""
        kernel = self.conv.weight.view(INSTRUMENTS, -1, *self.conv.weight.shape[1:])
        return kernel, None if self.conv.bias is None else self.conv.bias.view(INSTRUMENTS, -1, 1)


class _GeneratedNorm(nn.Module):
    """Scale and shift per instrument and channel, generated from the instruments' embedding."""

    def __init__(self, config: MetaTasnetConfig, channels: int) -> None:
        super().__init__()
        self.bottleneck = nn.Linear(config.E_1 or 0, config.E_2)
        self.affine = nn.Linear(config.E_2, 2 * channels)

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        """(instrument, E_1) → (2, instrument, channel)."""
        return torch.stack(self.affine(self.bottleneck(embedding)).chunk(2, dim=1))


class _OwnNorm(nn.Module):
    """Scale and shift per instrument and channel, each learned on its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(INSTRUMENTS * GROUPS, INSTRUMENTS * channels, EPSILON)

    def forward(self, embedding: torch.Tensor | None) -> torch.Tensor:
        """(2, instrument, channel); there is no embedding to heed."""
        return torch.stack([self.group_norm.weight, self.group_norm.bias]).view(2, INSTRUMENTS, -1)
