"""What every separator promises, learned or not."""

from dataclasses import dataclass
from typing import Protocol

import torch

from separation_core.units import Hertz


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The facts about a separator that the engine needs before it runs.

    name: as in the zoo; version: changes whenever the output may change (weights hash, or a code revision).
    stems: names in output order. rate: the only rate it takes. channels: 1 or 2, what it takes and gives.
    segment: frames per call that it works on best (an upper bound on memory); it must accept exactly
    `segment + 2 * context` frames. context: frames of real audio it wants on both sides of a segment and whose
    output is thrown away.
    """

    name: str
    version: str
    stems: tuple[str, ...]
    rate: Hertz
    channels: int
    segment: int
    context: int = 0


class Separator(Protocol):
    """Tensor to tensor: no files, no progress bars, no devices of its own."""

    @property
    def spec(self) -> ModelSpec:
        """The separator's facts; constant for its lifetime."""

    def to(self, device: torch.device) -> "Separator":
        """The same separator with its weights on `device`."""

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), same frames, float32."""
