"""Meta-TasNet's mask: a stack of dilated convolutions with weights for each instrument; see `models.meta_tasnet`.

Tensors are (batch, instrument, channel, column).
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.tasnet_config import EPSILON, GROUPS, INSTRUMENTS, MetaTasnetConfig
from separation_core.models.tasnet_weights import convolution_of, norm_of

Slope = torch.Tensor | float
"""Slope of a PReLU below zero: the parameter while learning, else a number, so that it can work in place."""


@dataclass(frozen=True, slots=True)
class _LayerWeights:
    """One masking layer. Norms are (2, instrument, channel): scale and shift. dilation: columns between taps.

    entry: (instrument, H, B). taps: (instrument, H, 3). out: (instrument, 2·B, H), the residual's rows above those of
    the sum over layers; bias: (instrument, 2·B, 1) if there is one.
    """

    entry: torch.Tensor
    slope_1: Slope
    norm_1: torch.Tensor
    taps: torch.Tensor
    slope_2: Slope
    norm_2: torch.Tensor
    out: torch.Tensor
    bias: torch.Tensor | None
    dilation: int


@dataclass(frozen=True, slots=True)
class MaskWeights:
    """One stage's mask. Norms are (2, instrument, channel): scale and shift.

    entry: (instrument, B, heard channel). out: (instrument, N, B).
    """

    slopes: tuple[Slope, ...]
    norms: tuple[torch.Tensor, ...]
    entry: torch.Tensor
    layers: tuple[_LayerWeights, ...]
    out: torch.Tensor


class Mask(nn.Module):
    """Holds, or generates, the weights of one stage's mask; `masked_latents` applies them."""

    def __init__(self, config: MetaTasnetConfig, latent: int, *, follows: bool) -> None:
        super().__init__()
        heard = latent + latent // 2 if follows else latent
        self.norm_1 = norm_of(config, heard)
        self.prelu_1 = nn.PReLU()
        self.in_conv = convolution_of(config, heard, config.B)
        self.norm_2 = norm_of(config, config.B)
        self.prelu_2 = nn.PReLU()
        self.tcn = nn.ModuleList(
            _MaskLayer(config, 2**layer) for _ in range(config.stack) for layer in range(config.layers)
        )
        self.norm_3 = norm_of(config, config.B)
        self.prelu_3 = nn.PReLU()
        self.mask_output = convolution_of(config, config.B, latent)
        self.norm_4 = norm_of(config, latent)
        self.prelu_4 = nn.PReLU()

    def forward(self, embedding: torch.Tensor | None) -> MaskWeights:
        """All weights for the instruments' embedding (instrument, E_1), or their own where there is none."""
        norms = tuple(norm(embedding) for norm in (self.norm_1, self.norm_2, self.norm_3, self.norm_4))
        slopes = tuple(_slope(layer) for layer in (self.prelu_1, self.prelu_2, self.prelu_3, self.prelu_4))
        layers = tuple(layer(embedding) for layer in self.tcn)
        (entry, _), (out, _) = self.in_conv(embedding), self.mask_output(embedding)
        return MaskWeights(slopes, norms, entry[..., 0], layers, out[..., 0])


class _MaskLayer(nn.Module):
    """Holds, or generates, the weights of one masking layer; `_through` applies them."""

    def __init__(self, config: MetaTasnetConfig, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm_1 = norm_of(config, config.H)
        self.prelu_1 = nn.PReLU()
        self.conv1d = convolution_of(config, config.B, config.H)
        self.norm_2 = norm_of(config, config.H)
        self.prelu_2 = nn.PReLU()
        self.dconv1d = convolution_of(config, config.H, config.H, taps=config.kernel, groups=config.H)
        self.res_out = convolution_of(config, config.H, config.B, bias=config.residual_bias)
        self.skip_out = convolution_of(config, config.H, config.B, bias=config.residual_bias)

    def forward(self, embedding: torch.Tensor | None) -> _LayerWeights:
        """The layer's weights for all instruments."""
        (entry, _), (taps, _) = self.conv1d(embedding), self.dconv1d(embedding)
        (residual, residual_bias), (skip, skip_bias) = self.res_out(embedding), self.skip_out(embedding)
        out = torch.cat([residual, skip], dim=1)[..., 0]
        bias = None if residual_bias is None else torch.cat([residual_bias, skip_bias], dim=1)
        norms = (self.norm_1(embedding), self.norm_2(embedding))
        slopes = (_slope(self.prelu_1), _slope(self.prelu_2))
        return _LayerWeights(
            entry[..., 0], slopes[0], norms[0], taps[:, :, 0], slopes[1], norms[1], out, bias, self.dilation
        )


def masked_latents(latent: torch.Tensor, weights: MaskWeights, previous: torch.Tensor | None) -> torch.Tensor:
    """Latents (batch, instrument, N, column), which sum to the mix's `latent` (batch, N, column).

    previous: the masked latents (batch, instrument, N/2, column) of the stage before, None in the first.
    """
    x = _entered(latent, weights, previous)
    x = _group_norm(_prelu_(x, weights.slopes[1]), weights.norms[1])
    # The layers' running input and the running sum of their outputs, one above the other: one product adds to both.
    state = torch.cat([x, torch.zeros_like(x)], dim=2)
    for layer in weights.layers:
        state = _through(layer, state)
    total = state[:, :, x.shape[2] :].contiguous()
    return _shared_out(latent, _group_norm(_prelu_(total, weights.slopes[2]), weights.norms[2]), weights)


def _entered(latent: torch.Tensor, weights: MaskWeights, previous: torch.Tensor | None) -> torch.Tensor:
    """(batch, instrument, B, column): PReLU, normalisation and the first product.

    The mix's latent is the same for every instrument. So the normalisation goes into the kernel instead of the
    sound, and no copy of the latent is made for each.
    """
    parts = [_prelu(latent, weights.slopes[0])[:, None]]
    if previous is not None:
        parts.append(_prelu(previous, weights.slopes[0]))
    mean, gain = _moments(parts)
    scale, shift = weights.norms[0]
    kernel = weights.entry * (scale * gain)[:, :, None]
    offset = weights.entry @ shift[..., None] - kernel @ mean[..., None]
    heard = latent.shape[1]
    entered: torch.Tensor = (kernel[..., :heard].flatten(1, 2) @ parts[0][:, 0]).view(*kernel.shape[:3], -1) + offset
    return entered if previous is None else entered + kernel[..., heard:] @ parts[1]


def _through(weights: _LayerWeights, state: torch.Tensor) -> torch.Tensor:
    """Running input and running sum (batch, instrument, 2·B, column) → the same with this layer's output added."""
    x = state[:, :, : weights.entry.shape[-1]]
    y = _group_norm(_prelu_(weights.entry @ x, weights.slope_1), weights.norm_1)
    y = _along_time(y, weights.taps, weights.dilation)
    y = _group_norm(_prelu_(y, weights.slope_2), weights.norm_2)
    added = _plus_product(state, weights.out, y)
    return added if weights.bias is None else added + weights.bias


def _shared_out(latent: torch.Tensor, total: torch.Tensor, weights: MaskWeights) -> torch.Tensor:
    """The masked latents. A group of channels at a time: its norm needs no other, and it fits the cache."""
    masked = latent.new_empty(latent.shape[0], INSTRUMENTS, *latent.shape[1:])
    size = latent.shape[1] // GROUPS
    for channels in (slice(start, start + size) for start in range(0, latent.shape[1], size)):
        claims = _prelu_(weights.out[:, channels] @ total, weights.slopes[3])
        claims = _group_norm(claims, weights.norms[3][:, :, channels], groups=1)
        masked[:, :, channels] = claims.softmax(dim=1) * latent[:, None, channels]
    return masked


def _slope(layer: nn.PReLU) -> Slope:
    return layer.weight if torch.is_grad_enabled() else float(layer.weight)


def _prelu(x: torch.Tensor, slope: Slope) -> torch.Tensor:
    return functional.leaky_relu(x, slope) if isinstance(slope, float) else functional.prelu(x, slope)


def _prelu_(x: torch.Tensor, slope: Slope) -> torch.Tensor:
    """PReLU of `x`, which is used up: in place unless gradients are wanted."""
    return functional.leaky_relu_(x, slope) if isinstance(slope, float) else functional.prelu(x, slope)


def _plus_product(total: torch.Tensor, kernel: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """`total` + `kernel` @ `x` per batch and instrument; in place unless gradients or mixed precision are wanted."""
    if torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
        return total + kernel @ x
    kernels = kernel.expand(len(x), -1, -1, -1).flatten(0, 1)
    total.flatten(0, 1).baddbmm_(kernels, x.flatten(0, 1))
    return total


def _moments(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and one over the spread (batch, instrument, channel), both per group of channels.

    parts: (batch, instrument or 1, channel, column), together the channels that are normalised.
    """
    sums = torch.cat([part.sum(-1).expand(-1, INSTRUMENTS, -1) for part in parts], dim=-1)
    lengths = [torch.linalg.vector_norm(part, dim=-1).expand(-1, INSTRUMENTS, -1) for part in parts]
    squares = torch.cat(lengths, dim=-1).square()
    mean, square = (_group_mean(rows) / parts[0].shape[-1] for rows in (sums, squares))
    return mean, (square - mean.square()).clamp_min(0).add(EPSILON).rsqrt()


def _group_mean(rows: torch.Tensor) -> torch.Tensor:
    """Each channel's group's mean, for `rows` (batch, instrument, channel)."""
    grouped = rows.reshape(*rows.shape[:2], GROUPS, -1)
    return grouped.mean(-1, keepdim=True).expand_as(grouped).reshape(rows.shape)


def _along_time(x: torch.Tensor, taps: torch.Tensor, dilation: int) -> torch.Tensor:
    """Three taps (instrument, channel, 3) around every column of `x`, `dilation` apart, zeros outside.

    Three multiplications of whole rows: a grouped convolution of this shape is several times slower.
    """
    before, here, after = taps.unsqueeze(2).unbind(-1)
    y = x * here
    y[..., dilation:].addcmul_(x[..., :-dilation], before)
    y[..., :-dilation].addcmul_(x[..., dilation:], after)
    return y


def _group_norm(x: torch.Tensor, norm: torch.Tensor, groups: int = GROUPS) -> torch.Tensor:
    """Normalise `x` (batch, instrument, channel, column) in groups of each instrument's channels, scale and shift."""
    scale, shift = norm.flatten(1)
    normed = functional.group_norm(x.flatten(1, 2), INSTRUMENTS * groups, scale, shift, EPSILON)
    return normed.view_as(x)
