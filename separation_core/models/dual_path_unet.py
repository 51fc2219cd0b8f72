"""A time-frequency U-Net with a dual-path bottleneck, small enough to run many times faster than real time.

Our own network, out of published parts: convolutions over time and frequency with fully connected layers along
frequency (TFC-TDF; Choi et al., arXiv 1912.02591; Kim et al., arXiv 2306.09382), LSTMs along frequency and time where
the picture is smallest (dual path; Chen et al., arXiv 2309.08684), frequency bands folded into channels so that
convolutions see few bins, and complex masks on the mix's spectrum.

Batch normalisation and a power-law compressed input keep it quick to train and let every normalisation disappear into
its convolution at inference (`fused`). Tensors inside are (batch, channel, column, bin).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from separation_core.models.contract import ModelSpec
from separation_core.models.norm_folding import fold_normalisations
from separation_core.units import Hertz

QUIET = 1e-5
"""RMS under which a mix is not amplified any further, so that silence stays silence."""


@dataclass(frozen=True, slots=True)
class DualPathUNetConfig:
    """Sizes of the network.

    bands: frequency bands folded into channels; window/2/bands must be divisible by 2^levels. width, growth: channels
    at the top and added a level. levels: halvings of time and frequency. convolutions: convolutions a group, two
    groups a block. squeeze: factor by which the fully connected layers narrow. paths, hidden: dual-path layers and
    their LSTM width. compression: exponent on the input's magnitudes. segment, context: see `ModelSpec`.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    rate: int = 44100
    channels: int = 2
    window: int = 4096
    hop: int = 1024
    bands: int = 4
    width: int = 32
    growth: int = 32
    levels: int = 3
    convolutions: int = 2
    squeeze: int = 8
    paths: int = 4
    hidden: int = 96
    compression: float = 0.4
    segment: int = 352_256
    context: int = 0


class DualPathUNet(nn.Module):
    """The network; meets `Separator`. See the module's docstring."""

    def __init__(self, config: DualPathUNetConfig, *, name: str = "dual-path-unet", version: str = "untrained") -> None:
        super().__init__()
        self.config = config
        self._names = (name, version)
        inputs = 2 * config.channels * config.bands
        widths = [config.width + config.growth * level for level in range(config.levels + 1)]
        bins = [config.window // 2 // config.bands // 2**level for level in range(config.levels + 1)]
        self.entry = _convolution(inputs, widths[0], 1)
        self.down = nn.ModuleList(_Block(config, w, w, f) for w, f in zip(widths[:-1], bins[:-1], strict=True))
        self.descend = nn.ModuleList(_halving(a, b) for a, b in pairwise(widths))
        self.bottom = _Block(config, widths[-1], widths[-1], bins[-1])
        self.paths = nn.ModuleList(_DualPath(widths[-1], config.hidden) for _ in range(config.paths))
        self.ascend = nn.ModuleList(_doubling(b, a) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_Block(config, 2 * w, w, f) for w, f in zip(widths[:-1], bins[:-1], strict=True))
        self.join = _convolution(widths[0] + inputs, 2 * widths[0], 1)
        self.masks = nn.Conv2d(2 * widths[0], inputs * len(config.stems), 1)

    @property
    def spec(self) -> ModelSpec:
        """The network's facts as the engine needs them."""
        config = self.config
        name, version = self._names
        rate = Hertz(config.rate)
        return ModelSpec(
            name,
            version,
            config.stems,
            rate,
            config.channels,
            config.segment,
            config.context,
            any_length=True,
            half_safe=True,
        )

    def fused(self) -> "DualPathUNet":
        """A copy for inference with each normalisation folded into the convolution before it; same output."""
        return fold_normalisations(self)

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), float32, any length."""
        frames = mix.shape[-1]
        mix = mix.float()
        scale = mix.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(QUIET)
        spectrum = self._analyse(mix / scale)
        masks = self._masks(spectrum)
        return self._synthesise(masks * spectrum[:, None], frames) * scale[:, None]

    def _masks(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Complex masks (batch, stem, channel, bin, column) for a spectrum (batch, channel, bin, column)."""
        folded, columns = self._fold(spectrum)
        unfolded = self._unfold(self._network(folded).float())[..., :columns]
        # The highest of an odd number of bins has no place in the bands; it takes its neighbour's mask.
        return torch.cat([unfolded, unfolded[..., -1:, :]], dim=-2)

    def _network(self, folded: torch.Tensor) -> torch.Tensor:
        x = self.entry(folded)
        skips = []
        for block, descend in zip(self.down, self.descend, strict=True):
            x = block(x)
            skips.append(x)
            x = descend(x)
        x = self.bottom(x)
        for path in self.paths:
            x = path(x)
        for block, ascend in zip(reversed(self.up), reversed(self.ascend), strict=True):
            x = block(torch.cat([ascend(x), skips.pop()], dim=1))
        masks: torch.Tensor = self.masks(self.join(torch.cat([x, folded], dim=1)))
        return masks

    def _fold(self, spectrum: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Compressed real and imaginary parts as (batch, channel·part·band, column, bin), columns padded to fit."""
        columns = spectrum.shape[-1]
        size = spectrum.abs().clamp_min(1e-6)
        parts = torch.view_as_real(spectrum * size ** (self.config.compression - 1))[:, :, :-1]
        by_column = parts.permute(0, 1, 4, 3, 2)
        banded = by_column.reshape(*by_column.shape[:-1], self.config.bands, -1).permute(0, 1, 2, 4, 3, 5)
        padded = nn.functional.pad(banded.flatten(1, 3), (0, 0, 0, -columns % 2**self.config.levels))
        return padded, columns

    def _unfold(self, masks: torch.Tensor) -> torch.Tensor:
        config = self.config
        shape = (len(config.stems), config.channels, 2, config.bands)
        parts = masks.view(masks.shape[0], *shape, *masks.shape[2:])
        return torch.view_as_complex(parts.permute(0, 1, 2, 4, 6, 5, 3).flatten(3, 4).contiguous())

    def _analyse(self, audio: torch.Tensor) -> torch.Tensor:
        window, hop = self.config.window, self.config.hop
        flat = audio.flatten(0, 1)
        spectrum = torch.stft(
            flat, window, hop, window=self._window(audio), center=True, pad_mode="constant", normalized=True,
            return_complex=True,
        )  # fmt: skip
        return spectrum.view(*audio.shape[:2], *spectrum.shape[1:])

    def _synthesise(self, spectrum: torch.Tensor, frames: int) -> torch.Tensor:
        window, hop = self.config.window, self.config.hop
        hann = self._window(spectrum.real)
        audio = torch.istft(
            spectrum.flatten(0, 2), window, hop, window=hann, center=True, normalized=True, length=frames
        )
        return audio.view(*spectrum.shape[:3], frames)

    def _window(self, like: torch.Tensor) -> torch.Tensor:
        return torch.hann_window(self.config.window, device=like.device)


def _convolution(before: int, after: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(after), nn.SiLU()
    )


def _halving(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 2, stride=2, bias=False), nn.BatchNorm2d(after), nn.SiLU())


def _doubling(before: int, after: int) -> nn.Sequential:
    # A 1×1 convolution before plain repetition: no chequered pattern, as from transposed convolutions.
    return nn.Sequential(
        nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.SiLU(), nn.Upsample(scale_factor=2)
    )


class _Block(nn.Module):
    """Convolutions, a fully connected detour along frequency, convolutions; residual."""

    def __init__(self, config: DualPathUNetConfig, before: int, after: int, bins: int) -> None:
        super().__init__()
        first = [_convolution(before if index == 0 else after, after, 3) for index in range(config.convolutions)]
        self.first = nn.Sequential(*first)
        self.along_frequency = _FrequencyLayers(after, bins, max(8, bins // config.squeeze))
        self.second = nn.Sequential(*[_convolution(after, after, 3) for _ in range(config.convolutions)])
        self.shortcut = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, before, column, bin) → (batch, after, column, bin)."""
        y = self.first(x)
        y = y + self.along_frequency(y)
        out: torch.Tensor = self.shortcut(x) + self.second(y)
        return out


class _FrequencyLayers(nn.Module):
    """Fully connected layers along frequency, the same for every channel and column: bins → narrow → bins."""

    def __init__(self, channels: int, bins: int, narrow: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(bins, narrow, bias=False)
        self.squeeze_norm = nn.BatchNorm2d(channels)
        self.spread = nn.Linear(narrow, bins, bias=False)
        self.spread_norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, column, bin) → the same shape."""
        narrow = nn.functional.silu(self.squeeze_norm(self.squeeze(x)))
        spread: torch.Tensor = nn.functional.silu(self.spread_norm(self.spread(narrow)))
        return spread


class _DualPath(nn.Module):
    """A bidirectional LSTM along the bins of each column, then one along the columns of each bin; residual."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.lstms = nn.ModuleList(nn.LSTM(channels, hidden, batch_first=True, bidirectional=True) for _ in range(2))
        self.outs = nn.ModuleList(nn.Linear(2 * hidden, channels) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, column, bin) → the same shape."""
        y = x.permute(0, 2, 3, 1)
        y = y + self._along(0, y)
        y = y.transpose(1, 2)
        y = y + self._along(1, y)
        return y.permute(0, 3, 2, 1)

    def _along(self, path: int, y: torch.Tensor) -> torch.Tensor:
        """Run one path along the third of (batch, sequence, step, channel)."""
        hidden, _ = self.lstms[path](self.norms[path](y).flatten(0, 1))
        mapped: torch.Tensor = self.outs[path](hidden)
        return mapped.view(*y.shape[:2], *mapped.shape[1:])
