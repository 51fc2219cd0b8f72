"""SCNet, the sparse compression network for music source separation (Tong et al., arXiv 2401.13276).

Parameter names and shapes are those of the published networks (github.com/starrytong/SCNet, and the copies in
ZFTurbo/Music-Source-Separation-Training), so that published checkpoints load by name.

The spectrum is split into a low, a middle and a high band; each encoder layer keeps the low band's bins and packs the
others by 4 and by 16, dual-path LSTMs work on the packed bins, and the decoder mirrors the encoder. What comes out are
the stems' spectrograms or, in the masked variant, complex masks on the mix's.
Tensors inside are (batch, bin, column, channel).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from separation_core.errors import ModelError
from separation_core.models.channels_last import (
    BINS,
    bands,
    convolve,
    joined,
    lay_out_weights,
    pointwise,
    window,
)
from separation_core.models.contract import ModelSpec
from separation_core.models.scnet_layers import Band, DecoderLayer, DualPaths, EncoderLayer, Skip
from separation_core.models.scnet_spectrum import ScnetSpectrum, as_complex
from separation_core.units import Hertz

EPSILON = 1e-5
MASK_CHANNELS = 64
"""Channels between the two convolutions that make masks."""


@dataclass(frozen=True, slots=True)
class ScnetConfig:
    """Sizes of an SCNet. The defaults are the published base network (10 578 768 parameters).

    dims: channels of the spectrogram (twice the audio channels) and after each encoder layer. band_shares: fractions
    of the bins in the three bands. band_strides, band_kernels: how each band is packed. conv_depths: residual modules
    a band. paths: dual-path layers, an even number. expand: LSTM width over channels. normalise: whether the
    spectrogram is brought to zero mean and unit spread and back (the authors' code does, ZFTurbo's copies do not).
    masked: the variant that ends in masks, knows its bins by an offset each, and takes the spectrogram with a Hann
    window. segment, context: see `ModelSpec`.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    rate: int = 44100
    channels: int = 2
    dims: tuple[int, ...] = (4, 32, 64, 128)
    window: int = 4096
    hop: int = 1024
    scaled_stft: bool = True
    band_shares: tuple[float, ...] = (0.175, 0.392, 0.433)
    band_strides: tuple[int, ...] = (1, 4, 16)
    band_kernels: tuple[int, ...] = (3, 4, 16)
    conv_depths: tuple[int, ...] = (3, 2, 1)
    compress: int = 4
    conv_kernel: int = 3
    paths: int = 6
    expand: int = 1
    normalise: bool = True
    masked: bool = False
    segment: int = 485_100
    context: int = 0

    def __post_init__(self) -> None:
        if self.masked and self.normalise:
            raise ModelError("a masked SCNet hears the spectrogram as it is: set normalise to false")
        if self.paths < 2 or self.paths % 2:
            # Every second one undoes the doubling of channels that the one before it begins.
            raise ModelError(f"SCNet cannot have {self.paths} dual-path layers: choose an even number")

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands from low to high."""
        each = zip(self.band_shares, self.band_strides, self.band_kernels, self.conv_depths, strict=True)
        return tuple(Band(*sizes) for sizes in each)


class Scnet(nn.Module):
    """The network; meets `Separator`. See the module's docstring."""

    def __init__(self, config: ScnetConfig, *, name: str = "scnet", version: str = "untrained") -> None:
        super().__init__()
        self.config = config
        self._names = (name, version)
        self._spectrum = ScnetSpectrum(config.window, config.hop, config.scaled_stft, config.masked)
        steps = list(pairwise(config.dims))
        outs = [config.dims[0] * len(config.stems), *config.dims[1:-1]]
        self.encoder = nn.ModuleList(
            EncoderLayer(config.bands, before, after, hidden=after // config.compress, taps=config.conv_kernel)
            for before, after in steps
        )
        self.separation_net = DualPaths(config.dims[-1], config.paths, config.expand)
        self.decoder = nn.ModuleList(
            DecoderLayer(config.bands, after, out) for (_, after), out in reversed(list(zip(steps, outs, strict=True)))
        )
        if config.masked:
            self.pos_embed_f = nn.Parameter(torch.empty(1, config.dims[0], self._spectrum.bins, 1))
            nn.init.trunc_normal_(self.pos_embed_f, std=0.02)
            self.mask_layer = _mask_layer(outs[0])
        lay_out_weights(self)

    @property
    def spec(self) -> ModelSpec:
        """The network's facts as the engine needs them."""
        config = self.config
        name, version = self._names
        rate = Hertz(config.rate)
        return ModelSpec(
            name, version, config.stems, rate, config.channels, config.segment, config.context, any_length=True
        )

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As ever, and lay the weights out anew: those assigned come as their file has them."""
        loaded = super().load_state_dict(state_dict, strict, assign)
        lay_out_weights(self)
        return loaded

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), float32, any length."""
        frames = mix.shape[-1]
        spectrum = self._spectrum.forward(functional.pad(mix.float(), (0, self._padding(frames))))
        # Stem by stem: all at once would take several times the memory.
        stems = [self._spectrum.inverse(stem) for stem in self._stems(spectrum)]
        return torch.stack(stems, dim=1)[..., :frames]

    def _padding(self, frames: int) -> int:
        """At least one frame up to the next hop, such that the number of columns (hops + 1) is even."""
        hop = self.config.hop
        padding = hop - frames % hop
        if (frames + padding) // hop % 2 == 0:
            padding += hop
        # The transform mirrors half a window at the edges, which a shorter block does not have.
        while frames + padding <= self.config.window // 2:
            padding += 2 * hop
        return padding

    def _stems(self, spectrum: torch.Tensor) -> Iterator[torch.Tensor]:
        """Each stem's spectrogram, shaped as the mix's (batch, bin, column, 2·channel)."""
        if self.config.masked:
            return self._masked_stems(spectrum)
        if self.config.normalise:
            return self._levelled_stems(spectrum)
        return iter(self._separate(spectrum).float().chunk(len(self.config.stems), dim=3))

    def _levelled_stems(self, spectrum: torch.Tensor) -> Iterator[torch.Tensor]:
        mean = spectrum.mean(dim=(1, 2, 3), keepdim=True)
        centred = spectrum - mean
        spread = (centred.square().sum(dim=(1, 2, 3), keepdim=True) / (centred[0].numel() - 1)).sqrt()
        separated = self._separate(centred / (spread + EPSILON)).float()
        for stem in separated.chunk(len(self.config.stems), dim=3):
            yield torch.addcmul(mean, stem, spread)

    def _masked_stems(self, spectrum: torch.Tensor) -> Iterator[torch.Tensor]:
        separated = self._separate(spectrum + self.pos_embed_f.permute(0, 2, 3, 1))
        spans = bands(separated, BINS, separated.shape[BINS], MASK_CHANNELS)
        parts = (self._masks(window(separated, BINS, start - 1, stop + 1)) for start, stop in spans)
        for mask in joined(parts, BINS).float().chunk(len(self.config.stems), dim=3):
            yield torch.view_as_real(as_complex(mask) * as_complex(spectrum)).flatten(3)

    def _masks(self, x: torch.Tensor) -> torch.Tensor:
        """The masks' real and imaginary parts, from −1 to 1, for (batch, bin, column, channel) but the outer bins."""
        first, _, second, _ = cast(Any, self.mask_layer)
        inner = functional.gelu(convolve(x, first.weight, first.bias, padding=(0, 1)))
        return pointwise(inner, second.weight, second.bias).tanh()

    def _separate(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, bin, column, 2·channel) → (batch, bin, column, stem·2·channel)."""
        skips: list[Skip] = []
        for encode in self.encoder:
            x, skip = encode(x)
            skips.append(skip)
        x = self.separation_net(x)
        for decode in self.decoder:
            x = decode(x, skips.pop())
        return x


def _mask_layer(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, MASK_CHANNELS, 3, padding=1),
        nn.GELU(),
        nn.Conv2d(MASK_CHANNELS, channels, 1),
        nn.Tanh(),
    )
