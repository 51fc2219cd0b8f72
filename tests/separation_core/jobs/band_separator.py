"""A real separator that is fast and needs no weights: three fixed frequency bands. Shared by tests and their runner."""

import torch

from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

EDGES = (300.0, 1200.0)


class BandSeparator:
    """Cuts the spectrum of what it is given at `EDGES`; the bands sum to it. Another `version` is another model."""

    def __init__(self, channels: int = 2, version: str = "1") -> None:
        self.spec = ModelSpec(
            name="bands",
            version=version,
            stems=("bass", "vocals", "other"),
            rate=Hertz(8000),
            channels=channels,
            segment=4000,
            context=400,
        )

    def to(self, device: torch.device) -> "BandSeparator":
        """It has no weights to move."""
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """(batch, channel, frame) to (batch, stem, channel, frame)."""
        spectrum = torch.fft.rfft(mix)
        hertz = torch.fft.rfftfreq(mix.shape[-1], 1 / self.spec.rate)
        low, high = hertz < EDGES[0], hertz >= EDGES[1]
        masks = (low, ~low & ~high, high)
        return torch.stack([torch.fft.irfft(spectrum * mask, n=mix.shape[-1]) for mask in masks], dim=1)
