"""What a picture shows of a sound, measured block by block: memory does not grow with the sound's length."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from separation_core.audio.frames import FrameSource

LOWEST, HIGHEST, BANDS = 40.0, 16_000.0, 220
"""Hz, of the first and the last of so many bands at equal steps in pitch."""
_COLUMNS = 1400
"""Points across the picture; a song of any length is drawn with that many."""
_WINDOW = 4096
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Stretch:
    """`frames` frames of an open `source` from frame `first` on; beyond the source's end they are silent."""

    source: FrameSource
    frames: int
    first: int = 0

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The frames in order, as (channel, frame) blocks."""
        for done in range(0, self.frames, _BLOCK):
            yield self.source.read(self.first + done, min(_BLOCK, self.frames - done))


@dataclass(frozen=True)
class Overview:
    """A sound as a picture shows it.

    starts: the frame at which each point of the waveform begins. lowest, highest, rms: of the channels' mean, from
    there to the next point. levels: in dB, (band, column), the lowest band first. peak: highest magnitude in any
    channel, 1 is full scale.
    """

    starts: NDArray[np.int64]
    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]
    rms: NDArray[np.float64]
    levels: NDArray[np.float64]
    peak: float


def measure(sound: Stretch, seconds: float) -> Overview:
    """Measure `sound` for a picture that is `seconds` wide; errors as its source's."""
    wave, spectrum, peak = _Waveform(sound.frames), _Spectrum(sound.source.rate, seconds), 0.0
    # Each window lies around its column, also at the very start and end.
    spectrum.add(np.zeros(_WINDOW // 2, np.float32))
    for block in sound.blocks():
        mono: NDArray[np.float32] = block.mean(axis=0)
        wave.add(mono)
        spectrum.add(mono)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
    spectrum.add(np.zeros(_WINDOW, np.float32))
    return Overview(wave.starts, wave.lowest, wave.highest, wave.rms(), spectrum.levels(), peak)


class _Waveform:
    """Extremes and energy of mono sound between points that divide it evenly."""

    def __init__(self, frames: int) -> None:
        points = min(_COLUMNS, frames)
        edges = np.linspace(0, frames, points + 1).astype(np.int64)
        self.starts, self._sizes = edges[:-1], np.diff(edges)
        self.lowest = np.full(points, np.inf, np.float32)
        self.highest = np.full(points, -np.inf, np.float32)
        self._energy = np.zeros(points)
        self._heard = 0

    def add(self, mono: NDArray[np.float32]) -> None:
        first = int(np.searchsorted(self.starts, self._heard, side="right")) - 1
        end = int(np.searchsorted(self.starts, self._heard + mono.size))
        touched, pieces = slice(first, end), np.maximum(self.starts[first:end] - self._heard, 0)
        self.lowest[touched] = np.minimum(self.lowest[touched], np.minimum.reduceat(mono, pieces))
        self.highest[touched] = np.maximum(self.highest[touched], np.maximum.reduceat(mono, pieces))
        self._energy[touched] += np.add.reduceat(mono.astype(float) ** 2, pieces)
        self._heard += mono.size

    def rms(self) -> NDArray[np.float64]:
        """Of what was added, once all of it was."""
        rms: NDArray[np.float64] = np.sqrt(self._energy / self._sizes)
        return rms


class _Spectrum:
    """Power of mono sound per band, in windows that start evenly over the picture."""

    def __init__(self, rate: int, seconds: float) -> None:
        self._starts = np.linspace(0.0, seconds * rate, _COLUMNS).astype(np.int64)
        self._centres = np.geomspace(LOWEST, HIGHEST, BANDS)
        self._bins = self._centres * _WINDOW / rate
        self._window = signal.get_window("hann", _WINDOW)
        self._power = np.zeros((BANDS, _COLUMNS))
        self._done = 0
        self._waiting, self._at = np.zeros(0, np.float32), 0

    def add(self, mono: NDArray[np.float32]) -> None:
        waiting = np.concatenate([self._waiting, mono])
        while self._done < _COLUMNS and (start := self._starts[self._done] - self._at) + _WINDOW <= waiting.size:
            power = np.abs(np.fft.rfft(waiting[start : start + _WINDOW] * self._window)) ** 2
            self._power[:, self._done] = np.interp(self._bins, np.arange(power.size), power, right=0.0)
            self._done += 1
        passed = self._starts[self._done] - self._at if self._done < _COLUMNS else waiting.size
        self._waiting = waiting[passed:]
        self._at += waiting.size - self._waiting.size

    def levels(self) -> NDArray[np.float64]:
        """In dB, (band, column)."""
        rising = (self._centres / 1000.0)[:, None]  # 3 dB an octave, as music falls by about that: the top is seen too
        levels: NDArray[np.float64] = 10.0 * np.log10(self._power * rising + 1e-9)
        return levels
