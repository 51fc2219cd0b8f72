"""The layers of a band-split RoFormer's transformers: attention with rotary positions (Su et al., arXiv 2104.09864),
linear attention, feed-forward, norms.

Parameter names and shapes are those of ZFTurbo/Music-Source-Separation-Training, whose checkpoints circulate.
Vectors are (batch, token, feature).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.channels_last import pointwise
from separation_core.models.roformer_config import RoformerConfig

FEED_FORWARD_FACTOR = 4
ROTARY_BASE = 10_000.0
LINEAR_ATTENTION_SCALE = 8.0
SMALLEST_NORM = 1e-12

Biases = tuple[nn.Parameter, nn.Parameter] | None
"""Those of the queries, keys and values, and of the output, where all attentions share them."""


class Linear(nn.Linear):
    """A matrix product with the parameters of torch's, the way a CPU is fastest at."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, in) → (…, out)."""
        return pointwise(x, self.weight, self.bias)


class RmsNorm(nn.Module):
    """Root mean square norm over the last axis (Zhang & Sennrich, arXiv 1910.07467), silence staying silence."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, feature) → the same shape."""
        return functional.rms_norm(x, self.gamma.shape, self.gamma.to(x.dtype), eps=SMALLEST_NORM**2)


class FeedForward(nn.Module):
    """Norm, widen, GELU, narrow."""

    def __init__(self, config: RoformerConfig) -> None:
        super().__init__()
        wide = FEED_FORWARD_FACTOR * config.dim
        self.net = nn.Sequential(
            RmsNorm(config.dim),
            Linear(config.dim, wide),
            nn.GELU(),
            nn.Dropout(config.ff_dropout),
            Linear(wide, config.dim),
            nn.Dropout(config.ff_dropout),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, token, feature) → the same shape."""
        out: torch.Tensor = self.net(x)
        return out


class RotaryEmbedding(nn.Module):
    """Turns pairs of neighbouring features by angles that grow with the position.

    The frequencies are never learned, yet checkpoints hold them once per attention. One that stored them in half
    precision (wrong by radians after a few seconds) is read as the exact ones they were rounded from.
    """

    def __init__(self, dim_head: int) -> None:
        super().__init__()
        self._dim = dim_head
        self.freqs = nn.Parameter(_rotary_frequencies(dim_head), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, token, …, feature) → the same shape, each token turned by its place in the sequence."""
        positions = torch.arange(x.shape[1], device=x.device, dtype=torch.float32)
        angles = torch.outer(positions, self.freqs.float())
        turns = torch.complex(angles.cos(), angles.sin())
        turns = turns.view(turns.shape[0], *[1] * (x.dim() - 3), turns.shape[1])
        # Half precision has no complex numbers.
        turned = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2)) * turns
        return torch.view_as_real(turned).flatten(-2).to(x.dtype)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        exact = _rotary_frequencies(self._dim)
        stored = state_dict.get(f"{prefix}freqs", exact)
        if stored.shape == exact.shape and torch.allclose(stored.float().cpu(), exact, rtol=1 / 128, atol=0):
            state_dict[f"{prefix}freqs"] = exact
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _rotary_frequencies(dim_head: int) -> torch.Tensor:
    """Radians per position of each pair of features."""
    return 1.0 / ROTARY_BASE ** (torch.arange(0, dim_head, 2, device="cpu").float() / dim_head)


class Attention(nn.Module):
    """Rotary attention whose heads are gated by the token they answer."""

    def __init__(self, config: RoformerConfig, rotary: RotaryEmbedding, biases: Biases) -> None:
        super().__init__()
        self._heads, self._dropout = config.heads, config.attn_dropout
        inner = config.heads * config.dim_head
        self.rotary_embed = rotary
        self.norm = RmsNorm(config.dim)
        self.to_qkv = Linear(config.dim, 3 * inner, bias=False)
        self.to_gates = Linear(config.dim, config.heads)
        self.to_out = nn.Sequential(Linear(inner, config.dim, bias=False), nn.Dropout(config.attn_dropout))
        if biases is not None:
            self.to_qkv.bias, self.to_out[0].bias = biases

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, token, feature) → the same shape."""
        x = self.norm(x)
        qkv = self.to_qkv(x).view(*x.shape[:2], 3, self._heads, -1)
        query, key = self.rotary_embed(qkv[:, :, :2]).transpose(1, 3).unbind(dim=2)
        dropout = self._dropout if self.training else 0.0
        heard = functional.scaled_dot_product_attention(query, key, qkv[:, :, 2].transpose(1, 2), dropout_p=dropout)
        gated = heard.transpose(1, 2) * self.to_gates(x).sigmoid()[..., None]
        out: torch.Tensor = self.to_out(gated.flatten(-2))
        return out


class LinearAttention(nn.Module):
    """Attention among the features of a head instead of among tokens (El-Nouby et al., arXiv 2106.09681)."""

    def __init__(self, config: RoformerConfig) -> None:
        super().__init__()
        self._heads, self._dropout = config.heads, config.attn_dropout
        inner = config.heads * config.dim_head
        self.norm = RmsNorm(config.dim)
        self.to_qkv = nn.Sequential(Linear(config.dim, 3 * inner, bias=False))
        self.temperature = nn.Parameter(torch.ones(config.heads, 1, 1))
        # The published network counts a reshaping as a first module.
        self.to_out = nn.Sequential(nn.Identity(), Linear(inner, config.dim, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, token, feature) → the same shape."""
        qkv = self.to_qkv(self.norm(x)).view(*x.shape[:2], 3, self._heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 4, 1)
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        scores = (query * self.temperature.exp()) @ key.transpose(-1, -2) * LINEAR_ATTENTION_SCALE
        weights = functional.dropout(scores.softmax(dim=-1), self._dropout, self.training)
        out: torch.Tensor = self.to_out((weights @ value).flatten(1, 2).transpose(1, 2))
        return out


class Transformer(nn.Module):
    """Residual layers of attention and feed-forward over sequences."""

    def __init__(self, config: RoformerConfig, attentions: Sequence[nn.Module], *, norm_output: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ResidualPair([attention, FeedForward(config)]) for attention in attentions)
        self.norm = RmsNorm(config.dim) if norm_output else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, token, feature) → the same shape."""
        for layer in self.layers:
            x = layer(x)
        out: torch.Tensor = self.norm(x)
        return out


class ResidualPair(nn.ModuleList):
    """Two modules in turn, each added to what it hears."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, token, feature) → the same shape."""
        for module in self:
            x = x + module(x)
        return x
