"""One pass of a separator over a song: segments on a plan's grid, begun ahead, weighted and added up.

Where memory runs out on the way and segments become shorter, the pass goes on with a plan of its own for these. What
the long segments had begun to say about the next frames stays, and the short ones fade in over just that stretch, as
the next long one would have: no seam. All plans lie on grids over the whole song, so a run that starts later with the
same length of segments gives the same samples.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from separation_core.audio.frames import FrameSource
from separation_core.dsp.overlap_add import OverlapAdder
from separation_core.errors import ModelError
from separation_core.inference.on_device import OnDevice, SegmentChanged
from separation_core.inference.plan import Plan, plan_song
from separation_core.inference.transfers import Arrival
from separation_core.inference.views import View

_NOTHING = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Pass:
    """One cover of the song by segments, heard in one way; overlap, offset: see `plan_song`."""

    separator: OnDevice
    source: FrameSource
    view: View
    overlap: float
    offset: int = 0

    def blocks(self, start: int) -> Iterator[np.ndarray]:
        """Consecutive blocks (stem, channel, frame) from `start`, before the song's end, on."""
        spec = self.separator.spec
        adder = OverlapAdder(len(spec.stems), spec.channels, start)
        said = _NOTHING
        while adder.position < self.source.frames:
            plan = plan_song(self.source.frames, self.separator.segment, self.overlap, self.offset)
            stretch = _Stretch(self, plan, adder, said)
            yield from (self.view.undo(block.numpy()) for block in stretch.blocks())
            said = stretch.said()

    def heard(self, plan: Plan, index: int) -> np.ndarray:
        """Segment and context (channel, frame) as the model hears it."""
        context = self.separator.spec.context
        return self.view.hear(self.source, plan.window(index) - context, plan.segment + 2 * context)


@dataclass(slots=True)
class _Stretch:
    """The part of a pass that one plan covers: to the song's end, or to where segments change their length.

    before: the share of the frames from the adder's position on that earlier stretches have said.
    """

    whole: Pass
    plan: Plan
    adder: OverlapAdder
    before: np.ndarray
    origin: int = field(init=False)
    done: int = field(init=False)
    """The first segment that is not added yet."""
    begun: deque[tuple[range, Arrival]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.origin = self.adder.position
        batch = self.whole.separator.batch_size
        # Batches lie on the grid too: in another company a segment may come out with other last bits.
        self.done = self.plan.first_touching(self.origin) // batch * batch

    def blocks(self) -> Iterator[torch.Tensor]:
        separator = self.whole.separator
        try:
            for first in range(self.done, self.plan.count, separator.batch_size):
                self._begin(range(first, min(first + separator.batch_size, self.plan.count)))
                if len(self.begun) > separator.ahead:
                    yield from self._finish()
        except SegmentChanged:
            pass
        try:
            while self.begun:
                yield from self._finish()
        except SegmentChanged:
            self.begun.clear()

    def said(self) -> np.ndarray:
        """The share of each frame from the adder's position on that has been said; ones to zeros, in the end none."""
        position = self.adder.position
        here = self.plan.shares_before(self.done, position)
        earlier = self.before[position - self.origin :]
        frames = max(len(here), len(earlier))
        here, earlier = (np.pad(part, (0, frames - len(part))) for part in (here, earlier))
        together: np.ndarray = earlier + (1 - earlier) * here
        return together

    def _begin(self, indices: range) -> None:
        heard = np.stack([self.whole.heard(self.plan, index) for index in indices])
        self.begun.append((indices, self.whole.separator.begin(torch.from_numpy(heard))))

    def _finish(self) -> Iterator[torch.Tensor]:
        """Add the batch that was begun first; its frames that are final now."""
        indices, arrival = self.begun[0]
        for index, segment in zip(indices, arrival(), strict=True):
            self._add(index, segment)
        self.begun.popleft()
        self.done = indices.stop
        end = self.plan.final_after(indices[-1])
        if end > self.adder.position:
            yield self.adder.take(end)

    def _add(self, index: int, segment: torch.Tensor) -> None:
        start, into = self.plan.start(index), self.plan.start(index) - self.plan.window(index)
        used = segment[..., into : into + self.plan.length(index)]
        self._check_finite(used, start)
        outside = max(0, -start)
        weights = self._faded_in(self.plan.weights(index)[outside:], max(0, start))
        self.adder.add(used[..., outside:], torch.from_numpy(weights), max(0, start))

    def _faded_in(self, weights: np.ndarray, start: int) -> np.ndarray:
        """Weights of the frames from `start` on less what earlier stretches have said of these."""
        weights = weights.copy()
        first, last = max(start, self.origin), min(start + len(weights), self.origin + len(self.before))
        if first < last:
            weights[first - start : last - start] *= 1 - self.before[first - self.origin : last - self.origin]
        return weights

    def _check_finite(self, segment: torch.Tensor, start: int) -> None:
        broken = ~torch.isfinite(segment).all(dim=0).all(dim=0)
        if broken.any():
            spec = self.whole.separator.spec
            seconds = max(0, start + int(broken.nonzero()[0])) / spec.rate
            raise ModelError(
                f"{spec.name} gave samples that are not numbers at {seconds:.2f} s: try --device cpu or another model"
            )
