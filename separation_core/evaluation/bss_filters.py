"""Least-squares filters from the true stems to each estimate, from correlations gathered in one pass over a song.

Memory: the normal equations, (512 × channels of all true stems)² float64, 134 MB for four stereo stems; none of it
grows with the song.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.linalg
from numpy.lib.stride_tricks import sliding_window_view

TAPS = 512
"""Length of the filters, BSSEval's choice since version 2: 11.6 ms at 44.1 kHz."""

_FFT = 4096
_STEP = _FFT - (TAPS - 1)
_SAME = 1e-12
_SHARPEST = 1e-14
_ROUNDING_16_BIT = 2.0**-30 / 12


class Correlations:
    """Correlations at lags 0 … 511 of every true channel with every true and estimated one, fed in blocks.

    Overlap-save: a block of the later signal meets the block and the 511 frames before it of the earlier one, and the
    cross spectra are summed, so that one inverse transform at the end serves the whole song.
    """

    def __init__(self, references: int, estimates: int) -> None:
        self._references = references
        self._spectra = np.zeros((_FFT // 2 + 1, references, references + estimates), np.complex128)
        self._past = np.zeros((references, TAPS - 1))
        self.energies = np.zeros(references + estimates)
        self.frames = 0

    def add(self, references: np.ndarray, estimates: np.ndarray) -> None:
        """Take in the next block of both, (channel, frame); the channels of all stems, stem after stem."""
        later = np.concatenate([references, estimates]).astype(np.float64)
        self.energies += np.einsum("cf,cf->c", later, later)
        self.frames += later.shape[1]
        padded = np.pad(later, ((0, 0), (0, -later.shape[1] % _STEP)))
        earlier = np.concatenate([self._past, padded[: self._references]], axis=1)
        self._past = np.concatenate([self._past, later[: self._references]], axis=1)[:, 1 - TAPS :]
        self._spectra += np.matmul(_heads(earlier).conj().transpose(2, 0, 1), _tails(padded).transpose(2, 1, 0))

    def lags(self) -> np.ndarray:
        """(true channel, channel, lag): Σ of the first at t times the second at t + lag."""
        return np.ascontiguousarray(scipy.fft.irfft(self._spectra, n=_FFT, axis=0)[:TAPS].transpose(1, 2, 0))


def _heads(signals: np.ndarray) -> np.ndarray:
    """Spectra (channel, block, bin) of overlapping blocks with the 511 frames before each."""
    return np.asarray(scipy.fft.rfft(sliding_window_view(signals, _FFT, axis=1)[:, ::_STEP], axis=-1))


def _tails(signals: np.ndarray) -> np.ndarray:
    """Spectra (channel, block, bin) of blocks laid behind 511 zeros."""
    blocks = signals.reshape(len(signals), -1, _STEP)
    return np.asarray(scipy.fft.rfft(np.pad(blocks, ((0, 0), (0, 0), (TAPS - 1, 0))), axis=-1))


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters (true channel, tap, estimated channel) float64 from all true stems, and from the same stem only.

    determined: False where the true stems leave a band empty (decoded from MP3, AAC or OGG to float or 24 bits), so
    that the filters there follow from rounding alone. They are then fitted as if the stems were rounded to 16 bits.
    """

    every: np.ndarray
    own: np.ndarray
    determined: bool


def fit_filters(correlations: Correlations, channels: int) -> Filters:
    """The filters of least squared error over all that was added, for stems of `channels` channels each.

    The normal equations are block Toeplitz and solved by Cholesky. A true channel that is silent or a copy of another
    adds nothing and gets zeros.
    """
    lags = correlations.lags()
    count = len(lags)
    whole = np.arange(count)
    every, determined = _solve(lags, whole, whole + count, 0.0), True
    floor = correlations.frames * _ROUNDING_16_BIT
    if every is None:
        every, determined = _solve(lags, whole, whole + count, floor), False
    own = [_solve(lags, stem, stem + count, 0.0 if determined else floor) for stem in whole.reshape(-1, channels)]
    return Filters(_fitted(every), np.concatenate([_fitted(part) for part in own], axis=0), determined)


def _fitted(filters: np.ndarray | None) -> np.ndarray:
    if filters is None:
        raise ArithmeticError("the normal equations cannot be solved although their diagonal was raised")
    return filters


def _solve(lags: np.ndarray, sources: np.ndarray, targets: np.ndarray, floor: float) -> np.ndarray | None:
    """Filters (source, tap, target); None where the equations leave them open at the precision of float64."""
    kept = _independent(lags, sources)
    filters = np.zeros((len(sources), TAPS, len(targets)))
    if not kept:
        return filters
    gram = _gram(lags, kept)
    norm = float(max(np.abs(rows).sum(axis=1).max() for rows in np.array_split(gram, len(kept))))
    gram[np.diag_indices_from(gram)] += floor + np.finfo(np.float64).eps
    # The transpose of a symmetric matrix is itself, and lies as LAPACK wants it: nothing is copied.
    factor, failed = scipy.linalg.lapack.dpotrf(gram.T, lower=1, overwrite_a=1, clean=0)
    if failed or (not floor and scipy.linalg.lapack.dpocon(factor, norm, uplo="L")[0] < _SHARPEST):
        return None
    right = lags[np.ix_(np.array(kept), targets)].transpose(0, 2, 1).reshape(-1, len(targets))
    solution = scipy.linalg.cho_solve((factor, True), right, check_finite=False)
    filters[np.searchsorted(sources, kept)] = solution.reshape(len(kept), TAPS, -1)
    return filters


def _independent(lags: np.ndarray, sources: np.ndarray) -> list[int]:
    """The channels that are neither silent nor a scaled copy of one before them."""
    kept: list[int] = []
    for one in sources.tolist():
        energy = lags[one, one, 0]
        copies = (lags[one, other, 0] ** 2 >= (1 - _SAME) * energy * lags[other, other, 0] for other in kept)
        if energy > np.finfo(np.float64).tiny and not any(copies):
            kept.append(one)
    return kept


def _gram(lags: np.ndarray, kept: Sequence[int]) -> np.ndarray:
    """Inner products of all delayed channels: rows and columns (channel, delay) flattened."""
    gram = np.empty((len(kept), TAPS, len(kept), TAPS))
    for row, one in enumerate(kept):
        for column, other in enumerate(kept):
            both_ways = np.concatenate([lags[other, one, :0:-1], lags[one, other]])
            gram[row, :, column, :] = sliding_window_view(both_ways, TAPS)[:, ::-1]
    return gram.reshape(len(kept) * TAPS, -1)
