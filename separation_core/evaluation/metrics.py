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
