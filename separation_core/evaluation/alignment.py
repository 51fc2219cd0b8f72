"""Whether a stem sits where it sounded in the song, told by cross-correlation on a few windows."""

import numpy as np

from separation_core.audio.frames import FrameSource

_WINDOW = 1 << 16
_MOST_WINDOWS = 8
_WHITENING = 0.8
_CLEARLY_HIGHER = 1.5
_ABOVE_NOISE = 8.0


def offset(stem: FrameSource, song: FrameSource) -> int | None:
    """Frames by which `stem` comes after `song`, within a quarter of a window (16 384 frames); None if untold.

    Generalised cross-correlation with partly whitened phase (Knapp and Carter 1976, PHAT), summed over up to eight
    windows. Another place than zero is believed only where its peak is clearly higher than the value at zero and
    stands far above the rest, so that a stem of repeating notes is not called late.
    """
    spectrum = sum(_cross_spectrum(stem, song, start) for start in _starts(song.frames))
    correlation = np.fft.irfft(spectrum, n=2 * _WINDOW) if np.any(spectrum) else np.zeros(2 * _WINDOW)
    reach = _WINDOW // 4
    near = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    peak, noise = int(np.argmax(near)), float(np.sqrt(np.mean(near**2)))
    if not noise or near[peak] < _ABOVE_NOISE * noise:
        return None
    return peak - reach if near[peak] > _CLEARLY_HIGHER * near[reach] else 0


def _starts(frames: int) -> list[int]:
    count = int(np.clip(frames // _WINDOW, 1, _MOST_WINDOWS))
    return [int(start) for start in np.linspace(0, max(0, frames - _WINDOW), count)]


def _cross_spectrum(stem: FrameSource, song: FrameSource, start: int) -> np.ndarray:
    late, reference = (_spectrum(source, start) for source in (stem, song))
    cross: np.ndarray = (late * reference.conj()).sum(axis=0)
    whitened: np.ndarray = cross / np.maximum(np.abs(cross), 1e-12) ** _WHITENING
    return whitened


def _spectrum(source: FrameSource, start: int) -> np.ndarray:
    samples = np.nan_to_num(source.read(start, _WINDOW), nan=0.0, posinf=0.0, neginf=0.0)
    return np.fft.rfft(samples * np.hanning(_WINDOW), n=2 * _WINDOW)
