"""How a song of any length is covered by overlapping segments: arithmetic only, no audio.

The cut is that of demucs (Défossez et al. 2019, "Music Source Separation in the Waveform Domain"), so that published
models give their published output: a segment starts every hop as long as there is song, and what the last ones lack
is filled with real audio on both sides. Segments lie on a fixed grid, so an interrupted run can go on anywhere. Each is
weighted by a triangle, divided by the sum of all triangles over that frame, so the weights of a frame sum to one.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from separation_core.errors import ModelError

MAX_OVERLAP = 0.95
"""Beyond this each frame would be separated more than twenty times, for nothing that can be heard."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The cover of `frames` frames by segments of `segment` frames, `hop` frames apart.

    offset: how many frames before the song the first segment starts (0 … hop − 1); the shift trick moves it.
    Raises ModelError for sizes that cover nothing.
    """

    frames: int
    segment: int
    hop: int
    offset: int = 0

    def __post_init__(self) -> None:
        if self.frames < 0 or not 1 <= self.hop <= self.segment or not 0 <= self.offset < self.hop:
            raise ModelError(
                f"no plan for {self.frames} frames in segments of {self.segment}, hop {self.hop}, "
                f"offset {self.offset}: need frames ≥ 0, 1 ≤ hop ≤ segment and 0 ≤ offset < hop"
            )

    @property
    def count(self) -> int:
        """Number of segments: one starts every hop before the song's end; none for an empty song."""
        return -(-(self.frames + self.offset) // self.hop) if self.frames else 0

    def start(self, index: int) -> int:
        """The song frame at which segment `index` starts; negative before the song."""
        return index * self.hop - self.offset

    def length(self, index: int) -> int:
        """How many frames of segment `index` lie before the song's end; only these are used."""
        return min(self.segment, self.frames - self.start(index))

    def window(self, index: int) -> int:
        """The first of the `segment` frames that the model hears: a short segment is heard in the middle of them."""
        return self.start(index) - (self.segment - self.length(index)) // 2

    def final_after(self, index: int) -> int:
        """Frames of the song that no segment after `index` touches any more."""
        return self.frames if index >= self.count - 1 else max(0, min(self.frames, self.start(index + 1)))

    def first_touching(self, frame: int) -> int:
        """The first segment that covers `frame`; where a run must begin whose output starts there."""
        return max(0, (frame + self.offset - self.segment) // self.hop + 1)

    def shares_before(self, index: int, frame: int) -> np.ndarray:
        """The weights that the segments before `index` have together, (n,) float32: from `frame` to where they end."""
        shares = np.zeros(max(0, self.start(index - 1) + self.segment - frame) if index else 0, dtype=np.float32)
        for earlier in range(self.first_touching(frame), index):
            begin, weights = self.start(earlier), self.weights(earlier)
            into = max(0, begin - frame)
            used = weights[max(0, frame - begin) :]
            shares[into : into + len(used)] += used
        return shares

    def weights(self, index: int) -> np.ndarray:
        """Weight of each used frame of segment `index`, (length,) float32 in (0, 1]."""
        reach = (self.segment - 1) // self.hop
        earlier, later = min(reach, index), min(reach, self.count - 1 - index)
        return _weights(self.segment, self.hop, earlier, later)[: self.length(index)]


def plan_song(frames: int, segment: int, overlap: float, offset: int = 0) -> Plan:
    """A plan in which neighbouring segments share the fraction `overlap` (0 … 0.95) of their frames.

    `offset` is taken modulo the hop. Raises ModelError for an overlap out of range.
    """
    check_overlap(overlap)
    hop = max(1, int(segment * (1.0 - overlap)))
    return Plan(frames, segment, hop, offset % hop)


def check_overlap(overlap: float) -> None:
    """Raise ModelError unless `overlap` is 0 … 0.95."""
    if not 0.0 <= overlap <= MAX_OVERLAP:
        raise ModelError(f"overlap {overlap} is out of range: choose 0 to {MAX_OVERLAP}")


@lru_cache(maxsize=8)
def _weights(segment: int, hop: int, earlier: int, later: int) -> np.ndarray:
    ramp = np.arange(1, segment + 1, dtype=np.float64)
    triangle = np.minimum(ramp, ramp[::-1])
    total = triangle.copy()
    for distance in range(hop, earlier * hop + 1, hop):
        total[: segment - distance] += triangle[distance:]
    for distance in range(hop, later * hop + 1, hop):
        total[distance:] += triangle[: segment - distance]
    weights = (triangle / total).astype(np.float32)
    weights.flags.writeable = False
    return weights
