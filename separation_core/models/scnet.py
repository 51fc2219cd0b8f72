"""SCNet, the sparse compression network for music source separation (Tong et al., arXiv 2401.13276).

Parameter names and shapes are those of the published networks (github.com/starrytong/SCNet, and the copy in
ZFTurbo/Music-Source-Separation-Training), so that published checkpoints load by name. The spectrogram is taken with a
*rectangular* window, as the published networks do.

The spectrum is split into a low, a middle and a high band; each encoder layer keeps the low band's bins and packs the
others by 4 and by 16, dual-path LSTMs work on the packed bins, and the decoder mirrors the encoder.
Tensors inside are (batch, channel, bin, column).
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class ScnetConfig:
    """Sizes of an SCNet. The defaults are the published base network (10 578 768 parameters).

    dims: channels of the spectrogram (twice the audio channels) and after each encoder layer. band_shares: fractions
    of the bins in the three bands. band_strides, band_kernels: how each band is packed. conv_depths: residual modules
    a band. paths: dual-path layers. expand: LSTM width over channels. normalise: whether the spectrogram is brought to
    zero mean and unit spread and back (the authors' code does, ZFTurbo's copy does not). segment, context: see
    `ModelSpec`.
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
    segment: int = 485_100
    context: int = 0


class Scnet(nn.Module):
    """The network; meets `Separator`. See the module's docstring."""

    def __init__(self, config: ScnetConfig, *, name: str = "scnet", version: str = "untrained") -> None:
        super().__init__()
        self.config = config
        self._names = (name, version)
        steps = list(pairwise(config.dims))
        outs = [config.dims[0] * len(config.stems), *config.dims[1:-1]]
        self.encoder = nn.ModuleList(_EncoderLayer(config, before, after) for before, after in steps)
        self.separation_net = _DualPaths(config.dims[-1], config.paths, config.expand)
        self.decoder = nn.ModuleList(
            _DecoderLayer([_Fusion(after), _Unpacking(config, after, out)])
            for (_, after), out in reversed(list(zip(steps, outs, strict=True)))
        )

    @property
    def spec(self) -> ModelSpec:
        """The network's facts as the engine needs them."""
        config = self.config
        name, version = self._names
        rate = Hertz(config.rate)
        return ModelSpec(name, version, config.stems, rate, config.channels, config.segment, config.context)

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), float32, any length."""
        frames = mix.shape[-1]
        spectrum = self._analyse(nn.functional.pad(mix.float(), (0, self._padding(frames))))
        stems = self._normalised(spectrum) if self.config.normalise else self._stems(spectrum)
        return self._synthesise(stems)[..., :frames]

    def _normalised(self, spectrum: torch.Tensor) -> torch.Tensor:
        spread, mean = torch.std_mean(spectrum, dim=(1, 2, 3), keepdim=True)
        return self._stems((spectrum - mean) / (spread + EPSILON)) * spread[:, None] + mean[:, None]

    def _stems(self, spectrum: torch.Tensor) -> torch.Tensor:
        """(batch, 2·channel, bin, column) → (batch, stem, 2·channel, bin, column)."""
        separated = self._separate(spectrum).float()
        batch, _, bins, columns = separated.shape
        return separated.view(batch, len(self.config.stems), -1, bins, columns)

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

    def _separate(self, x: torch.Tensor) -> torch.Tensor:
        skips: list[tuple[torch.Tensor, list[int], list[int]]] = []
        for layer in self.encoder:
            x, skip, packed, bins = layer(x)
            skips.append((skip, packed, bins))
        x = self.separation_net(x)
        for layer in self.decoder:
            skip, packed, bins = skips.pop()
            x = layer(x, skip, packed, bins)
        return x

    def _analyse(self, audio: torch.Tensor) -> torch.Tensor:
        """(batch, channel, frame) → (batch, 2·channel, bin, column), real and imaginary parts one after another."""
        config = self.config
        spectrum = torch.stft(
            audio.flatten(0, 1), config.window, config.hop, window=self._window(audio), center=True,
            normalized=config.scaled_stft, return_complex=True,
        )  # fmt: skip
        parts = torch.view_as_real(spectrum).movedim(-1, 1)
        return parts.reshape(audio.shape[0], -1, *parts.shape[2:])

    def _synthesise(self, stems: torch.Tensor) -> torch.Tensor:
        """(batch, stem, 2·channel, bin, column) → (batch, stem, channel, frame)."""
        config = self.config
        parts = stems.view(*stems.shape[:2], config.channels, 2, *stems.shape[3:]).movedim(3, -1).contiguous()
        spectrum = torch.view_as_complex(parts)
        audio = torch.istft(
            spectrum.flatten(0, 2), config.window, config.hop, window=self._window(stems), center=True,
            normalized=config.scaled_stft,
        )  # fmt: skip
        return audio.view(*spectrum.shape[:3], -1)

    def _window(self, like: torch.Tensor) -> torch.Tensor:
        return torch.ones(self.config.window, device=like.device)


class _EncoderLayer(nn.Module):
    """Pack each band, refine it along time, then let the bands see each other."""

    def __init__(self, config: ScnetConfig, before: int, after: int) -> None:
        super().__init__()
        self.SDlayer = _Packing(config, before, after)
        self.conv_modules = nn.ModuleList(_TimeConvolutions(config, after, depth) for depth in config.conv_depths)
        self.globalconv = nn.Conv2d(after, after, 3, padding=1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list[int], list[int]]:
        """Output, skip connection, and each band's bins after and before packing."""
        bands, bins = self.SDlayer(x)
        refined = [nn.functional.gelu(module(band)) for module, band in zip(self.conv_modules, bands, strict=True)]
        skip = torch.cat(refined, dim=2)
        return self.globalconv(skip), skip, [band.shape[2] for band in refined], bins


class _Packing(nn.Module):
    """One strided convolution over the bins of each band."""

    def __init__(self, config: ScnetConfig, before: int, after: int) -> None:
        super().__init__()
        self._shares, self._strides, self._kernels = config.band_shares, config.band_strides, config.band_kernels
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, (kernel, 1), (stride, 1))
            for kernel, stride in zip(self._kernels, self._strides, strict=True)
        )

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], list[int]]:
        """The packed bands and how many bins each had."""
        low = math.ceil(x.shape[2] * self._shares[0])
        middle = math.ceil(x.shape[2] * (self._shares[0] + self._shares[1]))
        bands = torch.tensor_split(x, (low, middle), dim=2)
        sizes = zip(bands, self._strides, self._kernels, strict=True)
        padded = [_pad_bins(band, stride, kernel) for band, stride, kernel in sizes]
        packed = [conv(band) for conv, band in zip(self.convs, padded, strict=True)]
        return packed, [band.shape[2] for band in bands]


def _pad_bins(band: torch.Tensor, stride: int, kernel: int) -> torch.Tensor:
    missing = kernel - 1 if stride == 1 else -band.shape[2] % stride
    return nn.functional.pad(band, (0, 0, missing // 2, missing - missing // 2))


class _TimeConvolutions(nn.Module):
    """Residual modules of gated and depthwise convolutions along time, each bin on its own."""

    def __init__(self, config: ScnetConfig, channels: int, depth: int) -> None:
        super().__init__()
        hidden, kernel = channels // config.compress, config.conv_kernel
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, channels),
                nn.Conv1d(channels, 2 * hidden, kernel, padding=kernel // 2),
                nn.GLU(1),
                nn.Conv1d(hidden, hidden, kernel, padding=kernel // 2, groups=hidden),
                nn.GroupNorm(1, hidden),
                nn.SiLU(),
                nn.Conv1d(hidden, channels, 1),
            )
            for _ in range(depth)
        )

    def forward(self, band: torch.Tensor) -> torch.Tensor:
        """(batch, channel, bin, column) → the same shape."""
        batch, _, bins, _ = band.shape
        x = band.transpose(1, 2).flatten(0, 1)
        for layer in self.layers:
            x = x + layer(x)
        return x.view(batch, bins, *x.shape[1:]).transpose(1, 2)


class _DecoderLayer(nn.ModuleList):
    """Fusion with the skip connection, then unpacking."""

    def forward(self, x: torch.Tensor, skip: torch.Tensor, packed: list[int], bins: list[int]) -> torch.Tensor:
        """The encoder layer's shapes, backwards."""
        fusion, unpacking = self
        out: torch.Tensor = unpacking(fusion(x, skip), packed, bins)
        return out


class _Fusion(nn.Module):
    """Add the skip connection and gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Two tensors of one shape → that shape."""
        return nn.functional.glu(self.conv((x + skip).repeat(1, 2, 1, 1)), dim=1)


class _Unpacking(nn.Module):
    """One transposed convolution over the bins of each band, trimmed to the bins it had."""

    def __init__(self, config: ScnetConfig, before: int, after: int) -> None:
        super().__init__()
        self.convtrs = nn.ModuleList(
            nn.ConvTranspose2d(before, after, (kernel, 1), (stride, 1))
            for kernel, stride in zip(config.band_kernels, config.band_strides, strict=True)
        )

    def forward(self, x: torch.Tensor, packed: list[int], bins: list[int]) -> torch.Tensor:
        """Bands of `packed` bins each → bands of `bins` bins, one above the other."""
        bands = [conv(band) for conv, band in zip(self.convtrs, torch.split(x, packed, dim=2), strict=True)]
        return torch.cat([_trim_bins(band, count) for band, count in zip(bands, bins, strict=True)], dim=2)


def _trim_bins(band: torch.Tensor, bins: int) -> torch.Tensor:
    start = (band.shape[2] - bins) // 2
    return band[:, :, start : start + bins]


class _DualPaths(nn.Module):
    """Dual-path layers that work in turn on columns and on their Fourier transform along time."""

    def __init__(self, channels: int, paths: int, expand: int) -> None:
        super().__init__()
        self.dp_modules = nn.ModuleList(_DualPath(channels * (1 + layer % 2), expand) for layer in range(paths))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, bin, column) with an even number of columns → the same shape."""
        for layer, module in enumerate(self.dp_modules):
            x = module(x)
            # Half precision has no complex numbers, and a transform over seconds needs the digits.
            x = _from_modulation(x.float()) if layer % 2 else _to_modulation(x.float())
        return x


def _to_modulation(x: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft(x, dim=3, norm="ortho")
    return torch.cat([spectrum.real, spectrum.imag], dim=1)


def _from_modulation(x: torch.Tensor) -> torch.Tensor:
    real, imaginary = x.chunk(2, dim=1)
    out: torch.Tensor = torch.fft.irfft(torch.complex(real, imaginary), dim=3, norm="ortho")
    return out


class _DualPath(nn.Module):
    """A bidirectional LSTM along the bins of each column, then one along the columns of each bin."""

    def __init__(self, channels: int, expand: int) -> None:
        super().__init__()
        width = channels * expand
        self.lstm_layers = nn.ModuleList(
            nn.LSTM(channels, width, batch_first=True, bidirectional=True) for _ in range(2)
        )
        self.linear_layers = nn.ModuleList(nn.Linear(2 * width, channels) for _ in range(2))
        self.norm_layers = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, bin, column) → the same shape."""
        x = x + self._along(0, x.transpose(2, 3)).transpose(2, 3)
        return x + self._along(1, x)

    def _along(self, path: int, x: torch.Tensor) -> torch.Tensor:
        """Run one path along the last axis."""
        sequences = self.norm_layers[path](x).permute(0, 2, 3, 1)
        hidden, _ = self.lstm_layers[path](sequences.flatten(0, 1))
        mapped: torch.Tensor = self.linear_layers[path](hidden)
        return mapped.view(*sequences.shape[:2], *mapped.shape[1:]).permute(0, 3, 1, 2)
