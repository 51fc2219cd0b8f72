"""Song and stems compared sample by sample, block after block."""

import numpy as np

from separation_core.evaluation.report import SumError

FULL_SCALE = 1 - 2.0**-15
"""From here on a sample touches full scale: the largest positive value of 16-bit audio."""

SAME = 0.999
"""Correlation from which two files count as the same but for their gain: what differs is 27 dB below."""


class Comparison:
    """Sums over a song and its stems that tell sum error, likeness and clipping. Memory does not grow with length."""

    def __init__(self, stems: int) -> None:
        self._products = np.zeros((stems + 1, stems + 1))
        self._full_scale = np.zeros(stems + 1, dtype=np.int64)
        self._error_peak = 0.0
        self._error_energy = 0.0
        self._samples = 0

    def add(self, song: np.ndarray, stems: np.ndarray) -> None:
        """Take in the next block of the song (channel, frame) and of its stems (stem, channel, frame)."""
        files = np.concatenate([song[None], stems]).astype(np.float64)
        self._full_scale += np.count_nonzero(np.abs(files) >= FULL_SCALE, axis=(1, 2))
        flat = np.nan_to_num(files, nan=0.0, posinf=0.0, neginf=0.0).reshape(len(files), -1)
        self._products += flat @ flat.T
        error = flat[1:].sum(axis=0) - flat[0]
        self._error_peak = max(self._error_peak, float(np.abs(error).max(initial=0.0)))
        self._error_energy += float(error @ error)
        self._samples += error.size

    def sum_error(self) -> SumError:
        """How far the sum of the stems is from the song."""
        samples = max(1, self._samples)
        song, error = self._products[0, 0] / samples, self._error_energy / samples
        relative = _power_db(error / song) if song else (-np.inf if not error else np.inf)
        return SumError(2 * _power_db(self._error_peak), _power_db(error), float(relative))

    def full_scale(self) -> np.ndarray:
        """Samples that touch full scale: the song's, then each stem's."""
        return self._full_scale

    def likeness(self) -> np.ndarray:
        """Correlation (file, file) at no offset, 0 where one is silent; the song is file 0."""
        norms = np.sqrt(np.diag(self._products))
        scale = np.outer(norms, norms)
        ratios: np.ndarray = self._products / np.where(scale > 0, scale, np.inf)
        return ratios

    def shares(self) -> np.ndarray:
        """The gain of the song that fits each stem best in the least-squares sense, 0 for a silent song."""
        shares: np.ndarray = self._products[0, 1:] / (self._products[0, 0] or 1.0)
        return shares


def _power_db(power: float) -> float:
    return float(10 * np.log10(power)) if power > 0 else -np.inf
