"""Silence where a network as good as says that a stem is silent, instead of a faint copy of the others.

A network's masks never quite close, so a stem that rests comes out as bleed far under the song. Where a stem stays that
far under it for seconds, it is faded out; what that takes from the sum goes to the stems that sound.
"""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from separation_core.models.contract import ModelSpec, Separator
from separation_core.units import Hertz

STEP_SECONDS = 0.25
REACH = 6
"""Steps on either side that are heard together: a stem is judged by three seconds around each moment."""
FADE_DB = 6.0
"""Above the threshold by so much, a stem is left as it is; between, it is turned down."""
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class SilentStems:
    """A separator whose stems are silent where they are far under the mix; meets `Separator`.

    below_db: power of a stem relative to the mix, in dB under 0, at and under which it is silent.
    """

    inner: Separator
    below_db: float

    @property
    def spec(self) -> ModelSpec:
        """The inner separator's facts; the version tells the threshold."""
        spec = self.inner.spec
        return replace(spec, version=f"{spec.version} silent {self.below_db:g} dB")

    def to(self, device: torch.device) -> "SilentStems":
        """The same with the inner separator on `device`."""
        return replace(self, inner=self.inner.to(device))

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), silent stems as zeros."""
        return silenced(self.inner(mix), mix, self.spec.rate, self.below_db)


def silenced(stems: torch.Tensor, mix: torch.Tensor, rate: Hertz, below_db: float) -> torch.Tensor:
    """`stems` (batch, stem, channel, frame) with zeros where they are far under `mix` (batch, channel, frame).

    below_db: see `SilentStems`. Where a stem begins to sound or ends, it fades within a step.
    """
    step = max(1, round(rate * STEP_SECONDS))
    level = 10 * torch.log10((_around(stems, step) + _TINY) / (_around(mix[:, None], step) + _TINY))
    open_wide = ((level - below_db) / FADE_DB).clamp(0, 1)
    gains = functional.interpolate(open_wide, scale_factor=float(step), mode="linear")[..., : mix.shape[-1]]
    return stems * gains[:, :, None]


def _around(signal: torch.Tensor, step: int) -> torch.Tensor:
    """Energy (batch, stem, step) around each step of `signal` (batch, stem, channel, frame)."""
    power = signal.float().square().sum(dim=2)
    padded = functional.pad(power, (0, -power.shape[-1] % step))
    steps = padded.view(*power.shape[:2], -1, step).sum(dim=-1)
    return functional.avg_pool1d(steps, 2 * REACH + 1, stride=1, padding=REACH)
