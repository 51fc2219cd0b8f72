"""How one pass hears the song, and how its answer is turned back: the song brought to a level, swapped, inverted."""

from dataclasses import dataclass, replace

import numpy as np

from separation_core.audio.frames import FrameSource

_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class View:
    """mean, scale: the song is heard as (song − mean) / scale. swapped: left and right. inverted: polarity."""

    mean: float = 0.0
    scale: float = 1.0
    swapped: bool = False
    inverted: bool = False

    def hear(self, source: FrameSource, start: int, count: int) -> np.ndarray:
        """Frames (channel, count) from `start` on; silence outside the song, and where a sample is no number."""
        block = np.nan_to_num(source.read(start, count), copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        inside = slice(max(0, -start), max(0, source.frames - start))
        block[:, inside] = (block[:, inside] - np.float32(self.mean)) / np.float32(self._signed_scale)
        return np.ascontiguousarray(block[::-1]) if self.swapped else block

    def undo(self, stems: np.ndarray) -> np.ndarray:
        """The stems (stem, channel, frame) as they are in the song."""
        own = stems[:, ::-1] if self.swapped else stems
        # Also the mean goes back onto every stem, as demucs has it.
        return own * np.float32(self._signed_scale) + np.float32(self.mean)

    @property
    def _signed_scale(self) -> float:
        return -self.scale if self.inverted else self.scale


def level_view(source: FrameSource, normalised: bool) -> View:
    """The view that brings the song to mean 0 and standard deviation 1, or the plain one. Reads the song once."""
    return View(*_mean_and_spread(source)) if normalised and source.frames else View()


def augmented(view: View, channels: int) -> tuple[View, ...]:
    """The view, and with left and right swapped (where there are two), and with the polarity inverted."""
    swapped = (replace(view, swapped=True),) if channels == 2 else ()
    return (view, *swapped, replace(view, inverted=True))


def _mean_and_spread(source: FrameSource) -> tuple[float, float]:
    """Mean and standard deviation (unbiased, plus 1e-8) of the mean of the channels, as demucs has it."""
    total = squares = 0.0
    for start in range(0, source.frames, _BLOCK):
        block = source.read(start, min(_BLOCK, source.frames - start))
        mono = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0).mean(axis=0, dtype=np.float64)
        total += float(mono.sum())
        squares += float(mono @ mono)
    mean = total / source.frames
    variance = max(0.0, squares - total * mean) / max(1, source.frames - 1)
    return mean, float(np.sqrt(variance)) + 1e-8
