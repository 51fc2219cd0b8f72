"""Hybrid Transformer Demucs, version 4 (Rouard, Massa, Défossez, arXiv 2211.08553).

The networks of htdemucs, htdemucs_ft and htdemucs_6s: two U-Nets as in Hybrid Demucs, between whose encoders and
decoders a transformer lets spectrogram and waveform see themselves and each other.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from separation_core.errors import ModelError
from separation_core.models.channels_last import pointwise
from separation_core.models.demucs_branches import LayerScale
from separation_core.models.demucs_config import DemucsConfig, plan_layers
from separation_core.models.demucs_layers import HybridDemucs
from separation_core.models.demucs_spectrum import DemucsSpectrum

_POSITION_BOOST = 3.0

_SCORES = 1 << 22
"""About how many attention scores a CPU has in hand at a time: 16 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HTDemucsConfig(DemucsConfig):
    """Sizes of a Hybrid Transformer Demucs; see `DemucsConfig`. Names and defaults are the published ones.

    bottom_channels: width of the transformer (0: that of the last layer). t_layers: layers for each of the two
    branches, by turns within it and across to the other; t_cross_first: which comes first. t_hidden_scale: width of
    the feed-forward parts over that of the transformer. t_heads: of every attention. t_emb: positions of the waveform
    as "sin", "cape" (sines about the middle) or "scaled" (learned, t_max_positions of them); t_max_period, in columns,
    of the sines; t_weight_pos_embed scales positions. t_norm_in, t_norm_in_group: normalise what enters, every vector
    or in groups of channels over all. t_norm_first: normalise before attention and feed-forward, not behind;
    t_group_norm: in how many groups over all vectors, 0 for each vector on its own; t_norm_out: in how many groups
    the layer's result. t_layer_scale: learned factors on what is added. t_gelu: or ReLU.

    use_train_segment: a shorter mix is padded to a whole segment, which is all that the network was trained on.
    """

    depth: int = 4
    dconv_comp: float = 8
    segment: str = "10"
    bottom_channels: int = 0
    t_layers: int = 5
    t_emb: str = "sin"
    t_hidden_scale: float = 4.0
    t_heads: int = 8
    t_max_positions: int = 10000
    t_norm_in: bool = True
    t_norm_in_group: int = False
    t_group_norm: int = False
    t_norm_first: bool = True
    t_norm_out: int = True
    t_max_period: float = 10000.0
    t_layer_scale: bool = True
    t_gelu: bool = True
    t_weight_pos_embed: float = 1.0
    t_cape_mean_normalize: bool = True
    t_cross_first: bool = False
    use_train_segment: bool = True

    architecture: ClassVar[str] = "HTDemucs"
    training_only: ClassVar[frozenset[str]] = DemucsConfig.training_only | {
        "t_dropout", "t_weight_decay", "t_lr", "t_sin_random_shift", "t_cape_augment", "t_cape_glob_loc_scale",
        "t_mask_type", "t_mask_random_seed", "t_sparse_attn_window", "t_global_window", "t_sparsity", "t_auto_sparsity",
    }  # fmt: skip
    only_supported: ClassVar[Mapping[str, Any]] = {
        **DemucsConfig.only_supported,
        "t_sparse_self_attn": False,
        "t_sparse_cross_attn": False,
    }

    def __post_init__(self) -> None:
        DemucsConfig.__post_init__(self)
        if self.t_emb not in _POSITIONS:
            raise ModelError(f"HTDemucs with t_emb {self.t_emb!r} cannot be run: there are {', '.join(_POSITIONS)}")
        if self.t_layers > 0 and (self.t_heads < 1 or self.width % self.t_heads or self.width % 4):
            raise ModelError(f"{self.width} channels cannot be shared by {self.t_heads} heads: change bottom_channels")

    @property
    def lengthens(self) -> bool:
        """Whether the network pads what is shorter than a segment to a whole one."""
        return self.use_train_segment

    @property
    def draws(self) -> bool:
        """See `DemucsConfig`: it shifts its positions by up to `sin_random_shift`, published as 0, frames."""
        return self.t_emb == "sin"

    @property
    def width(self) -> int:
        """Channels of the transformer."""
        return self.bottom_channels or plan_layers(self)[0][-1].outputs


class HTDemucs(HybridDemucs):
    """The network; meets `Separator`. See the module's docstring."""

    def __init__(self, config: HTDemucsConfig, *, name: str = "htdemucs", version: str = "untrained") -> None:
        super().__init__(config, DemucsSpectrum(config.nfft), name, version)
        self.config = config
        inner, outer = config.bottom_channels, plan_layers(config)[0][-1].outputs
        if inner:
            self.channel_upsampler = nn.Conv1d(outer, inner, 1)
            self.channel_downsampler = nn.Conv1d(inner, outer, 1)
            self.channel_upsampler_t = nn.Conv1d(outer, inner, 1)
            self.channel_downsampler_t = nn.Conv1d(inner, outer, 1)
        self.crosstransformer = _CrossTransformer(config) if config.t_layers > 0 else None

    def _lengthened(self, mix: torch.Tensor) -> torch.Tensor:
        missing = self.config.segment_frames - mix.shape[-1]
        wanted = self.config.use_train_segment and not self.training and missing > 0
        return functional.pad(mix, (0, missing)) if wanted else mix

    def _between(self, x: torch.Tensor, xt: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        if self.crosstransformer is None:
            return x, xt
        if self.config.bottom_channels:
            x, xt = _mapped(x, self.channel_upsampler), _mapped(xt, self.channel_upsampler_t)
        x, xt = self.crosstransformer(x, xt)
        if self.config.bottom_channels:
            x, xt = _mapped(x, self.channel_downsampler), _mapped(xt, self.channel_downsampler_t)
        return x, xt


def _mapped(x: torch.Tensor, conv: nn.Conv1d) -> torch.Tensor:
    return pointwise(x, conv.weight, conv.bias)


class _CrossTransformer(nn.Module):
    """Layers for the cells of the spectrogram and for the columns of the waveform, within and across by turns."""

    def __init__(self, config: HTDemucsConfig) -> None:
        super().__init__()
        self._config = config
        width = config.width
        self.norm_in, self.norm_in_t = (_entrance(config) for _ in range(2))
        scaled = config.t_emb == "scaled"
        self.position_embeddings = _LearnedPositions(config.t_max_positions, width) if scaled else None
        crossing = [index % 2 != config.t_cross_first for index in range(config.t_layers)]
        self.layers = nn.ModuleList(_Layer(config, across) for across in crossing)
        self.layers_t = nn.ModuleList(_Layer(config, across) for across in crossing)

    def forward(self, x: torch.Tensor, xt: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Spectrogram and waveform (batch, bin, column, channel) → the same shapes."""
        cells, columns = x.flatten(1, 2), xt.flatten(1, 2)
        weight = self._config.t_weight_pos_embed
        cells = _normed(cells, self.norm_in) + weight * self._cell_positions(x)
        columns = _normed(columns, self.norm_in_t) + weight * self._column_positions(columns)
        for layer, layer_t in zip(self.layers, self.layers_t, strict=True):
            cells, columns = layer(cells, columns), layer_t(columns, cells)
        return cells.view_as(x), columns.view_as(xt)

    def _cell_positions(self, x: torch.Tensor) -> torch.Tensor:
        _, bins, columns, width = x.shape
        return _cell_waves(bins, columns, width, self._config.t_max_period, x.device)

    def _column_positions(self, columns: torch.Tensor) -> torch.Tensor:
        _, count, width = columns.shape
        if self.position_embeddings is not None:
            return self.position_embeddings.embedding.weight[:count] * _POSITION_BOOST
        centre = self._config.t_emb == "cape" and self._config.t_cape_mean_normalize
        return _waves(count, width, self._config.t_max_period, centre, columns.device)


class _LearnedPositions(nn.Module):
    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(positions, width)


_POSITIONS = ("sin", "cape", "scaled")


# Positions are constants: made once, outside of inference mode so that training may use them too.
@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _waves(count: int, width: int, period: float, centre: bool, device: torch.device) -> torch.Tensor:
    """(column, channel): cosines of falling frequency, then sines."""
    places = torch.arange(count, device=device)[:, None]
    if centre:
        places = places - (count - 1) / 2
    half = width // 2
    phase = places / period ** (torch.arange(half, device=device) / (half - 1))
    return torch.cat([phase.cos(), phase.sin()], dim=1)


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def _cell_waves(bins: int, columns: int, width: int, period: float, device: torch.device) -> torch.Tensor:
    """(bin · column, channel): half of the channels tell the column, half the bin, sines and cosines in turn."""

    def waves(count: int) -> torch.Tensor:
        rates = torch.exp(torch.arange(0.0, width // 2, 2) * -(math.log(period) / (width // 2)))
        phase = torch.arange(0.0, count)[:, None] * rates
        return torch.stack([phase.sin(), phase.cos()], dim=2).flatten(1)

    told = [waves(columns).expand(bins, -1, -1), waves(bins)[:, None].expand(-1, columns, -1)]
    return torch.cat(told, dim=2).flatten(0, 1).to(device)


class _Layer(nn.Module):
    """Attention to its own vectors, or across to the other branch's, then a feed-forward part."""

    def __init__(self, config: HTDemucsConfig, across: bool) -> None:
        super().__init__()
        width, hidden = config.width, int(config.width * config.t_hidden_scale)
        self._across, self._first = across, config.t_norm_first
        self._activation = functional.gelu if config.t_gelu else functional.relu
        attention = _Attention(width, config.t_heads)
        if across:
            self.cross_attn = attention
            self.norm3 = _inner_norm(config)
        else:
            self.self_attn = attention
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = _inner_norm(config), _inner_norm(config)
        groups = int(config.t_norm_first) & int(config.t_norm_out)
        self.norm_out = nn.GroupNorm(groups, width) if groups else None
        self.gamma_1, self.gamma_2 = (LayerScale(width, 1e-4) if config.t_layer_scale else None for _ in range(2))

    def forward(self, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """(batch, vector, channel) of this branch, given the other's → the same shape."""
        attention = self.cross_attn if self._across else self.self_attn
        if self._first:
            heard = _normed(x, self.norm1)
            x = x + attention(heard, _normed(other, self.norm2) if self._across else heard, self.gamma_1)
            x = self._fed_forward(x, self.norm3 if self._across else self.norm2)
            return x if self.norm_out is None else _normed(x, self.norm_out)
        x = _normed(x + attention(x, other if self._across else x, self.gamma_1), self.norm1)
        return _normed(self._fed_forward(x, None), self.norm2)

    def _fed_forward(self, x: torch.Tensor, norm: nn.Module | None) -> torch.Tensor:
        hidden = pointwise(x if norm is None else _normed(x, norm), self.linear1.weight, self.linear1.bias)
        return x + pointwise(self._activation(hidden), *_scaled(self.linear2, self.gamma_2))


class _Attention(nn.Module):
    """Multi-head attention (Vaswani et al., arXiv 1706.03762)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        nn.init.xavier_uniform_(self.in_proj_weight)
        self.out_proj = nn.Linear(width, width)

    def forward(self, heard: torch.Tensor, memory: torch.Tensor, gamma: LayerScale | None) -> torch.Tensor:
        """What `heard` (batch, vector, channel) finds in `memory`, times `gamma`."""
        parts = (
            self._projected(heard, 0, 3)
            if memory is heard
            else (
                *self._projected(heard, 0, 1),
                *self._projected(memory, 1, 3),
            )
        )
        return pointwise(_attended(*parts).flatten(2), *_scaled(self.out_proj, gamma))

    def _projected(self, x: torch.Tensor, first: int, last: int) -> tuple[torch.Tensor, ...]:
        """Some of query, key and value, each (batch, head, vector, channel)."""
        rows = slice(first * x.shape[2], last * x.shape[2])
        parts = pointwise(x, self.in_proj_weight[rows], self.in_proj_bias[rows])
        return parts.view(*x.shape[:2], last - first, self._heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


def _attended(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Scaled dot-product attention of (batch, head, vector, channel) as (batch, vector, head, channel).

    On a CPU head by head and for some queries at a time, with `pointwise`'s products: these are fast enough to make up
    for a matrix of scores, of which as much as a cache holds is written down.
    """
    if query.device.type != "cpu" or torch.is_grad_enabled():
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2)
    found = query.new_empty(query.transpose(1, 2).shape)
    pieces = -(-query.shape[2] * key.shape[2] // _SCORES)
    query, key, turned = query * query.shape[3] ** -0.5, key.contiguous(), value.transpose(2, 3).contiguous()
    for item, head in np.ndindex(*query.shape[:2]):
        outs = found[item, :, head].tensor_split(pieces)
        for queries, out in zip(query[item, head].tensor_split(pieces), outs, strict=True):
            shares = pointwise(queries, key[item, head], None).softmax(dim=1)
            out.copy_(pointwise(shares, turned[item, head], None))
    return found


def _scaled(linear: nn.Linear, gamma: LayerScale | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a matrix product and the factors behind it in one."""
    if gamma is None:
        return linear.weight, linear.bias
    return gamma.scale[:, None] * linear.weight, gamma.scale * linear.bias


def _entrance(config: HTDemucsConfig) -> nn.Module | None:
    if config.t_norm_in:
        return nn.LayerNorm(config.width)
    return nn.GroupNorm(int(config.t_norm_in_group), config.width) if config.t_norm_in_group else None


def _inner_norm(config: HTDemucsConfig) -> nn.Module:
    if config.t_group_norm:
        return nn.GroupNorm(int(config.t_group_norm), config.width)
    return nn.LayerNorm(config.width)


def _normed(x: torch.Tensor, norm: nn.Module | None) -> torch.Tensor:
    """Normalise (batch, vector, channel): a LayerNorm each vector, a GroupNorm over all of them."""
    if not isinstance(norm, nn.GroupNorm):
        return x if norm is None else norm(x)
    # torch's own wants the channels second, which would have everything copied twice.
    groups = x.reshape(*x.shape[:2], norm.num_groups, -1)
    centred = groups - groups.mean(dim=(1, 3), keepdim=True)
    rate = (centred.square().mean(dim=(1, 3), keepdim=True) + norm.eps).rsqrt()
    gain = (rate * norm.weight.view(norm.num_groups, -1)).flatten(2)
    return torch.addcmul(norm.bias, centred.flatten(2), gain)
