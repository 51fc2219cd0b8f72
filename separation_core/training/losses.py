"""What a network is trained to make small: errors of wave and spectrum, and leaks into silent stems."""

from dataclasses import dataclass

import torch

SILENT = 1e-8
"""Mean square under which a true stem counts as silent."""
FLOOR = 1e-3
"""Leaks this far under the mix's energy (−30 dB) stop mattering gradually."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """wave: L1 of the waveform. spectrum: L1 of the complex spectrum, averaged over `windows` (frames). square: root
    mean square error of the waveform. silence: leak into silent stems, per 10 dB (Wisdom et al., arXiv 2011.00803)."""

    wave: float = 1.0
    spectrum: float = 1.0
    square: float = 0.0
    silence: float = 0.005
    windows: tuple[int, ...] = (512, 1024, 2048, 4096)


def separation_loss(
    mix: torch.Tensor, stems: torch.Tensor, estimates: torch.Tensor, weights: LossWeights
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss (scalar) and its parts. mix (batch, channel, frame); others (batch, stem, channel, frame), float32."""
    error = estimates - stems
    parts = {"wave": error.abs().mean()}
    if weights.spectrum:
        parts["spectrum"] = torch.stack([_spectral_error(error, window) for window in weights.windows]).mean()
    if weights.square:
        parts["square"] = error.square().mean(dim=(2, 3)).add(1e-8).sqrt().mean()
    if weights.silence:
        parts["silence"] = _leak(mix, stems, estimates)
    total = sum((getattr(weights, name) * part for name, part in parts.items()), torch.zeros_like(parts["wave"]))
    return total, {name: part.detach() for name, part in parts.items()}


def _spectral_error(error: torch.Tensor, window: int) -> torch.Tensor:
    """Mean magnitude of the error's complex spectrum; by linearity this is the error between the spectra."""
    spectrum = torch.stft(
        error.flatten(0, 2), window, window // 4, window=torch.hann_window(window, device=error.device),
        center=True, pad_mode="constant", normalized=True, return_complex=True,
    )  # fmt: skip
    parts = torch.view_as_real(spectrum)
    return parts.abs().mean()


def _leak(mix: torch.Tensor, stems: torch.Tensor, estimates: torch.Tensor) -> torch.Tensor:
    silent = stems.square().mean(dim=(2, 3)) < SILENT
    floor = mix.square().mean(dim=(1, 2)).clamp_min(1e-8)[:, None] * FLOOR
    leak = torch.log10(estimates.square().mean(dim=(2, 3)) / floor + 1)
    return (leak * silent).sum() / silent.sum().clamp_min(1)
