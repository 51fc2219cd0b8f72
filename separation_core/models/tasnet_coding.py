"""Meta-TasNet's way from sound to a latent and back; see `models.meta_tasnet`."""

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.tasnet_config import EPSILON, MetaTasnetConfig


def window_of(rate: int) -> int:
    """Frames of the spectrogram's window at that rate: 128 ms at multiples of 8 kHz."""
    return 1024 * (rate // 8000)


class Encoder(nn.Module):
    """Learned filters of several lengths beside a learned mel spectrogram, mixed by two layers."""

    def __init__(self, config: MetaTasnetConfig, stage: int) -> None:
        super().__init__()
        latent, length, stride = (size * 2**stage for size in (config.N, config.L, config.W))
        self.spectrogram = _Spectrogram(config.num_mels, config.rates[stage])
        self.filters = nn.ModuleList(
            nn.Conv1d(1, latent // 4, width, stride, padding=(width - stride) // 2, bias=False)
            for width in (length * 2**index for index in range(config.filters))
        )
        mixed = config.num_mels + config.filters * (latent // 4)
        self.bottleneck = nn.Sequential(
            nn.Conv1d(mixed, latent, 1, bias=False), nn.ReLU(), nn.Conv1d(latent, latent, 1, bias=False)
        )

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Latent (batch, N, column) of `mix` (batch, frame)."""
        # Rows are ordered by filter first and its length second, as the published weights expect.
        heard = torch.stack([band(mix[:, None]) for band in self.filters], dim=2).flatten(1, 2).relu_()
        heard = torch.cat([heard, self.spectrogram(mix, heard.shape[-1])], dim=1)
        first, second = (self.bottleneck.get_parameter(f"{layer}.weight")[..., 0] for layer in (0, 2))
        return second @ (first @ heard).relu_()


class _Spectrogram(nn.Module):
    """Normalised log power spectrogram, mapped to bands by a learned matrix."""

    def __init__(self, bands: int, rate: int) -> None:
        super().__init__()
        window = window_of(rate)
        bins = window // 2 + 1
        self.hop = window // 4
        self.window = nn.Parameter(torch.hann_window(window), requires_grad=False)
        self.mel_transform = nn.Conv1d(bins, bands, 1)
        self.mean = nn.Parameter(torch.zeros(1, bins, 1), requires_grad=False)
        self.std = nn.Parameter(torch.ones(1, bins, 1), requires_grad=False)
        self.affine_bias = nn.Parameter(torch.zeros(1, bins, 1))
        self.affine_scale = nn.Parameter(torch.ones(1, bins, 1))

    def forward(self, mix: torch.Tensor, columns: int) -> torch.Tensor:
        """(batch, frame) → (batch, band, column), stretched to so many columns."""
        spectrum = torch.stft(
            mix, len(self.window), self.hop, window=self.window, center=True, pad_mode="reflect", return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(-1)
        seen = (torch.log10(power + EPSILON) - self.mean) / self.std * self.affine_scale + self.affine_bias
        return functional.interpolate(self.mel_transform(seen), columns, mode="linear", align_corners=True)


class Decoder(nn.Module):
    """Back from latents to sound: filters of several lengths, overlapped and summed."""

    def __init__(self, config: MetaTasnetConfig, stage: int) -> None:
        super().__init__()
        latent, length, stride = (size * 2**stage for size in (config.N, config.L, config.W))
        self.stride = stride
        self.widths = [latent // 2 ** (index + 1) for index in range(config.filters)]
        self.bottleneck = nn.Sequential(nn.ConvTranspose1d(latent, sum(self.widths), 1, bias=False), nn.ReLU())
        self.filters = nn.ModuleList(
            nn.ConvTranspose1d(width, 1, length * 2**index, stride, bias=False)
            for index, width in enumerate(self.widths)
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(batch, instrument, N, column) → (batch, instrument, frame), one instrument at a time to save memory."""
        return torch.stack([self._decode(latent) for latent in latents.unbind(1)], dim=1)

    def _decode(self, latent: torch.Tensor) -> torch.Tensor:
        bottleneck = self.bottleneck.get_parameter("0.weight")[..., 0]
        parts = torch.split((bottleneck.T @ latent).relu_(), self.widths, dim=1)
        kernels = [self.filters.get_parameter(f"{index}.weight")[:, 0].T for index in range(len(parts))]
        return torch.stack([self._overlap(kernel @ part) for kernel, part in zip(kernels, parts, strict=True)]).sum(0)

    def _overlap(self, pieces: torch.Tensor) -> torch.Tensor:
        """Add pieces (batch, length, column), a stride apart, into (batch, frame) with the overhang cut off."""
        length, columns = pieces.shape[1:]
        overhang = (length - self.stride) // 2
        whole = (columns - 1) * self.stride + length
        added = functional.fold(pieces, (1, whole), (1, length), stride=(1, self.stride))
        return added[:, 0, 0, overhang : whole - overhang]
