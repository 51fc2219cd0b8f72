"""One stem and all else, out of a separator of which only that stem is wanted."""

from dataclasses import dataclass, replace

import torch

from separation_core.errors import ModelError
from separation_core.models.contract import ModelSpec, Separator


@dataclass(frozen=True, slots=True)
class StemAndRest:
    """`inner`'s `stem`, and the mix without it as `no_<stem>`; meets `Separator`.

    What `inner` says of other stems is not heard: a model fine-tuned for one stem knows nothing of those. Raises
    ModelError where it has no such stem.
    """

    inner: Separator
    stem: str

    def __post_init__(self) -> None:
        spec = self.inner.spec
        if self.stem not in spec.stems:
            raise ModelError(f"{spec.name} has no stem {self.stem!r}: choose from {', '.join(spec.stems)}")

    @property
    def spec(self) -> ModelSpec:
        """The inner separator's facts with these two stems."""
        return replace(self.inner.spec, stems=(self.stem, f"no_{self.stem}"))

    def to(self, device: torch.device) -> "StemAndRest":
        """The same with the inner separator on `device`."""
        return replace(self, inner=self.inner.to(device))

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """(batch, channel, frame) → (batch, 2, channel, frame), which sum to `mix`."""
        one = self.inner(mix)[:, self.inner.spec.stems.index(self.stem)]
        return torch.stack([one, mix - one], dim=1)
