"""Honest sums: stems that add up to the song.

Three ways: share the difference out (`share_residual`), scale each stem (`ScaleFit`), or leave it; and stems folded
into one against the rest (`two_stems`).
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import zip_longest

import numpy as np
import torch
from scipy.linalg import solve_triangular
from scipy.optimize import lsq_linear

from separation_core.audio.blocks import reblock, with_context
from separation_core.dsp.stft import Stft
from separation_core.dsp.wiener import wiener_masks
from separation_core.errors import ModelError
from separation_core.units import Hertz

MAX_SCALE = 4.0
"""Least squares never raises a stem by more than 12 dB: beyond that it amplifies what leaked into a faint stem."""

_BLOCK = 1 << 17
_HEARD_SHARE = 1e-4
"""A difference 40 dB above all stems in its cell belongs to none of them and goes to the prior."""
_SILENT_SHARE = 1e-6
"""A stem 60 dB under all stems together, in a column of the spectrum, is silent there."""


class SumMode(StrEnum):
    """What is done so that the stems sum to the song."""

    RESIDUAL = "residual"
    LEAST_SQUARES = "least-squares"
    OFF = "off"


def share_residual(
    mix: Iterable[np.ndarray],
    stems: Iterable[np.ndarray],
    *,
    rate: Hertz,
    model_rate: Hertz,
    catch_all: int | None,
    absent: frozenset[int] = frozenset(),
) -> Iterator[np.ndarray]:
    """Add what is missing to the stems, each cell of time and frequency by the stems' shares of its power.

    mix: blocks (channel, frame); stems: blocks (stem, channel, frame), both at `rate`, cut anyhow, equally long in
    all. Yields blocks (stem, channel, frame) that sum to the mix to within float32 rounding, the same however the
    input is cut. Above half the `model_rate`, where the stems hold nothing, the shares of the band just below are
    taken. catch_all: the stem that gets what no stem can claim; None shares it evenly. A silent stem gets nothing while
    another sounds, not even as catch-all: then those that sound share it.
    absent: stems that are not in the song, never the catch-all nor all; they are not yielded, and what they hold is
    shared like the rest of the difference, but that the catch-all claims a cell as strongly as it and they together.
    Samples of the mix that are not finite count as silence. Raises ModelError for unequal lengths.
    Source: the mixture consistency of Wisdom et al. 2019, "Differentiable consistency constraints", made a mask.
    """
    song = (np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0) for block in mix)
    sharer: _Sharer | None = None
    for joint, count, lead in with_context(_joined(song, stems), sharing_spectrum(rate).window):
        if sharer is None:
            sharer = _Sharer(rate, model_rate, len(joint) - 1, catch_all, absent)
        yield sharer.shared(joint, lead, count)


class _Sharer:
    """Shares out the difference of one block, heard with its neighbours."""

    def __init__(
        self, rate: Hertz, model_rate: Hertz, stems: int, catch_all: int | None, absent: frozenset[int]
    ) -> None:
        self._stft = sharing_spectrum(rate)
        self._absent = sorted(absent)
        self._present = [stem for stem in range(stems) if stem not in absent]
        self._catch_all = None if catch_all is None else self._present.index(catch_all)
        # Resampling to the song's rate fades the last few per cent of the model's band out.
        edge = 0.95 * min(1.0, model_rate / rate) if model_rate < rate else 1.0
        self._edge = round(edge * (self._stft.bins - 1)) + (edge == 1.0)
        self._below = round(0.8 * self._edge)

    def shared(self, joint: np.ndarray, lead: int, count: int) -> np.ndarray:
        """(present stem, channel, count) of `joint` (1 + stem, channel, frame), the mix and its stems, from `lead`."""
        mix, heard = joint[0], torch.from_numpy(joint[1:])
        stems = heard[self._present]
        missing = torch.from_numpy(mix) - stems.sum(0)
        spectrum = self._stft.forward(missing)
        shares = self._shares(self._stft.forward(heard), spectrum)
        stems = stems + self._stft.inverse(shares * spectrum, mix.shape[-1])
        return _rounded(mix[:, lead : lead + count], stems[..., lead : lead + count].numpy())

    def _shares(self, stems: torch.Tensor, missing: torch.Tensor) -> torch.Tensor:
        power = self._claims(stems.abs().square())
        if self._edge < self._stft.bins:
            power[..., self._edge :] = power[..., self._below : self._edge].mean(-1, keepdim=True)
        return wiener_masks(power, self._prior(power), _HEARD_SHARE * missing.abs().square())

    def _claims(self, power: torch.Tensor) -> torch.Tensor:
        """(present stem, …) of `power` (stem, …): a faint leak must not claim the sound of an absent stem."""
        claims = power[self._present]
        if self._absent and self._catch_all is not None:
            claims[self._catch_all] += power[self._absent].sum(0)
        return claims

    def _prior(self, power: torch.Tensor) -> torch.Tensor:
        """(stem, 1, column, 1): who gets what nobody claims, for power (stem, channel, column, bin)."""
        prior = torch.ones(len(power), 1, 1, 1)
        if self._catch_all is not None:
            prior[torch.arange(len(power)) != self._catch_all] = 0.0
        loudness = power.sum(dim=(1, 3), keepdim=True)
        sounding = loudness > _SILENT_SHARE * loudness.sum(0)
        prior = prior * (sounding | ~sounding.any(0))
        prior = torch.where(prior.any(0), prior, loudness)
        return prior / prior.sum(0)


def sharing_spectrum(rate: Hertz) -> Stft:
    """The spectra in which `share_residual` works, of columns of about 90 ms at any rate.

    A frame depends on what lies up to a window around it, and columns stand on multiples of the hop: a song cut there
    gives the same samples.
    """
    hop = max(64, 1 << round(np.log2(rate * 0.023)))
    return Stft(4 * hop, hop)


def _rounded(mix: np.ndarray, stems: np.ndarray) -> np.ndarray:
    """The last rounding errors of the sum, put where they are smallest against the sound: on the loudest stem."""
    error = mix - stems.sum(axis=0, dtype=np.float64)
    loudest = np.abs(stems).argmax(axis=0)[None]
    exact = np.take_along_axis(stems, loudest, axis=0) + error[None]
    np.put_along_axis(stems, loudest, exact.astype(np.float32), axis=0)
    return stems


def _joined(mix: Iterable[np.ndarray], stems: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Blocks (1 + stem, channel, frame), the mix first, each of `_BLOCK` frames but the last."""
    flat = (block.reshape(block.shape[0] * block.shape[1], block.shape[2]) for block in stems)
    for song, parts in zip_longest(reblock(mix, _BLOCK), reblock(flat, _BLOCK)):
        if song is None or parts is None or song.shape[1] != parts.shape[1]:
            raise ModelError("the stems are not as long as the song: separate it again with --force")
        yield np.concatenate([song[None], parts.reshape(-1, *song.shape)])


class ScaleFit:
    """One factor per stem that minimises the squared difference between the scaled stems' sum and the mix.

    As the authors of Meta-TasNet do for their evaluation (Samuel et al. 2020, "Meta-learning extractors for music
    source separation"). Streaming: only sums of products are kept.
    """

    def __init__(self, stems: int) -> None:
        self._gram = np.zeros((stems, stems))
        self._cross = np.zeros(stems)

    def add(self, mix_block: np.ndarray, stems_block: np.ndarray) -> None:
        """Take in `mix_block` (channel, frame) and `stems_block` (stem, channel, frame) of the same stretch."""
        stems = stems_block.reshape(len(stems_block), -1).astype(np.float64)
        mix = np.nan_to_num(mix_block, nan=0.0, posinf=0.0, neginf=0.0).ravel().astype(np.float64)
        self._gram += stems @ stems.T
        self._cross += stems @ mix

    def scales(self) -> np.ndarray:
        """Factors (stem,) float64 in [0, 4]; a stem that cannot be told from silence keeps 1."""
        # A faint pull towards 1 decides where the data do not: silent stems, copies, an empty song.
        pull = 1e-9 * np.trace(self._gram) or 1.0
        lower = np.linalg.cholesky(self._gram + pull * np.eye(len(self._cross)))
        target = solve_triangular(lower, self._cross + pull, lower=True)
        found = lsq_linear(lower.T, target, bounds=(0.0, MAX_SCALE), method="bvls")
        scales: np.ndarray = np.clip(found.x, 0.0, MAX_SCALE)
        return scales


def two_stems(stems_block: np.ndarray, keep: int) -> np.ndarray:
    """(2, channel, frame): stem `keep` of `stems_block` (stem, channel, frame), and the sum of all others."""
    rest = np.delete(stems_block, keep, axis=0).sum(axis=0, dtype=np.float64)
    return np.stack([stems_block[keep], rest.astype(np.float32)])
