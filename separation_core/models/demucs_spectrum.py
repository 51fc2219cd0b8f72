"""Demucs's way from waveform to spectrogram and back.

Column t of the spectrogram of n frames a column sees frames from t·n/4 − 3n/8 on, so that it has exactly one column for
every hop of the song; the highest bin is left out. Complex numbers are two channels, real and imaginary part in turn.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from separation_core.dsp.stft import overlap_add


@dataclass(frozen=True, slots=True)
class DemucsSpectrum:
    """nfft: frames a column, with a hop of a quarter.

    shifted: silence, not a mirror image, is seen beyond both ends, and what comes out starts 3/8 column late. That is
    a fault which the networks of 2021 were trained with.
    """

    nfft: int
    shifted: bool = False

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """(batch, channel, frame) → (batch, bin, column, 2·channel)."""
        hop, lead = self.nfft // 4, self.nfft // 8 * 3
        tail = lead + -mix.shape[-1] % hop
        padded = functional.pad(mix, (lead, tail)) if self.shifted else mirrored(mix, lead, tail)
        window = torch.hann_window(self.nfft, device=mix.device) / math.sqrt(self.nfft)
        spectrum = torch.fft.rfft(padded.unfold(-1, self.nfft, hop) * window)[..., :-1]
        # Channel by channel: torch copies long rows of complex numbers faster than pairs.
        turned = torch.stack([channel.transpose(1, 2) for channel in spectrum.unbind(1)], dim=3)
        return torch.view_as_real(turned).flatten(3)

    def inverse(self, x: torch.Tensor, frames: int) -> torch.Tensor:
        """(batch, bin, column, 2·channel) → (batch, channel, frame), fading within 3/8 column of both ends."""
        hop, columns = self.nfft // 4, x.shape[2]
        window = torch.hann_window(self.nfft, device=x.device)
        start = 0 if self.shifted else self.nfft // 8 * 3
        # The published inverse has two empty columns on either side, whose windows count.
        power = overlap_add(window.square().expand(columns + 4, self.nfft), hop)[start + 2 * hop :][:frames]
        parts = torch.view_as_complex(x.reshape(*x.shape[:3], -1, 2))
        spectrum = torch.stack([channel.transpose(1, 2) for channel in parts.unbind(3)], dim=1)
        pieces = torch.fft.irfft(spectrum, n=self.nfft) * (window * math.sqrt(self.nfft))
        return overlap_add(pieces, hop)[..., start : start + frames] / power


def mirrored(signal: torch.Tensor, lead: int, tail: int) -> torch.Tensor:
    """Pad (…, frame) by its mirror image; one too short for that is first padded with silence, first at its end."""
    missing = max(0, max(lead, tail) - signal.shape[-1] + 1)
    after = min(tail, missing)
    before = missing - after
    signal = functional.pad(signal, (before, after))
    return functional.pad(signal, (lead - before, tail - after), mode="reflect")
