"""The parts a running chain is made of: each takes (2, frame) float32 and gives as many frames, a constant time later.

pedalboard's `process(…, reset=False)` cannot be used as it is (measured with 0.9.26):
- a call with a larger block than any before prepares the effect anew and drops its state (echoes, envelopes);
- effects with latency return fewer frames at first, and how many fewer depends on the block size;
- a (2, 2) or (2, 1) block is refused or taken as interleaved until a longer one was seen.
Each stage here answers these in the cheapest way its effect allows, so that blocks of any size give the same samples.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pedalboard

from plugin_host.effects.frame_buffers import Block, DelayLine, FrameQueue, silence
from plugin_host.effects.param_glide import GLIDE_SECONDS
from plugin_host.effects.ramped_share import RampedShare
from plugin_host.errors import EffectError

INNER_FRAMES = 512
"""Largest block that pedalboard sees at once; longer ones it splits itself. A convolution costs least near this."""

STEP_FRAMES = 64
"""The one block size for effects that care about it; up to 63 frames of latency (1.4 ms at 44.1 kHz)."""

WET = ""
"""The name under which a slot's own wet share moves, beside the parameters of its effect."""

Path = tuple[int, ...]
"""Where an effect stands: its slot, or slot, branch and slot within the branch, and so on."""

StepProcess = Callable[[Block], Block]
"""Takes a whole number of steps (2, k·64), gives what is ready: fewer frames at first, never fewer in the long run."""


class Stage(Protocol):
    """latency: frames by which the output is later than the input; constant."""

    @property
    def latency(self) -> int:
        """Frames, constant for the stage's lifetime."""

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""

    def reset(self) -> None:
        """Forget what was heard, as if new."""

    def move(self, path: Path, name: str, value: float) -> None:
        """Glide the parameter `name` (or `WET`) of the effect at `path` to `value`, from the next frame on."""

    def measure(self) -> None:
        """Have the next block tell how much compressors take away."""

    @property
    def reduction_db(self) -> float | None:
        """What compressors took away when last measured, 0 or more; None where nothing in here can tell."""


class SteadyStage:
    """What a stage does in which no parameter moves and nothing is measured."""

    reduction_db: float | None = None

    def move(self, path: Path, name: str, value: float) -> None:
        """Refused: such an effect is built anew instead (see `moves.chain_moves`)."""
        raise EffectError(f"{name or 'wet'} of slot {path} does not move while it plays: build the chain anew", name)

    def measure(self) -> None:
        """Nothing to measure."""


class LookaheadStage(SteadyStage):
    """An effect that is late by a fixed number of frames whatever the block size (BrickwallLimiter).

    It is started with silence until it returns as much as it is given; what it withheld till then is its latency.
    """

    def __init__(self, make: Callable[[], pedalboard.Plugin], rate: int) -> None:
        self._make = make
        self._rate = float(rate)
        self.latency = 0
        self.reset()

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        out: Block = self._plugin.process(block, self._rate, INNER_FRAMES, False)
        return out

    def reset(self) -> None:
        """As if new."""
        # Inside a chain: on its own the limiter starts anew whenever the block size changes.
        self._plugin = pedalboard.Chain([self._make()])
        self.latency = settle(self.process, INNER_FRAMES)


class StepStage(SteadyStage):
    """An effect fed in steps of 64 frames, whatever blocks come in: the same samples by construction.

    start: makes the effect as if new. short: the most frames it withholds. late: frames by which what it returns
    is itself late.
    """

    def __init__(self, start: Callable[[], StepProcess], short: int, late: int = 0) -> None:
        self._start = start
        self._queued = short + STEP_FRAMES - 1
        self.latency = self._queued + late
        self.reset()

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        self._waiting.push(block)
        whole = len(self._waiting) // STEP_FRAMES * STEP_FRAMES
        if whole:
            self._ready.push(self._step(self._waiting.pop(whole)))
        return self._ready.pop(block.shape[1])

    def reset(self) -> None:
        """As if new."""
        self._step = self._start()
        self._waiting = FrameQueue()
        self._ready = FrameQueue(self._queued)


class BypassStage(SteadyStage):
    """The input, unchanged bit for bit, as late as the effect it stands for."""

    def __init__(self, latency: int) -> None:
        self.latency = latency
        self._line = DelayLine(latency)

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        return self._line.process(block)

    def reset(self) -> None:
        """As if new."""
        self._line.reset()


class WetDryStage:
    """wet parts of an effect and 1 - wet parts of its input, in time with each other."""

    def __init__(self, effect: Stage, wet: float, rate: int) -> None:
        self._effect = effect
        self._share = RampedShare(wet, round(GLIDE_SECONDS * rate))
        self._dry = DelayLine(effect.latency)
        self.latency = effect.latency

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        dry = self._dry.process(block)
        mixed: Block = dry + self._share.next(block.shape[1]) * (self._effect.process(block) - dry)
        return mixed

    def reset(self) -> None:
        """As if new."""
        self._dry.reset()
        self._effect.reset()

    def move(self, path: Path, name: str, value: float) -> None:
        """See `Stage.move`."""
        if name == WET and len(path) == 1:
            self._share.move(value)
        else:
            self._effect.move(path, name, value)

    def measure(self) -> None:
        """See `Stage.measure`."""
        self._effect.measure()

    @property
    def reduction_db(self) -> float | None:
        """See `Stage.reduction_db`."""
        return self._effect.reduction_db


class SeriesStage:
    """Stages one after another. slots: how many slots of the chain each one holds."""

    def __init__(self, stages: Sequence[Stage], slots: Sequence[int]) -> None:
        self._stages = tuple(stages)
        self._places = [(stage, place) for stage, held in zip(stages, slots, strict=True) for place in range(held)]
        self.latency = sum(stage.latency for stage in self._stages)

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        for stage in self._stages:
            block = stage.process(block)
        return block

    def reset(self) -> None:
        """As if new."""
        for stage in self._stages:
            stage.reset()

    def move(self, path: Path, name: str, value: float) -> None:
        """See `Stage.move`."""
        stage, place = self._places[path[0]]
        stage.move((place, *path[1:]), name, value)

    def measure(self) -> None:
        """See `Stage.measure`."""
        for stage in self._stages:
            stage.measure()

    @property
    def reduction_db(self) -> float | None:
        """See `Stage.reduction_db`."""
        found = [stage.reduction_db for stage in self._stages if stage.reduction_db is not None]
        return sum(found) if found else None


class ParallelStage:
    """Branches that all hear the input; their outputs are summed, each delayed to the slowest."""

    def __init__(self, branches: Sequence[Stage]) -> None:
        self._branches = tuple(branches)
        self.latency = max(branch.latency for branch in self._branches)
        self._lines = tuple(DelayLine(self.latency - branch.latency) for branch in self._branches)

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        total = np.zeros_like(block)
        for branch, line in zip(self._branches, self._lines, strict=True):
            total += line.process(branch.process(block))
        return total

    def reset(self) -> None:
        """As if new."""
        for branch, line in zip(self._branches, self._lines, strict=True):
            branch.reset()
            line.reset()

    def move(self, path: Path, name: str, value: float) -> None:
        """See `Stage.move`."""
        self._branches[path[1]].move(path[2:], name, value)

    def measure(self) -> None:
        """See `Stage.measure`."""
        for branch in self._branches:
            branch.measure()

    @property
    def reduction_db(self) -> float | None:
        """See `Stage.reduction_db`; of the branch that takes away most."""
        return max((b.reduction_db for b in self._branches if b.reduction_db is not None), default=None)


def settle(process: StepProcess, step: int) -> int:
    """Feed silence in steps until as much comes back as goes in; the frames withheld till then."""
    withheld = 0
    while True:
        missing = step - process(silence(step)).shape[1]
        if missing == 0:
            return withheld
        withheld += missing
