"""BSSEval version 4 as `museval` computes it: SDR, ISR, SIR and SAR of stereo stems in windows of one second.

Sources: Vincent, Gribonval and Févotte, "Performance measurement in blind audio source separation", IEEE TASLP 2006;
Vincent et al., "First stereo audio source separation evaluation campaign", ICA 2007 (ISR); Liutkus, Stöter and Ito,
"The 2018 Signal Separation Evaluation Campaign", LVA/ICA 2018 (one filter for the whole song).

An estimate ŝ of stem s is split in every window into s, e_spat, e_interf and e_artif: the projection of ŝ on the
delays 0 … 511 of s alone is s + e_spat, the one on the delays of all true stems s + e_spat + e_interf, and the rest is
e_artif. The projections' filters are fitted on the whole song and run over each window by itself, 511 frames past its
end. Energies are taken from spectra (Parseval), so no projection is ever transformed back.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft

from separation_core.errors import SeparationError
from separation_core.evaluation.bss_filters import TAPS, Correlations, Filters, fit_filters

MOST_CHANNELS = 24
"""Channels of all true stems together; the normal equations of 24 take 1.2 GB."""


@dataclass(frozen=True, slots=True)
class BssScores:
    """Scores in dB, (stem, window) float64.

    NaN in a window where a stem or estimate is silent, in all stems as in `museval`, and for a stem that is silent, or
    estimated as silence, throughout (`museval` refuses such songs; here the others keep their scores). inf for no
    error at all. determined: see `Filters`; where False, ISR, SIR and SAR are not comparable to the last decibel.
    """

    sdr: np.ndarray
    isr: np.ndarray
    sir: np.ndarray
    sar: np.ndarray
    determined: bool


class BssEval:
    """Two passes over a song in blocks: `correlate` all of it, then `score` it window by window, then `scores`.

    Memory does not depend on the song's length. Raises SeparationError for more channels than `MOST_CHANNELS`.
    """

    def __init__(self, stems: int, channels: int) -> None:
        if stems * channels > MOST_CHANNELS:
            raise SeparationError(
                f"{stems} stems of {channels} channels are too many for the museval scores, which take "
                f"{MOST_CHANNELS} channels in all: score fewer stems at once, or none of these (--no-museval)"
            )
        self._shape = (stems, channels)
        self._correlations = Correlations(stems * channels, stems * channels)
        self._projection: _Projection | None = None
        self._windows: list[np.ndarray] = []

    def correlate(self, references: np.ndarray, estimates: np.ndarray) -> None:
        """First pass: the next block of both, (stem, channel, frame), of any length."""
        self._correlations.add(_flat(references), _flat(estimates))

    def score(self, references: np.ndarray, estimates: np.ndarray) -> None:
        """Second pass: the next window of both, (stem, channel, frame), all of one length.

        A shorter last one is left out, as in `museval`, unless it is the only one.
        """
        if self._projection is None:
            self._projection = _Projection(fit_filters(self._correlations, self._shape[1]), references.shape)
            self._projection.scored = self._heard()
        if references.shape == self._projection.shape:
            self._windows.append(self._projection.scores(references, estimates))

    def _heard(self) -> np.ndarray:
        """(stem,): whether both the stem and its estimate sound anywhere."""
        energies = self._correlations.energies.reshape(2, *self._shape).sum(axis=2)
        heard: np.ndarray = np.all(energies > 0, axis=0)
        return heard

    def scores(self) -> BssScores:
        """The scores of all windows."""
        if self._projection is None:
            raise SeparationError("no window was scored: the song is empty")
        sdr, isr, sir, sar = np.stack(self._windows, axis=-1)
        return BssScores(sdr, isr, sir, sar, self._projection.determined)


class _Projection:
    """The four scores of one window after the other, all of one shape (stem, channel, frame)."""

    def __init__(self, filters: Filters, shape: tuple[int, ...]) -> None:
        self.shape = shape
        stems, _, frames = shape
        self.determined = filters.determined
        self.scored = np.ones(stems, dtype=bool)
        self._size = scipy.fft.next_fast_len(frames + TAPS - 1, real=True)
        self._weights = np.full(self._size // 2 + 1, 2.0 / self._size)
        self._weights[0] /= 2
        if self._size % 2 == 0:
            self._weights[-1] /= 2
        self._every = self._spectra(filters.every)
        self._own = [self._spectra(part) for part in np.split(filters.own, stems)]

    def _spectra(self, filters: np.ndarray) -> np.ndarray:
        """(source, tap, target) to (target, source, bin)."""
        return np.ascontiguousarray(scipy.fft.rfft(filters.transpose(2, 0, 1), n=self._size, axis=-1))

    def scores(self, references: np.ndarray, estimates: np.ndarray) -> np.ndarray:
        """(4, stem): SDR, ISR, SIR, SAR in dB, NaN in a window that is not scored."""
        stems = self.shape[0]
        found = np.full((4, stems), np.nan)
        sounding = np.any(references, axis=(1, 2)) & np.any(estimates, axis=(1, 2))
        if not np.all(sounding[self.scored]):
            return found
        true, guess = _flat(references).astype(np.float64), _flat(estimates).astype(np.float64)
        source = scipy.fft.rfft(true, n=self._size)
        every = _filtered(self._every, source)
        own = np.concatenate([_filtered(f, x) for f, x in zip(self._own, np.split(source, stems), strict=True)])
        target = np.sum((true**2).reshape(stems, -1), axis=1)
        error = np.sum(((guess - true) ** 2).reshape(stems, -1), axis=1)
        artefacts = scipy.fft.rfft(guess, n=self._size) - every
        found[0] = _decibels(target, error)
        found[1] = _decibels(target, self._energies(own - source))
        found[2] = _decibels(self._energies(own), self._energies(every - own))
        found[3] = _decibels(self._energies(every), self._energies(artefacts))
        found[:, ~self.scored] = np.nan
        return found

    def _energies(self, spectra: np.ndarray) -> np.ndarray:
        """Energy of each stem of which `spectra` (channel of all stems, bin) are the one-sided spectra."""
        powers = (spectra.real**2 + spectra.imag**2) @ self._weights
        energies: np.ndarray = powers.reshape(self.shape[:2]).sum(axis=1)
        return energies


def _flat(stems: np.ndarray) -> np.ndarray:
    """(stem, channel, frame) as (channel of all stems, frame)."""
    return stems.reshape(-1, stems.shape[-1])


def _filtered(filters: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Spectra (target, bin) of `source` (channel, bin) through `filters` (target, channel, bin)."""
    return np.asarray(np.einsum("tcb,cb->tb", filters, source))


def _decibels(signal: np.ndarray, error: np.ndarray) -> np.ndarray:
    ratio = np.divide(signal, error, out=np.full_like(signal, np.inf), where=error > 0)
    return np.where(ratio > 0, 10 * np.log10(np.maximum(ratio, np.finfo(np.float64).tiny)), -np.inf)
