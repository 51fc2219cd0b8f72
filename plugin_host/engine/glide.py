"""Gains that move without a click: every step is spread over a short raised cosine, to the sample.

The gain at a sample depends only on the steps and their times, never on how the time was cut into blocks: a glide is
cut at the times where a step begins or ends, and between two cuts every sample is the same closed expression.
Overlapping steps add up, so a fader moved every few milliseconds is its step curve smoothed by one fixed window (a
linear filter) and has no kinks at all.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from plugin_host.engine.gains import Amplitudes

RAMP_SECONDS = 0.02
"""Long enough that a full mute makes no audible click, short enough to feel immediate."""


def ramp_shape(rate: int, seconds: float = RAMP_SECONDS) -> npt.NDArray[np.float64]:
    """Raised-cosine rise (frame,) whose last value is exactly 1."""
    frames = max(1, round(rate * seconds))
    shape = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, frames + 1) / frames)
    shape[-1] = 1.0
    return shape


class GainGlide:
    """Amplitudes (channel,) that follow steps; begins at rest on `initial`, at frame `frame`."""

    def __init__(self, initial: Amplitudes, shape: npt.NDArray[np.float64], frame: int = 0) -> None:
        self._shape = shape
        self._waiting: deque[tuple[int, Amplitudes]] = deque()
        self._moving: deque[tuple[int, Amplitudes]] = deque()
        self._rows = np.arange(0)
        self._rest_at(initial, frame)

    def _rest_at(self, gains: Amplitudes, frame: int) -> None:
        self.frame = frame
        self._target = self._base = np.array(gains, dtype=np.float64)
        self._rest_on_base()

    def _rest_on_base(self) -> None:
        self._resting = self._base.astype(np.float32)[:, None]
        self._is_unity = bool((self._resting == 1.0).all())

    def step(self, target: Amplitudes, at: int) -> None:
        """Begin to move to `target` (channel,) at frame `at`, arriving one ramp later.

        Steps are given in order of time; one that lies in the past begins with the next frame. Of those that begin
        together the last one counts.
        """
        earliest, before = self._waiting[-1] if self._waiting else (self.frame, self._target)
        if (target == before).all():
            return
        begin = max(at, earliest)
        if self._waiting and begin == earliest:
            self._waiting.pop()
        self._waiting.append((begin, np.array(target, dtype=np.float64)))

    def jump(self, frame: int) -> None:
        """Go to `frame` at once and rest on the last target given; for seeks, where nothing is heard of the way."""
        target = self._waiting[-1][1] if self._waiting else self._target
        self._waiting.clear()
        self._moving.clear()
        self._rest_at(target, frame)

    def rearrange(self, channels: npt.NDArray[np.intp]) -> None:
        """Channel n becomes what channel `channels[n]` was, on its way as it is; -1 is a new one, which rests on 0."""

        def taken(values: Amplitudes) -> Amplitudes:
            return np.append(values, 0.0)[channels]

        self._waiting = deque((at, taken(target)) for at, target in self._waiting)
        self._moving = deque((at, taken(change)) for at, change in self._moving)
        self._base, self._target = taken(self._base), taken(self._target)
        self._rest_on_base()
        self._find_moving_rows()

    def apply(self, block: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        """Write `block` (channel, frame) times the gains of the next frames to `out`; both move on by the block."""
        count = block.shape[1]
        if not self._moving and (not self._waiting or self._waiting[0][0] >= self.frame + count):
            if not self._is_unity or block is not out:
                np.multiply(block, self._resting, out=out)
            self.frame += count
            return
        begin, end = self.frame, self.frame + count
        while self.frame < end:
            self._begin_and_end_steps()
            frames = self._next_change(end) - self.frame
            piece = np.s_[:, self.frame - begin : self.frame - begin + frames]
            self._multiply(block[piece], out[piece])
            self.frame += frames

    def _multiply(self, block: npt.NDArray[np.float32], out: npt.NDArray[np.float32]) -> None:
        """The next frames, within which no step begins or ends. In a large mix most channels rest."""
        moved = block[self._rows] * self._curve(block.shape[1]) if self._moving else None
        np.multiply(block, self._resting, out=out)
        if moved is not None:
            out[self._rows] = moved

    def _begin_and_end_steps(self) -> None:
        count = len(self._moving), len(self._waiting)
        while self._moving and self._moving[0][0] + len(self._shape) <= self.frame:
            self._base = self._base + self._moving.popleft()[1]
            if not self._moving:  # land on the target itself, free of the sums' rounding
                self._base = self._target
            self._rest_on_base()
        while self._waiting and self._waiting[0][0] <= self.frame:
            at, target = self._waiting.popleft()
            self._moving.append((at, target - self._target))
            self._target = target
        if count != (len(self._moving), len(self._waiting)):
            self._find_moving_rows()

    def _find_moving_rows(self) -> None:
        changes = [change != 0.0 for _, change in self._moving]
        self._rows = np.flatnonzero(np.logical_or.reduce(changes)) if changes else np.arange(0)

    def _next_change(self, end: int) -> int:
        begins = self._waiting[0][0] if self._waiting else end
        ends = self._moving[0][0] + len(self._shape) if self._moving else end
        return min(begins, ends, end)

    def _curve(self, frames: int) -> npt.NDArray[np.float32]:
        """The gains of the channels that move, (channel, frame)."""
        curve = np.repeat(self._base[self._rows, None], frames, axis=1)
        for at, change in self._moving:
            begin = self.frame - at
            curve += change[self._rows, None] * self._shape[begin : begin + frames]
        return curve.astype(np.float32)
