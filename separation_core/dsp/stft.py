"""Short-time Fourier transform with perfect reconstruction at every frame, edges included.

The signal is taken as zero outside its frames and columns begin before its first frame, so no reflection is
invented at the edges, and columns of a block cut on the hop grid are the columns of the whole song.
"""

from dataclasses import dataclass

import torch

from separation_core.errors import ModelError


@dataclass(frozen=True, slots=True)
class Stft:
    """A Hann analysis and synthesis pair.

    window: frames per column, a multiple of `hop` and at least three hops long, so that squared Hann windows sum to
    a constant (Griffin & Lim 1984, least-squares inversion). hop: frames between columns.
    Raises ModelError for other sizes.
    """

    window: int
    hop: int

    def __post_init__(self) -> None:
        if self.hop < 1 or self.window % self.hop or self.window < 3 * self.hop:
            raise ModelError(f"STFT window {self.window} must be a multiple of its hop {self.hop}, at least 3 hops")

    @property
    def bins(self) -> int:
        """Frequencies per column, 0 to half the rate."""
        return self.window // 2 + 1

    def columns(self, frames: int) -> int:
        """Columns that touch a signal of `frames` frames; column j sees [j·hop − window + hop, j·hop + hop)."""
        return -(-frames // self.hop) + self.window // self.hop - 1

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """Spectrum (…, column, bin) complex64 of a float32 `signal` (…, frame)."""
        frames = signal.shape[-1]
        lead = self.window - self.hop
        tail = self.columns(frames) * self.hop - frames
        padded = torch.nn.functional.pad(signal, (lead, tail))
        spectrum: torch.Tensor = torch.fft.rfft(padded.unfold(-1, self.window, self.hop) * self._hann(signal))
        return spectrum

    def inverse(self, spectrum: torch.Tensor, frames: int) -> torch.Tensor:
        """Signal (…, frame) of `frames` frames from its `spectrum` (…, column, bin)."""
        pieces = torch.fft.irfft(spectrum, n=self.window)
        pieces = pieces * (self._hann(pieces) / self._power())
        signal = overlap_add(pieces, self.hop)
        lead = self.window - self.hop
        return signal[..., lead : lead + frames]

    def _hann(self, like: torch.Tensor) -> torch.Tensor:
        return torch.hann_window(self.window, dtype=like.dtype, device=like.device)

    def _power(self) -> float:
        """The sum over columns of the squared window: 3/8 of the window for each hop."""
        return 0.375 * self.window / self.hop


def overlap_add(pieces: torch.Tensor, hop: int) -> torch.Tensor:
    """Sum pieces (…, column, frame), each `hop` frames later than the one before, into (…, frame).

    Pieces whose length is no multiple of the hop are lengthened by zeros, and so is the sum.
    """
    length = pieces.shape[-1]
    whole = torch.nn.functional.pad(pieces, (0, -length % hop)) if length % hop else pieces
    parts = whole.reshape(*whole.shape[:-1], -1, hop)
    columns, count = parts.shape[-3:-1]
    total = parts.new_zeros((*parts.shape[:-3], columns + count - 1, hop))
    for part in range(count):
        total[..., part : part + columns, :] += parts[..., part, :]
    return total.flatten(-2)
