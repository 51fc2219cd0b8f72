"""Effects that pedalboard cannot run block by block, in long overlapping segments with bounded memory.

`PitchShift` and `GSMFullRateCompressor` clear an internal delay line at every `process` call (pedalboard 0.9.26:
their `prepare` sets the line's length, which empties it), so calls shorter than that line give silence, and longer
ones lose a piece each. A whole segment in one call is right. Each segment starts one second early, so that the effect
has settled, and overlaps the next by half a second, in which one fades into the other where the two agree best, the
next one moved by up to 5 ms to bring their strongest tones into phase. On songs they agree to 0.99 (median) there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pedalboard

from plugin_host.effects.frame_buffers import Block, FrameQueue
from plugin_host.effects.stages import SteadyStage

SEGMENT_SECONDS = 20.0
LEAD_SECONDS = 1.0
OVERLAP_SECONDS = 0.5
AFTER_SECONDS = 0.1
"""Audio after a segment that the effect may look at; also bounds how early its output may be."""
FADE_SECONDS = 0.05
SHIFT_SECONDS = 0.005
"""A segment may be this much out of time if that makes its seam smooth."""


class SegmentStage(SteadyStage):
    """A stage whose latency is a whole segment: for rendering ahead, not for playing.

    make: the effect as if new. late: frames by which the effect's output lags behind its input (negative: leads),
    compensated here. segment: frames per segment, without overlap.
    """

    def __init__(self, make: Callable[[], pedalboard.Plugin], rate: int, segment: int, late: int = 0) -> None:
        self._plugin = make()
        self._rate = float(rate)
        self._late = late
        self._segment = segment
        self._lead = round(LEAD_SECONDS * rate)
        self._overlap = round(OVERLAP_SECONDS * rate)
        self._fade = round(FADE_SECONDS * rate)
        self._shift = round(SHIFT_SECONDS * rate)
        self.latency = segment + self._overlap + round(AFTER_SECONDS * rate)
        self.reset()

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        self._waiting.push(block)
        while len(self._waiting) >= self._lead + self.latency:
            self._ready.push(self._next_segment())
            self._waiting.drop(self._segment)
        return self._ready.pop(block.shape[1])

    def reset(self) -> None:
        """As if new."""
        self._waiting = FrameQueue(self._lead)
        self._ready = FrameQueue(self.latency)
        self._fading: Block | None = None

    def _next_segment(self) -> Block:
        heard = self._waiting.peek(self._lead + self.latency)
        output: Block = self._plugin.process(heard, self._rate)
        start = self._lead + self._late
        if self._fading is None:
            begin = output[:, start : start + self._overlap]
        else:
            seam = find_seam(
                self._fading, output[:, start - self._shift : start + self._overlap + self._shift], self._fade
            )
            start += seam.shift
            begin = fade_at(seam, self._fading, output[:, start : start + self._overlap], self._fade)
        end = start + self._segment
        self._fading = output[:, end : end + self._overlap].copy()
        return np.concatenate([begin, output[:, start + self._overlap : end]], axis=1)


@dataclass(frozen=True, slots=True)
class Seam:
    """Where one segment goes over into the next: frames into the overlap, the next one's shift, their likeness."""

    at: int
    shift: int
    correlation: float


def find_seam(old: Block, new: Block, fade: int) -> Seam:
    """The place, and the shift of `new`, at which a fade of `fade` frames joins what is most alike.

    old: (2, overlap). new: (2, overlap + 2·m), beginning m frames before `old`; shifts are within ±m. Segments of a
    pitch shifter agree in all but phase, and a shift of less than half a period brings their strongest tones into
    phase. Between equals the smaller shift wins.
    """
    reach = (new.shape[1] - old.shape[1]) // 2
    shifts = np.arange(-reach, reach + 1)
    cost = 0.1 * np.abs(shifts) / max(reach, 1)
    seams = []
    for at in range(0, old.shape[1] - fade + 1, max(fade // 2, 1)):
        likeness = _correlations(old[:, at : at + fade], new[:, at : at + fade + 2 * reach])
        best = int(np.argmax(likeness - cost))
        seams.append(
            (float((likeness - cost)[best]), Seam(at, int(shifts[best]), float(np.clip(likeness[best], 0, 1))))
        )
    return max(seams, key=lambda scored: scored[0])[1]


def fade_at(seam: Seam, old: Block, new: Block, fade: int) -> Block:
    """From `old` to `new` (same shape (2, frame), `new` shifted already) at the seam.

    The gains are (1-t, t) divided by the level that their sum has at the seam's correlation: linear for equal signals,
    equal-power for unrelated ones, so that the loudness holds.
    """
    ramp = (np.arange(fade, dtype=np.float32) + 0.5) / fade
    level = np.sqrt(ramp**2 + (1 - ramp) ** 2 + 2 * np.float32(seam.correlation) * ramp * (1 - ramp))
    inside = slice(seam.at, seam.at + fade)
    faded = (old[:, inside] * (1 - ramp) + new[:, inside] * ramp) / level
    return np.concatenate([old[:, : seam.at], faded, new[:, seam.at + fade :]], axis=1)


def _correlations(window: Block, longer: Block) -> npt.NDArray[np.float64]:
    """Normalised correlation of `window` with `longer` at every place it fits; 1 where both are silent."""
    # Half a second to import, which a live mix that has no such effect should not wait for.
    from scipy.signal import fftconvolve

    frames = window.shape[1]
    products = fftconvolve(longer.astype(np.float64), window[:, ::-1].astype(np.float64), mode="valid", axes=1)
    running = np.cumsum(np.sum(longer.astype(np.float64) ** 2, axis=0))
    energy = running[frames - 1 :] - np.concatenate([[0.0], running[:-frames]])
    power = np.sqrt(np.maximum(energy, 0.0) * np.sum(window.astype(np.float64) ** 2))
    quiet = frames * 1e-10
    likeness: npt.NDArray[np.float64] = (products.sum(axis=0) + quiet) / (power + quiet)
    return likeness
