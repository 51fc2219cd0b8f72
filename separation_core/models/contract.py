"""What every separator promises, learned or not, and how several make one model."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import torch

from separation_core.errors import ModelError
from separation_core.units import Hertz


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The facts about a separator that the engine needs before it runs.

    name: as in the zoo; version: changes whenever the output may change (weights hash, or a code revision).
    stems: names in output order. rate: the only rate it takes. channels: 1 or 2, what it takes and gives.
    segment: frames per call that it works on best (an upper bound on memory); it must accept exactly
    `segment + 2 * context` frames. context: frames of real audio it wants on both sides of a segment and whose
    output is thrown away. normalised: whether it hears the song brought to mean 0 and standard deviation 1 (both of
    the channels' mean over the whole song), as demucs does; the engine does that and undoes it. any_length: whether it
    takes any number of frames, in less memory the fewer they are; then the engine may ask for shorter segments when
    memory runs out. half_safe: whether a GPU may compute its matrix products and convolutions in half precision
    (`torch.autocast`), which changes the stems by far less than they are wrong anyway. draws: whether the published
    network takes a number from the generator of the shifts at every call, so that the same seed gives the same shifts.
    """

    name: str
    version: str
    stems: tuple[str, ...]
    rate: Hertz
    channels: int
    segment: int
    context: int = 0
    normalised: bool = False
    any_length: bool = False
    half_safe: bool = False
    draws: bool = False


class Separator(Protocol):
    """Tensor to tensor: no files, no progress bars, no devices of its own."""

    @property
    def spec(self) -> ModelSpec:
        """The separator's facts; constant for its lifetime."""

    def to(self, device: torch.device) -> "Separator":
        """The same separator with its weights on `device`."""

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), same frames, float32."""


class Combine(StrEnum):
    """How the answers of an ensemble's members become one, frame by frame or cell by cell of the spectrum.

    average: weighted mean. median; min, max: the answer of smallest or largest magnitude, with its sign or phase.
    """

    AVERAGE = "average"
    MEDIAN = "median"
    MIN = "min"
    MAX = "max"


class Domain(StrEnum):
    """Where answers are combined: in samples, or in short-time spectra."""

    WAVE = "wave"
    SPECTRUM = "spectrum"


@dataclass(frozen=True, slots=True)
class Member:
    """A separator of an ensemble; weights: its say in each stem's average (0: none), in the order of the stems."""

    separator: Separator
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Several separators of the same stems, rate and channels as one model; a "bag" of demucs is one.

    `ModelError` where the members do not fit together, a weight is negative, or a stem is given by none of them.
    """

    name: str
    version: str
    members: tuple[Member, ...]
    combine: Combine = Combine.AVERAGE
    domain: Domain = Domain.WAVE

    def __post_init__(self) -> None:
        kinds = {(m.separator.spec.stems, m.separator.spec.rate, m.separator.spec.channels) for m in self.members}
        if len(kinds) != 1:
            raise ModelError(f"{self.name}: its members must give the same stems at one rate: take others together")
        for stem, column in zip(self.spec.stems, zip(*(m.weights for m in self.members), strict=True), strict=True):
            if min(column) < 0 or max(column) <= 0:
                raise ModelError(f"{self.name}: the weights {column} for {stem} must be 0 or more, and one above 0")

    @property
    def spec(self) -> ModelSpec:
        """The first member's facts under the ensemble's name; each member keeps its own segment and context."""
        return replace(self.members[0].separator.spec, name=self.name, version=self.version)


Model = Separator | Ensemble
"""What the engine runs."""
