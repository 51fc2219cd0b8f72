"""Sizes of Meta-TasNet; see `models.meta_tasnet`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from separation_core.errors import ModelError
from separation_core.units import Hertz

INSTRUMENTS = 4
GROUPS = 8
EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class MetaTasnetConfig:
    """Sizes of the network under their published names. The defaults are the published Meta-TasNet.

    sampling_rate: of the first stage in Hz; each of the `stages_num` stages doubles it, and N, L and W with it.
    N: channels of the latent. L, W: kernel and stride of the encoder in frames; filters: encoder kernels, each twice
    as long as the one before. num_mels: learned spectrogram bands. B, H: channels between and inside the masking
    layers, of which there are `stack` times `layers`, with `kernel` taps. E_1, E_2: sizes of the instrument embedding
    and of its bottleneck in every generator. independent_params: no generator. residual_bias: a bias on what leaves
    the masking layers. segment, context: see `ModelSpec`, in frames of the last stage.
    Raises ModelError for sizes that the network cannot have.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    sampling_rate: int = 8000
    stages_num: int = 3
    N: int = 440
    L: int = 20
    W: int = 20
    filters: int = 3
    num_mels: int = 256
    B: int = 160
    H: int = 160
    stack: int = 3
    layers: int = 6
    kernel: int = 3
    E_1: int | None = 8
    E_2: int = 5
    independent_params: bool = False
    residual_bias: bool = False
    segment: int = 640_000
    context: int = 64_000

    def __post_init__(self) -> None:
        excess = self.L - self.W
        rules = (
            (len(self.stems) == INSTRUMENTS, f"{len(self.stems)} stems: it has {INSTRUMENTS}"),
            (self.stages_num >= 1, f"{self.stages_num} stages: it has one or more"),
            (min(self.N, self.W, self.B, self.H, self.filters, self.num_mels, self.E_2) > 0, "sizes below 1"),
            (self.stack > 0 and self.layers > 0, "no masking layers"),
            (self.kernel == 3, f"{self.kernel} taps: the masking layers take 3"),
            (excess >= 0 == excess % 2, f"L {self.L} with W {self.W}: L − W is even and not negative"),
            (not (self.N | self.B | self.H) % GROUPS, f"N {self.N}, B {self.B}, H {self.H}: multiples of {GROUPS}"),
            (self.sampling_rate >= 8000, f"{self.sampling_rate} Hz: the first stage takes 8000 Hz or more"),
            (bool(self.E_1) or self.independent_params, "generated weights without an embedding (E_1)"),
        )
        broken = [text for kept, text in rules if not kept]
        if broken:
            raise ModelError(f"no Meta-TasNet has {broken[0]}")

    @property
    def rates(self) -> tuple[Hertz, ...]:
        """Rate of each stage."""
        return tuple(Hertz(self.sampling_rate * 2**stage) for stage in range(self.stages_num))

    @classmethod
    def from_published(cls, arguments: Mapping[str, Any]) -> "MetaTasnetConfig":
        """The sizes in a published checkpoint's `args` (as `vars(args)`).

        What else stands there tells of the training (paths, learning rate …) and is left out; sizes that do not fit
        the weights show when these are loaded. Raises ModelError for a size that is missing or no number.
        """
        sizes = [field.name for field in fields(cls) if field.name not in ("stems", "segment", "context")]
        missing = [size for size in sizes if size not in arguments]
        if missing:
            raise ModelError(f"the checkpoint names no {missing[0]!r}: it is not one of Meta-TasNet's")
        given = {size: arguments[size] for size in sizes}
        odd = [size for size, value in given.items() if not (isinstance(value, int) or (size, value) == ("E_1", None))]
        if odd:
            raise ModelError(f"the checkpoint has {given[odd[0]]!r:.40} for {odd[0]!r}, which is a whole number")
        return cls(**given)
