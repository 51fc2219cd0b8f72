"""SCNet's way from waveform to spectrogram and back.

Columns are centred on multiples of the hop and see the song's mirror image beyond its ends. The window is a rectangle,
as in the published networks, or a periodic Hann window, as in their masked variant.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

from separation_core.dsp.stft import overlap_add
from separation_core.errors import ModelError


@dataclass(frozen=True, slots=True)
class ScnetSpectrum:
    """window: frames a column. hop: frames between columns, at most half a window.

    scaled: whether both directions keep the energy; else the way back divides by the window. tapered: Hann window.
    Raises ModelError for other hops.
    """

    window: int
    hop: int
    scaled: bool = True
    tapered: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.hop <= self.window // 2:
            raise ModelError(f"no SCNet has hops of {self.hop} frames and windows of {self.window}: take half or less")

    @property
    def bins(self) -> int:
        """Frequencies per column, 0 to half the rate."""
        return self.window // 2 + 1

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        """(batch, channel, frame) → (batch, bin, column, 2·channel), real and imaginary part in turn.

        The audio must be longer than half a window.
        """
        half = self.window // 2
        columns = functional.pad(audio, (half, half), mode="reflect").unfold(-1, self.window, self.hop)
        spectrum = torch.fft.rfft(self._windowed(columns), norm=self._norm())
        # Channel by channel: torch copies long rows of complex numbers faster than pairs.
        turned = torch.stack([channel.transpose(1, 2) for channel in spectrum.unbind(1)], dim=3)
        return torch.view_as_real(turned).flatten(3)

    def inverse(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, bin, column, 2·channel) → (batch, channel, frame), as many frames as hops lie between columns."""
        half, columns = self.window // 2, x.shape[2]
        spectrum = torch.stack([channel.transpose(1, 2) for channel in as_complex(x).unbind(3)], dim=1)
        pieces = torch.fft.irfft(spectrum, n=self.window, norm=self._norm())
        power = self._windowed(self._windowed(pieces.new_ones(1, self.window))).expand(columns, self.window)
        ends = slice(half, half + (columns - 1) * self.hop)
        return overlap_add(self._windowed(pieces), self.hop)[..., ends] / overlap_add(power, self.hop)[ends]

    def _windowed(self, columns: torch.Tensor) -> torch.Tensor:
        return columns * torch.hann_window(self.window, device=columns.device) if self.tapered else columns

    def _norm(self) -> str:
        return "ortho" if self.scaled else "backward"


def as_complex(x: torch.Tensor) -> torch.Tensor:
    """(batch, bin, column, 2·channel) → complex (batch, bin, column, channel)."""
    return torch.view_as_complex(x.reshape(*x.shape[:3], -1, 2))
