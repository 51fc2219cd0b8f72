"""Scores of separated stems against true ones.

Definitions differ between publications and must not be compared with each other; each is named here.
"""

import numpy as np

from separation_core.errors import SeparationError

DELTA = 1e-7
"""Added to both energies, so that silence has a score; the value of the Music Demixing Challenge and demucs."""


class MdxSdr:
    """MDX SDR of one stem, fed in blocks: 10·log10((Σs² + δ) / (Σ(s − ŝ)² + δ)) over all channels and frames.

    Source: Mitsufuji et al., "Music Demixing Challenge 2021", arXiv 2108.13559. Also called uSDR or nSDR. No filter and
    no scale is fitted: a wrong gain or a shift costs points.
    """

    def __init__(self) -> None:
        self._signal = 0.0
        self._error = 0.0

    def add(self, reference: np.ndarray, estimate: np.ndarray) -> None:
        """Take in the next block of both, of one shape, (channel, frame) say."""
        if reference.shape != estimate.shape:
            raise SeparationError(
                f"reference {reference.shape} and estimate {estimate.shape} differ in shape: cut or pad them alike"
            )
        true = np.asarray(reference, dtype=np.float64)
        error = true - estimate
        self._signal += float(np.sum(true * true))
        self._error += float(np.sum(error * error))

    def decibels(self) -> float:
        """The score of what was added so far, in dB; 0 dB for nothing."""
        return float(10 * np.log10((self._signal + DELTA) / (self._error + DELTA)))


def mdx_sdr(reference: np.ndarray, estimate: np.ndarray) -> float:
    """MDX SDR in dB of a whole stem, see `MdxSdr`. Both have one shape, (channel, frame) say."""
    score = MdxSdr()
    score.add(reference, estimate)
    return score.decibels()


class SiSdr:
    """SI-SDR of one stem, fed in blocks: 10·log10(‖αs‖² / ‖αs − ŝ‖²) with α = ⟨ŝ, s⟩ / ‖s‖², over all channels.

    Source: Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019. One gain for all channels is fitted, so a
    wrong level costs nothing; no mean is subtracted.
    """

    def __init__(self) -> None:
        self._signal = 0.0
        self._shared = 0.0
        self._error = 0.0

    def add(self, reference: np.ndarray, estimate: np.ndarray) -> None:
        """Take in the next block of both, of one shape, (channel, frame) say."""
        true = np.asarray(reference, dtype=np.float64)
        # Sums over the difference, not over the estimate: a nearly perfect one would drown in rounding.
        error = np.asarray(estimate, dtype=np.float64) - true
        self._signal += float(np.sum(true * true))
        self._shared += float(np.sum(error * true))
        self._error += float(np.sum(error * error))

    def decibels(self) -> float | None:
        """The score in dB, inf for a perfect estimate; None where stem or estimate is silent."""
        if not self._signal:
            return None
        gain = 1 + self._shared / self._signal
        target = gain**2 * self._signal
        rest = max(0.0, self._error - self._shared**2 / self._signal)
        if not target and not rest:
            return None
        if not rest:
            return float("inf")
        return float(10 * np.log10(target / rest)) if target else float("-inf")


class Leak:
    """What an estimate holds of a stem that is silent, in dB relative to the mixture: 10·log10((Σŝ² + ε) / (Σm² + ε)).

    ε = 1e-9, so that a silent estimate of a silent stem has a (very low) level. Lower is better.
    """

    FLOOR = 1e-9

    def __init__(self) -> None:
        self._leaked = 0.0
        self._mixture = 0.0

    def add(self, mixture: np.ndarray, estimate: np.ndarray) -> None:
        """Take in the next block of both, of one shape, (channel, frame) say."""
        self._leaked += float(np.sum(np.square(estimate, dtype=np.float64)))
        self._mixture += float(np.sum(np.square(mixture, dtype=np.float64)))

    def decibels(self) -> float:
        """The level in dB; 0 dB for nothing."""
        return float(10 * np.log10((self._leaked + self.FLOOR) / (self._mixture + self.FLOOR)))
