"""Levels of what is played: peak, RMS and clip lights per signal, and loudness by ear.

Peaks are gathered in the render thread, where every sample passes; loudness, which costs more, is worked out by the
control thread from a ring of its own.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from separation_core.audio.loudness import k_power
from separation_core.units import Hertz

Block = npt.NDArray[np.float32]

WINDOW_SECONDS = 0.05
"""A meter shows the loudest of this time: shorter than a glance, longer than a period of 20 Hz."""
SHORT_TERM_SECONDS = 3.0
_HOP_SECONDS = 0.1
_OFFSET = -0.691
_GATE = 10 ** ((-70.0 - _OFFSET) / 10)
FULL_SCALE = 1.0


class LevelWindow:
    """What was played since the last `take`. Blocks are kept and measured together, which is much cheaper.

    tracks, frames: at most so many, and so many between two takes. early: frames by which the original comes before
    the remix.
    """

    _REMIX, _ORIGINAL, _HEARD, _TRACKS = range(4)

    def __init__(self, tracks: int, frames: int, early: int) -> None:
        self._room = np.zeros((self._TRACKS + tracks, 2, frames + early), np.float32)
        self._early = early
        self.frames = 0

    def add(self, tracks: Block, heard: Block, remix: Block, original: Block) -> None:
        """Take in a block: (track, 2, frame), the others (2, frame)."""
        room, begin, end = self._room, self.frames, self.frames + heard.shape[1]
        room[self._REMIX, :, begin:end] = remix
        room[self._ORIGINAL, :, begin + self._early : end + self._early] = original
        room[self._HEARD, :, begin:end] = heard
        room[self._TRACKS : self._TRACKS + len(tracks), :, begin:end] = tracks
        self.frames = end

    @property
    def pair(self) -> Block:
        """Remix and original side by side and in time, (4, frame)."""
        return self._room[: self._HEARD, :, : self.frames].reshape(4, self.frames)

    def take(self, tracks: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Peak and RMS (signal, 2) of what is heard and, after it, of so many tracks; begins anew."""
        kept = self._room[self._HEARD : self._TRACKS + tracks, :, : self.frames]
        peak = np.maximum(kept.max(axis=2, initial=0.0), -kept.min(axis=2, initial=0.0))
        rms = np.matmul(kept[..., None, :], kept[..., None])[..., 0, 0]
        rms *= np.float32(1 / max(1, self.frames))
        original = self._room[self._ORIGINAL]
        original[:, : self._early] = original[:, self.frames : self.frames + self._early].copy()
        self.frames = 0
        return peak, np.sqrt(rms, out=rms)


class ShortTermLoudness:
    """Loudness of the last three seconds of a stereo stream, after ITU-R BS.1770-4 and EBU Tech 3341.

    Weighted in the spectrum of overlapping windows of 0.2 s rather than by a filter, which costs less here and needs no
    library that is slow to load; on music both agree to about 0.1 LU.
    """

    def __init__(self, rate: Hertz) -> None:
        self.hop = round(rate * _HOP_SECONDS)
        self._window = np.hanning(2 * self.hop + 1)[:-1].astype(np.float32)
        power = k_power(rate, np.fft.rfftfreq(2 * self.hop, 1 / rate))
        power[1:-1] *= 2  # for the frequencies below zero, which a real signal has alike
        self._weights = power / (2 * self.hop * float(np.square(self._window).sum()))
        self._before = np.zeros((2, self.hop), np.float32)
        self._energies: deque[float] = deque(maxlen=round(SHORT_TERM_SECONDS / _HOP_SECONDS))

    def add(self, hop: Block) -> float:
        """Take in the next `hop` frames (2, frame); the weighted power around their beginning."""
        spectrum = np.fft.rfft(np.hstack([self._before, hop]) * self._window, axis=1)
        self._before[:] = hop
        energy = float((np.square(np.abs(spectrum)) @ self._weights).sum())
        self._energies.append(energy)
        return energy

    @property
    def lufs(self) -> float:
        """In LUFS; -inf below -70."""
        energy = sum(self._energies) / max(1, len(self._energies))
        return _OFFSET + 10 * float(np.log10(energy)) if energy > _GATE else float("-inf")


class LoudnessMatch:
    """By how much the original must be turned to be as loud as the remix: over ten seconds of both, within 12 dB."""

    MOST = 10 ** (12.0 / 20)
    _SECONDS = 10.0

    def __init__(self) -> None:
        self._pairs: deque[tuple[float, float]] = deque(maxlen=round(self._SECONDS / _HOP_SECONDS))

    def add(self, remix: float, original: float) -> None:
        """Weighted power of the same tenth of a second of both; tenths in which either is silent do not count."""
        if remix > _GATE and original > _GATE:
            self._pairs.append((remix, original))

    @property
    def gain(self) -> float:
        """Amplitude for the original."""
        if not self._pairs:
            return 1.0
        remix, original = (sum(column) for column in zip(*self._pairs, strict=True))
        return float(np.clip(np.sqrt(remix / original), 1 / self.MOST, self.MOST))
