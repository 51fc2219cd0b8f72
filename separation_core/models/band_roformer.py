"""What the band-split RoFormers share: everything around the choice of bands.

A spectrum is cut into bands of neighbouring bins, each band of each column becomes one vector, transformers with
rotary positions (Su et al., arXiv 2104.09864) run in turn along time within a band and across the bands of a column,
and a small network per band turns the vectors into a complex mask (Lu et al., arXiv 2309.02612).

Parameter names and shapes are those of ZFTurbo/Music-Source-Separation-Training, whose checkpoints circulate.
Vectors inside are (batch, column, band, feature), spectra (batch, column, bin, channel).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.contract import ModelSpec
from separation_core.models.roformer_bands import BandSplit, MaskEstimator
from separation_core.models.roformer_config import RoformerConfig
from separation_core.models.roformer_layers import (
    Attention,
    Biases,
    LinearAttention,
    RmsNorm,
    RotaryEmbedding,
    Transformer,
)
from separation_core.units import Hertz

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
        time_rotary: RotaryEmbedding,
        band_rotary: RotaryEmbedding,
        *,
        biases: Biases,
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
