"""What the band-split RoFormers share: their layers, and everything around the choice of bands.

A spectrum is cut into bands of neighbouring bins, each band of each column becomes one vector, transformers with
rotary positions (Su et al., arXiv 2104.09864) run in turn along time within a band and across the bands of a column,
and a small network per band turns the vectors into a complex mask (Lu et al., arXiv 2309.02612).

Parameter names and shapes are those of ZFTurbo/Music-Source-Separation-Training, whose checkpoints circulate.
Vectors inside are (batch, column, band, feature), spectra (batch, column, bin, channel).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.channels_last import pointwise
from separation_core.models.contract import ModelSpec
from separation_core.models.roformer_config import RoformerConfig
from separation_core.units import Hertz

FEED_FORWARD_FACTOR = 4
ROTARY_BASE = 10_000.0
LINEAR_ATTENTION_SCALE = 8.0
SMALLEST_NORM = 1e-12
TOKENS_AT_ONCE = 8192
"""On a CPU, transformers take sequences a few at a time, so that what lies between two matrix products stays in cache
and is not fetched from the system anew for every layer."""


class BandRoformer(nn.Module):
    """A RoFormer over given bands; meets `Separator`.

    bands: the bins of each band, ascending; where bands overlap, their masks are averaged. norm_output: whether
    every transformer ends in a norm, or only the last block. mask_layers: matrices in each mask network.
    """

    def __init__(
        self,
        config: RoformerConfig,
        bands: Sequence[range],
        *,
        norm_output: bool,
        mask_layers: int,
        name: str,
        version: str,
    ) -> None:
        super().__init__()
        self._sizes, self._bands, self._names = config, tuple(bands), (name, version)
        rotary = RotaryEmbedding(config.dim_head), RotaryEmbedding(config.dim_head)
        biases = self._shared_biases() if config.use_shared_bias else None
        self.layers = nn.ModuleList(
            Block(config, *rotary, biases=biases, norm_output=norm_output) for _ in range(config.depth)
        )
        self.final_norm = nn.Identity() if norm_output else RmsNorm(config.dim)
        self.band_split = BandSplit(config, self._bands)
        self.mask_estimators = nn.ModuleList(
            MaskEstimator(config, self._bands, mask_layers) for _ in range(config.num_stems)
        )

    @property
    def spec(self) -> ModelSpec:
        """The network's facts as the engine needs them."""
        sizes = self._sizes
        name, version = self._names
        rate = Hertz(sizes.sample_rate)
        return ModelSpec(
            name, version, sizes.stems, rate, sizes.channels, sizes.segment, sizes.context, any_length=True,
            half_safe=True,
        )  # fmt: skip

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), float32, any length."""
        mix = mix.float()
        frames = mix.shape[-1]
        # The transform mirrors half a window at the edges, which a shorter mix does not have.
        padded = functional.pad(mix, (0, max(0, self._sizes.stft_n_fft // 2 + 1 - frames)))
        spectrum = self._analyse(padded)
        features = self._attend(self.band_split(torch.view_as_real(spectrum)))
        estimates = [
            self._synthesise(spectrum * estimator(features), padded.shape[-1])[..., :frames]
            for estimator in self.mask_estimators
        ]
        if len(self._sizes.stems) > len(estimates):
            estimates.append(mix - torch.stack(estimates).sum(dim=0))
        return torch.stack(estimates, dim=1)

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        """The blocks in turn; (batch, column, band, feature) → the same shape."""
        heard: list[torch.Tensor] = []
        for block in self.layers:
            x = block(x, heard)
            if self._sizes.skip_connection:
                heard.append(x)
        out: torch.Tensor = self.final_norm(x)
        return out

    def _analyse(self, audio: torch.Tensor) -> torch.Tensor:
        """(batch, channel, frame) → (batch, column, bin, channel) complex."""
        spectrum = torch.stft(audio.flatten(0, 1), **self._transform(audio), return_complex=True)
        return spectrum.view(*audio.shape[:2], *spectrum.shape[1:]).permute(0, 3, 2, 1).contiguous()

    def _synthesise(self, spectrum: torch.Tensor, frames: int) -> torch.Tensor:
        """(batch, column, bin, channel) complex → (batch, channel, frame)."""
        if self._sizes.zero_dc:
            spectrum = torch.cat([torch.zeros_like(spectrum[:, :, :1]), spectrum[:, :, 1:]], dim=2)
        planes = spectrum.permute(0, 3, 2, 1)
        audio = torch.istft(planes.flatten(0, 1), **self._transform(planes), length=frames)
        return audio.view(*planes.shape[:2], frames)

    def _transform(self, like: torch.Tensor) -> dict[str, Any]:
        sizes = self._sizes
        return {
            "n_fft": sizes.stft_n_fft,
            "hop_length": sizes.stft_hop_length,
            "win_length": sizes.stft_win_length,
            "normalized": sizes.stft_normalized,
            "window": torch.hann_window(sizes.stft_win_length, device=like.device),
        }

    def _shared_biases(self) -> tuple[nn.Parameter, nn.Parameter]:
        """The two biases under the names they have in checkpoints."""
        sizes = self._sizes
        self.linear_62_bias_0 = nn.Parameter(torch.zeros(3 * sizes.heads * sizes.dim_head))
        self.linear_64_bias_0 = nn.Parameter(torch.zeros(sizes.dim))
        return self.linear_62_bias_0, self.linear_64_bias_0

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Some checkpoints hold the shared biases once, others again under every layer: both load."""
        roots = {"to_qkv.bias": f"{prefix}linear_62_bias_0", "to_out.0.bias": f"{prefix}linear_64_bias_0"}
        for key in self.state_dict(prefix=prefix):
            for ending, root in roots.items():
                if key.endswith(ending) and root in state_dict:
                    state_dict.setdefault(key, state_dict[root])
        super()._load_from_state_dict(state_dict, prefix, *rest)


class Block(nn.ModuleList):
    """One transformer over all vectors (where wanted), one along time, one across bands."""

    def __init__(
        self,
        config: RoformerConfig,
        time_rotary: "RotaryEmbedding",
        band_rotary: "RotaryEmbedding",
        *,
        biases: "_Biases",
        norm_output: bool,
    ) -> None:
        linear = [LinearAttention(config) for _ in range(config.linear_transformer_depth)]
        along_time = [Attention(config, time_rotary, biases) for _ in range(config.time_transformer_depth)]
        across_bands = [Attention(config, band_rotary, biases) for _ in range(config.freq_transformer_depth)]
        wanted: list[Sequence[nn.Module]] = [along_time, across_bands]
        if linear:
            wanted.insert(0, linear)
        super().__init__(Transformer(config, attentions, norm_output=norm_output) for attentions in wanted)

    def forward(self, x: torch.Tensor, heard: Sequence[torch.Tensor]) -> torch.Tensor:
        """(batch, column, band, feature) → the same shape; what earlier blocks gave, `heard`, is added on the way."""
        *linear, along_time, across_bands = self
        for transformer in linear:
            x = transformer(x.flatten(1, 2)).view(x.shape)
        for earlier in heard:
            x = x + earlier
        x = _on_sequences(along_time, x, axis=1)
        return _on_sequences(across_bands, x, axis=2)


def _on_sequences(transformer: nn.Module, x: torch.Tensor, axis: int) -> torch.Tensor:
    """Run `transformer` along `axis` of x (batch, column, band, feature), each of the other axis on its own."""
    other = 3 - axis
    at_once = x.shape[other]
    if x.device.type == "cpu" and not torch.is_grad_enabled():
        at_once = max(1, TOKENS_AT_ONCE // (x.shape[0] * x.shape[axis]))
    done = [_sequences_through(transformer, part, axis) for part in torch.split(x, at_once, dim=other)]
    return torch.cat(done, dim=other)


def _sequences_through(transformer: nn.Module, part: torch.Tensor, axis: int) -> torch.Tensor:
    upright = part.transpose(1, 2) if axis == 1 else part
    out: torch.Tensor = transformer(upright.flatten(0, 1)).view(upright.shape)
    return out.transpose(1, 2) if axis == 1 else out


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

    def __init__(self, config: RoformerConfig, rotary: RotaryEmbedding, biases: "_Biases") -> None:
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


_Biases = tuple[nn.Parameter, nn.Parameter] | None
