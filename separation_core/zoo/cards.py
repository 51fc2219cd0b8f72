"""What is known of a model, published or built in, as records without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from separation_core.units import Hertz

CommercialUse = Literal["yes", "no", "unstated"]


@dataclass(frozen=True, slots=True)
class CheckpointCard:
    """One file of weights and how to tell that it is the right one.

    key: its name in the catalogue. file: its name in the cache. urls: the publisher's address, then mirrors, in the
    order to try. size: bytes. sha256: 64 hexadecimal digits; sha256_prefix: as many as the publisher gives.
    checksum_source: who says so. What nobody published is None or empty.
    """

    key: str
    file: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    checksum_source: str = ""

    def accepts(self, digest: str) -> bool:
        """Whether a file with this full SHA-256 may be the checkpoint; always so where no checksum was published."""
        return digest.startswith(self.sha256 or self.sha256_prefix or "")


@dataclass(frozen=True, slots=True)
class BagMember:
    """One model of a bag: its checkpoint, and its weight in the mean of each stem (in the card's order of stems)."""

    checkpoint: CheckpointCard
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Published signal-to-distortion ratios in dB; only comparable where `definition` and `data` are the same."""

    definition: str
    data: str
    stems: Mapping[str, float]
    average: float | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A published model.

    architecture: see `zoo.architectures`. configuration: its published keyword arguments, as far as the checkpoint
    does not hold them. members: one for a single model, several for a bag, whose stems are weighted means over the
    members. normalised: see `ModelSpec`. cost: computing time relative to htdemucs, None where nobody measured it.
    """

    name: str
    title: str
    architecture: str
    stems: tuple[str, ...]
    rate: Hertz
    members: tuple[BagMember, ...]
    licence: str
    commercial_use: CommercialUse
    sources: tuple[str, ...]
    citation: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    normalised: bool = False
    licence_source: str = ""
    scores: tuple[Score, ...] = ()
    cost: float | None = None
    note: str = ""

    @property
    def size(self) -> int | None:
        """Bytes of all checkpoints together, None where one is unknown."""
        sizes = [member.checkpoint.size for member in self.members]
        return None if None in sizes else sum(size for size in sizes if size is not None)


@dataclass(frozen=True, slots=True)
class Credit:
    """One work that a built-in model was trained on, and to whom that is owed."""

    work: str
    author: str
    licence: str
    source: str


@dataclass(frozen=True, slots=True)
class MeasuredScore:
    """Scores that were measured here, in dB. songs: which; stems, average: MDX SDR; leak: mean energy in silent stems
    relative to the mix, None where every stem sounds."""

    songs: str
    stems: Mapping[str, float]
    average: float
    leak: float | None = None


@dataclass(frozen=True, slots=True)
class BuiltInCard:
    """A model that comes with stemrack.

    weights: its file in the package, empty for one that has none. parameters: how many numbers it has learned or was
    given. data, recipe: what it was made from, and how. speed: times real time, memory: gigabytes, both on `machine`.
    gains: mean MDX SDR in dB that each quality adds to `normal`, as far as measured. silence_db: see
    `models.presence`, None for a model that is left as it is.
    """

    name: str
    title: str
    stems: tuple[str, ...]
    rate: Hertz
    licence: str
    data: str
    recipe: str
    parameters: int | None = None
    weights: str = ""
    silence_db: float | None = None
    speed: float | None = None
    memory: float | None = None
    machine: str = ""
    scores: tuple[MeasuredScore, ...] = ()
    gains: Mapping[str, float] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    credits: tuple[Credit, ...] = ()
