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

INNER_FRAMES = 512
"""Largest block that pedalboard sees at once; longer ones it splits itself. A convolution costs least near this."""

STEP_FRAMES = 64
"""The one block size for effects that care about it; up to 63 frames of latency (1.4 ms at 44.1 kHz)."""

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


class PlainStage:
    """Effects without latency, run as one pedalboard chain (one call per block for all of them)."""

    latency = 0

    def __init__(self, plugins: Sequence[pedalboard.Plugin], rate: int) -> None:
        self._chain = pedalboard.Chain(list(plugins))
        self._rate = float(rate)
        self._fresh = True
        # The largest block comes first, so that none later makes the effects start anew; it also fixes the layout.
        self._chain.process(silence(INNER_FRAMES), self._rate, buffer_size=INNER_FRAMES, reset=False)

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        out: Block = self._chain.process(block, self._rate, buffer_size=INNER_FRAMES, reset=self._fresh)
        self._fresh = False
        return out

    def reset(self) -> None:
        """As if new: the next block begins with pedalboard's own reset, which keeps the size and layout."""
        self._fresh = True


class LookaheadStage:
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
        out: Block = self._plugin.process(block, self._rate, buffer_size=INNER_FRAMES, reset=False)
        return out

    def reset(self) -> None:
        """As if new."""
        # Inside a chain: on its own the limiter starts anew whenever the block size changes.
        self._plugin = pedalboard.Chain([self._make()])
        self.latency = settle(self.process, INNER_FRAMES)


class StepStage:
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


class BypassStage:
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

    def __init__(self, effect: Stage, wet: float) -> None:
        self._effect = effect
        self._wet = np.float32(wet)
        self._dry = DelayLine(effect.latency)
        self.latency = effect.latency

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        dry = self._dry.process(block)
        mixed: Block = dry + self._wet * (self._effect.process(block) - dry)
        return mixed

    def reset(self) -> None:
        """As if new."""
        self._dry.reset()
        self._effect.reset()


class SeriesStage:
    """Stages one after another."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)
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


def settle(process: StepProcess, step: int) -> int:
    """Feed silence in steps until as much comes back as goes in; the frames withheld till then."""
    withheld = 0
    while True:
        missing = step - process(silence(step)).shape[1]
        if missing == 0:
            return withheld
        withheld += missing
