"""What a network is trained to make small: errors of wave and spectrum, and leaks into silent stems.

A network that shares out the mix's spectrum (`SharingNetwork`) can be judged there, and no waveform has to be made:
the squared error of a share m of the mix X for a stem S is m²|X|² - 2m Re(X*S) + |S|², which is summed over the bins
that get the same share before m is known.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from separation_core.training.corpus import STEMS

SILENT = 1e-8
"""Mean square under which a true stem counts as silent."""
SILENT_SHARE = 1e-6
"""Share of the mix's power under which a true stem counts as silent."""
FLOOR = 1e-3
"""Errors and leaks this far under the mix's energy (−30 dB) stop mattering gradually."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """wave: L1 of the waveform. spectrum: L1 of the complex spectrum, averaged over `windows` (frames). square: root
    mean square error of the waveform. silence: leak into silent stems, per 10 dB (Wisdom et al., arXiv 2011.00803).

    For a `SharingNetwork`, and without the first three: cells: L1 of the shared-out spectrum, in units of the mix's
    RMS. bels: energy of the error in each stem that sounds, per 10 dB, as the score counts it.
    """

    wave: float = 1.0
    spectrum: float = 1.0
    square: float = 0.0
    silence: float = 0.005
    cells: float = 0.0
    bels: float = 0.0
    windows: tuple[int, ...] = (512, 1024, 2048, 4096)

    @property
    def of_shares(self) -> bool:
        """Whether shares of the spectrum are judged, not waveforms."""
        return self.cells > 0 or self.bels > 0


@runtime_checkable
class SharingNetwork(Protocol):
    """A network that gives stems as shares of the mix's spectrum; see `BandUNet` for the shapes."""

    def analyse(self, audio: torch.Tensor) -> torch.Tensor:
        """Spectra of waves."""

    def by_place(self, cells: torch.Tensor) -> torch.Tensor:
        """Sums over the bins that get the same share."""

    def shares(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Each stem's share of a mix's spectrum."""

    def soften(self, divisor: float) -> None:
        """Divide the logits of the shares."""


def gathered(stems: torch.Tensor, unparted: torch.Tensor) -> torch.Tensor:
    """Estimates or shares (batch, stem, …) with drums and bass moved into `other` in the items that are `unparted`
    (batch,), as their true stems have it: only voice and accompaniment are judged there."""
    first, last = STEMS.index("drums"), STEMS.index("other")
    whole = torch.zeros_like(stems)
    whole[:, last] = stems[:, first : last + 1].sum(dim=1)
    whole[:, last + 1 :] = stems[:, last + 1 :]
    return torch.where(unparted.view(-1, *[1] * (stems.dim() - 1)), whole, stems)


def separation_loss(
    mix: torch.Tensor, stems: torch.Tensor, estimates: torch.Tensor, weights: LossWeights
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss (scalar) and its parts. mix (batch, channel, frame); others (batch, stem, channel, frame), float32."""
    error = estimates - stems
    parts = {"wave": error.abs().mean()}
    if weights.spectrum:
        parts["spectrum"] = torch.stack([_spectral_error(error, window) for window in weights.windows]).mean()
    if weights.square:
        parts["square"] = error.square().mean(dim=(2, 3)).add(1e-8).sqrt().mean()
    if weights.silence:
        parts["silence"] = _leak(mix, stems, estimates)
    return _weighed(parts, weights)


def share_loss(
    network: SharingNetwork, mix: torch.Tensor, stems: torch.Tensor, shares: torch.Tensor, weights: LossWeights
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """As `separation_loss`, for spectra: (batch, channel, column, bin) of the mix, with a stem axis of the stems."""
    heard, common, true = _products(network, mix, stems)
    error = ((shares * heard - 2 * common) * shares + true).clamp_min(0)
    bels = _bels(error.mean(dim=(2, 3, 4)))
    silent = true.mean(dim=(2, 3, 4)) < SILENT_SHARE
    parts = {"bels": _mean_where(~silent, bels), "silence": _mean_where(silent, bels)}
    if weights.cells:
        parts["cells"] = (error + 1e-6).sqrt().mean()
    return _weighed(parts, weights)


@torch.no_grad()
def _products(network: SharingNetwork, mix: torch.Tensor, stems: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """By place: the mix's power (batch, 1, …), its product with each stem, each stem's power; for a mix of power 1."""
    pairs, stem_pairs = torch.view_as_real(mix)[:, None], torch.view_as_real(stems)
    products = (pairs.square(), pairs * stem_pairs, stem_pairs.square())
    heard, common, true = (network.by_place(product.sum(-1)) for product in products)
    scale = heard.mean(dim=(1, 2, 3, 4), keepdim=True).clamp_min(1e-12)
    return heard / scale, common / scale, true / scale


def _weighed(parts: dict[str, torch.Tensor], weights: LossWeights) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    total = torch.stack([getattr(weights, name) * part for name, part in parts.items()]).sum()
    return total, {name: part.detach() for name, part in parts.items()}


def _spectral_error(error: torch.Tensor, window: int) -> torch.Tensor:
    """Mean magnitude of the error's complex spectrum; by linearity this is the error between the spectra."""
    spectrum = torch.stft(
        error.flatten(0, 2), window, window // 4, window=torch.hann_window(window, device=error.device),
        center=True, pad_mode="constant", normalized=True, return_complex=True,
    )  # fmt: skip
    parts = torch.view_as_real(spectrum)
    return parts.abs().mean()


def _leak(mix: torch.Tensor, stems: torch.Tensor, estimates: torch.Tensor) -> torch.Tensor:
    silent = stems.square().mean(dim=(2, 3)) < SILENT
    level = mix.square().mean(dim=(1, 2)).clamp_min(1e-8)[:, None]
    return _mean_where(silent, _bels(estimates.square().mean(dim=(2, 3)) / level))


def _bels(share: torch.Tensor) -> torch.Tensor:
    """Bels of a share of the mix's energy above `FLOOR`, falling to 0 below it."""
    return torch.log10(share / FLOOR + 1)


def _mean_where(chosen: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return (values * chosen).sum() / chosen.sum().clamp_min(1)
