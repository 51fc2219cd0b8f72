"""How much computing a separation may cost: one word for overlap, shifts and test-time augmentation together."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Quality(StrEnum):
    """From quick to thorough; see `EFFORTS`."""

    FAST = "fast"
    NORMAL = "normal"
    HIGH = "high"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class Effort:
    """The entries of `SeparationSettings` that trade time for quality."""

    overlap: float
    shifts: int
    augment: bool

    @property
    def cost(self) -> float:
        """Computing relative to the effort of normal quality, for stereo and a song of many segments."""
        return self._passes / EFFORTS[Quality.NORMAL]._passes

    @property
    def _passes(self) -> float:
        # Augmented, the song is also heard swapped and inverted.
        return self.shifts * (3 if self.augment else 1) / (1 - self.overlap)


EFFORTS: Mapping[Quality, Effort] = MappingProxyType(
    {
        Quality.FAST: Effort(overlap=0.1, shifts=1, augment=False),
        Quality.NORMAL: Effort(overlap=0.25, shifts=1, augment=False),
        Quality.HIGH: Effort(overlap=0.5, shifts=2, augment=False),
        Quality.BEST: Effort(overlap=0.5, shifts=2, augment=True),
    }
)


def effort(
    quality: Quality, *, overlap: float | None = None, shifts: int | None = None, augment: bool | None = None
) -> Effort:
    """The effort of a quality, but for what is given on its own."""
    usual = EFFORTS[quality]
    return Effort(
        usual.overlap if overlap is None else overlap,
        usual.shifts if shifts is None else shifts,
        usual.augment if augment is None else augment,
    )
