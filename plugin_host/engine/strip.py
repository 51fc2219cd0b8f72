"""One strip of the mixer up to its fader: a chain that can be exchanged while it plays, and the wait for the others."""

from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from plugin_host.engine.crossfade import Crossfade
from plugin_host.engine.fault_guard import FaultGuard
from plugin_host.engine.latency import DelayLine

Block = npt.NDArray[np.float32]


class Runner(Protocol):
    """Something prepared that plays: (2, frame) in, (2, frame) out, later by `latency` frames."""

    @property
    def latency(self) -> int:
        """Frames by which the output is late; constant."""

    def process(self, block: Block) -> Block:
        """The next block (2, frame), same length."""

    def reset(self) -> None:
        """Forget everything heard so far."""


class RunningChain(Runner, Protocol):
    """A prepared chain; see `effects.chain.ChainRunner`."""

    def move(self, path: tuple[int, ...], name: str, value: float) -> None:
        """Glide a parameter, from the next frame on."""

    def measure(self) -> None:
        """Have the next block tell what compressors take away."""

    @property
    def reduction_db(self) -> float | None:
        """What they took away; None where nothing can tell."""


class Wire:
    """A chain without effects."""

    latency = 0
    reduction_db: float | None = None

    def process(self, block: Block) -> Block:
        """The block itself."""
        return block

    def reset(self) -> None:
        """Nothing to forget."""

    def move(self, path: tuple[int, ...], name: str, value: float) -> None:
        """Nothing to move."""

    def measure(self) -> None:
        """Nothing to measure."""


class Silence(Wire):
    """What is left of a chain that gave non-sound."""

    def process(self, block: Block) -> Block:
        """Zeros."""
        return np.zeros_like(block)


R = TypeVar("R", bound=Runner)


class Strip(Generic[R]):
    """chain → delay; while an exchange is under way a second such path hears the same and is faded to.

    delay: frames it waits so that it comes out with the strips beside it. longest_block: frames.
    """

    def __init__(self, chain: R, delay: int, longest_block: int) -> None:
        self.chain = chain
        self._longest_block = longest_block
        self._line = DelayLine(delay, longest_block)
        self._next: tuple[R, DelayLine] | None = None
        self._beside = np.zeros((2, 0), dtype=np.float32)

    @property
    def latest(self) -> R:
        """The chain that is or will be heard."""
        return self.chain if self._next is None else self._next[0]

    def exchange(self, chain: R, delay: int) -> None:
        """Begin to run `chain` with `delay` beside what is heard; nothing happens where both are as they are."""
        if chain is self.chain and delay == self._line.delay:
            return
        self._next = chain, DelayLine(delay, self._longest_block)
        self._beside = np.zeros((2, self._longest_block), dtype=np.float32)

    def finish(self) -> None:
        """The fade is over: let go of the old chain."""
        if self._next is not None:
            self.chain, self._line = self._next
            self._next = None

    def process(self, block: Block, room: Block, fade: Crossfade | None, frame: int) -> Block:
        """The next block (2, frame); it may be `room`, what the chain gave or, without a chain, `block` itself.

        room: of the same shape. fade: of the exchange under way. frame: number of the block's first frame.
        """
        heard = self.chain.process(block)
        if self._next is None and not self._line.delay:
            return heard
        self._line.process(heard, room)
        if self._next is not None and fade is not None:
            chain, line = self._next
            beside = self._beside[:, : block.shape[1]]
            line.process(heard if chain is self.chain else chain.process(block), beside)
            fade.join(room, beside, frame)
        return room

    def reset(self) -> None:
        """Forget everything heard so far."""
        self.chain.reset()
        self._line.reset()


def revive(strip: Strip[RunningChain], chain: RunningChain, guard: FaultGuard, signal: int) -> None:
    """Another `chain` than the strip's gets its own chance; nothing more is heard of one that gave non-sound."""
    if chain is not strip.chain and guard.silenced(signal):
        guard.clear(signal)
        strip.chain = Silence()
