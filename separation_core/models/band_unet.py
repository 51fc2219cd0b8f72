"""A U-Net on folded frequency bands that shares the mix out among the stems: made for training on a few CPU cores.

Everything is chosen for quality per processor second. The network sees powers only, of both channels and of their
mean and half difference, so that it has nothing to learn about phase. Bins are folded into places, one bin each at
the bottom and several where pitch matters less, and it works on places throughout. What separates without learning
comes first: cues from running medians (harmonic and percussive, FitzGerald 2010; steady, FitzGerald & Gainza 2010) and
from the width of the stereo image weigh for or against each stem at each place, and are inputs of the network, which
learns the rest. It is made of strided convolutions down and back up (Jansson et al. 2017, ISMIR) with fully connected
layers along frequency (TFC-TDF; Choi et al., arXiv 1912.02591), in widths that processors compute at full speed. Batch
normalisations disappear into their convolutions at inference (`fused`). The shares of the stems in each cell sum to
one, and so the stems to the mix.

Training needs no waveform: errors of a share are known from powers and products of the mix's and the true stem's
spectrum, summed over the bins of a place. Tensors inside are (batch, channel, column, place).
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from separation_core.dsp.running_median import running_median
from separation_core.models.contract import ModelSpec
from separation_core.models.norm_folding import fold_normalisations
from separation_core.units import Hertz

QUIET = 1e-10
"""Mean power under which a mix is not amplified any further, so that silence stays silence."""
FAINT = 1e-8
"""Power, relative to the mix's mean, under which cells look alike."""
_SWIFT = 8.0
"""How much faster than the network the weights of cues and places are learned."""
VIEWS, CUES = 4, 5
_BRIEF = (1, 2, 5)
"""Reaches of the medians that part what lasts from what is broad: 8 columns or places on both sides, 0.2 s."""
_LONG = (12, 24)
"""Further reaches of the one that finds what is steady: 1 s on both sides."""
_MOST = 6.0
"""Nepers of power within which cues stay."""


@dataclass(frozen=True, slots=True)
class BandUNetConfig:
    """Sizes of the network.

    folds: (bins, bins a place) of each region from low to high; together all bins but the highest, which goes with its
    neighbour. widths: channels at each level; each level is half as long in time and frequency as the one before, so
    the number of places must be divisible by 2^(levels - 1). squeeze: factor by which the fully connected layers
    narrow. depth: blocks at the lowest level. segment, context: see `ModelSpec`.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    rate: int = 44100
    channels: int = 2
    window: int = 4096
    hop: int = 1024
    folds: tuple[tuple[int, int], ...] = ((256, 1), (512, 4), (1280, 10))
    widths: tuple[int, ...] = (16, 48, 96, 160, 256)
    squeeze: int = 8
    depth: int = 2
    segment: int = 352_256
    context: int = 0


class BandUNet(nn.Module):
    """The network; meets `Separator`. See the module's docstring."""

    def __init__(self, config: BandUNetConfig, *, name: str = "band-unet", version: str = "untrained") -> None:
        super().__init__()
        self.config = config
        self._names = (name, version)
        places = sum(bins // fold for bins, fold in config.folds)
        sizes = [(width, places >> level) for level, width in enumerate(config.widths)]
        stems, top = len(config.stems), config.widths[0]
        self.level = nn.BatchNorm1d(places)
        self.cue_level = nn.BatchNorm2d(CUES)
        self.entry = _convolution(VIEWS + CUES, top, 3)
        self.down = nn.ModuleList(_Block(*size, config.squeeze) for size in sizes[:-1])
        self.descend = nn.ModuleList(_convolution(a, b, 2, stride=2) for a, b in pairwise(config.widths))
        self.bottom = nn.Sequential(*[_Block(*sizes[-1], config.squeeze) for _ in range(config.depth)])
        self.ascend = nn.ModuleList(_doubling(b, a) for a, b in pairwise(config.widths))
        self.up = nn.ModuleList(_Block(*size, config.squeeze) for size in sizes[:-1])
        self.exit = nn.Conv2d(top, config.channels * stems, 1, bias=False)
        nn.init.zeros_(self.exit.weight)
        # Convolutions know nothing of where they are: this says what is high and low.
        self.position = nn.Parameter(0.3 * torch.randn(top, 1, places))
        # Whose a cell of each place usually is, and what the cues say. All zero: equal shares to begin with.
        self.prior = nn.Parameter(torch.zeros(stems, 1, 1, places))
        self.evidence = nn.Parameter(torch.zeros(stems, CUES, 1, places))
        # Convolutions whose channels lie innermost find their input as they need it.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack this form

    @property
    def spec(self) -> ModelSpec:
        """The network's facts as the engine needs them."""
        config = self.config
        name, version = self._names
        return ModelSpec(
            name, version, config.stems, Hertz(config.rate), config.channels, config.segment, config.context,
            any_length=True, half_safe=True,
        )  # fmt: skip

    def fused(self) -> "BandUNet":
        """A copy for inference with each normalisation folded into the convolution before it; same output."""
        return fold_normalisations(self)

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), float32, any length."""
        mix = mix.float()
        spectrum = self.analyse(mix)
        shares = self._to_bins(self.shares(spectrum))
        return self._synthesise(shares * spectrum[:, None], mix.shape[-1])

    def analyse(self, audio: torch.Tensor) -> torch.Tensor:
        """Spectra (…, column, bin) of waves (…, frame), of a mix or of stems."""
        window = self.config.window
        spectrum = torch.stft(
            audio.flatten(0, -2), window, self.config.hop, window=torch.hann_window(window, device=audio.device),
            center=True, pad_mode="constant", normalized=True, return_complex=True,
        )  # fmt: skip
        return spectrum.transpose(1, 2).view(*audio.shape[:-1], -1, window // 2 + 1)

    def by_place(self, cells: torch.Tensor) -> torch.Tensor:
        """Sums over the bins of each place, (…, column, bin) → (…, column, place); the highest bin is left out."""
        parts = torch.split(cells[..., :-1], [bins for bins, _ in self.config.folds], dim=-1)
        folds = [fold for _, fold in self.config.folds]
        return torch.cat([torch.unflatten(p, -1, (-1, fold)).sum(-1) for p, fold in zip(parts, folds, strict=True)], -1)

    def _to_bins(self, shares: torch.Tensor) -> torch.Tensor:
        """Shares (…, place) as (…, bin); the highest bin goes with its neighbour."""
        parts = torch.split(shares, [bins // fold for bins, fold in self.config.folds], dim=-1)
        folds = [fold for _, fold in self.config.folds]
        wide = [part.repeat_interleave(fold, dim=-1) for part, fold in zip(parts, folds, strict=True)]
        return torch.cat([*wide, shares[..., -1:]], dim=-1)

    def shares(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Each stem's share (batch, stem, channel, column, place) of a mix's spectrum (batch, channel, column, bin)."""
        views = self._views(spectrum)
        cues = self.cue_level(_measure_cues(views))
        levelled = self.level(views.flatten(0, 2)).view(views.shape)
        padding = -views.shape[2] % 2 ** (len(self.config.widths) - 1)
        inputs = nn.functional.pad(torch.cat([levelled, cues], dim=1), (0, 0, 0, padding))
        learned = self._network(inputs.contiguous(memory_format=torch.channels_last))[:, :, : views.shape[2]]
        known = (cues[:, None] * self.evidence).sum(dim=2, keepdim=True) + self.prior
        by_stem = torch.unflatten(learned.float(), 1, (len(self.config.stems), -1))
        shares: torch.Tensor = (by_stem + _SWIFT * known).softmax(dim=1)
        return shares

    @torch.no_grad()
    def soften(self, divisor: float) -> None:
        """Divide the logits of the shares for good, so that the network is less sure of them."""
        for weight in (self.exit.weight, self.prior, self.evidence):
            weight /= divisor

    def _network(self, x: torch.Tensor) -> torch.Tensor:
        x = self.entry(x) + self.position
        skips = []
        for block, descend in zip(self.down, self.descend, strict=True):
            x = block(x)
            skips.append(x)
            x = descend(x)
        x = self.bottom(x)
        for block, ascend in zip(reversed(self.up), reversed(self.ascend), strict=True):
            x = block(ascend(x) + skips.pop())
        logits: torch.Tensor = self.exit(x)
        return logits

    def _views(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Log powers (batch, view, column, place) of both channels, their mean and half difference; level aside."""
        first, last = spectrum[:, 0], spectrum[:, -1]
        views = torch.stack([first, last, (first + last) / 2, (first - last) / 2], dim=1)
        powers = self.by_place(torch.view_as_real(views).square().sum(-1))
        return (powers / powers.mean(dim=(1, 2, 3), keepdim=True).clamp_min(QUIET) + FAINT).log()

    def _synthesise(self, spectrum: torch.Tensor, frames: int) -> torch.Tensor:
        window = self.config.window
        audio = torch.istft(
            spectrum.flatten(0, 2).transpose(1, 2), window, self.config.hop,
            window=torch.hann_window(window, device=spectrum.device), center=True, normalized=True, length=frames,
        )  # fmt: skip
        return audio.view(*spectrum.shape[:3], frames)


def _measure_cues(views: torch.Tensor) -> torch.Tensor:
    """Cues (batch, cue, column, place) from log powers (batch, view, column, place), nepers bent to within ±_MOST:
    broad over lasting, lasting over the cell, broad over the cell, steady over lasting, side over middle."""
    cell = views[:, :2].logsumexp(dim=1)
    lasting, broad = running_median(cell, 1, _BRIEF), running_median(cell, 2, _BRIEF)
    steady = running_median(lasting, 1, _LONG)
    side = views[:, 3] - views[:, 2]
    ratios = torch.stack([broad - lasting, lasting - cell, broad - cell, steady - lasting, side], dim=1)
    return _MOST * torch.tanh(ratios / _MOST)


def _convolution(before: int, after: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    padding = kernel // 2 if stride == 1 else 0
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def _doubling(before: int, after: int) -> nn.Sequential:
    # A 1×1 convolution before plain repetition: no chequered pattern, as from transposed convolutions.
    return nn.Sequential(*_convolution(before, after, 1), nn.Upsample(scale_factor=2))


class _Block(nn.Module):
    """A convolution, a fully connected detour along frequency, a convolution; residual."""

    def __init__(self, channels: int, places: int, squeeze: int) -> None:
        super().__init__()
        narrow = max(16, places // squeeze)
        self.first = _convolution(channels, channels, 3)
        self.squeeze = nn.Parameter(torch.randn(narrow, places) * places**-0.5)
        self.spread = nn.Parameter(torch.randn(places, narrow) * narrow**-0.5)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, column, place) → the same shape."""
        y = self.first(x)
        y = y + self.norm(self._along_frequency(y))
        return torch.relu(x + self.second(y))

    def _along_frequency(self, y: torch.Tensor) -> torch.Tensor:
        """Places → narrow → places, the same for every channel and column."""
        narrow = torch.matmul(self.squeeze, y.permute(0, 2, 3, 1)).relu()
        return torch.matmul(self.spread, narrow).permute(0, 3, 1, 2)
