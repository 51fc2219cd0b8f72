"""How much compressors take away, read now and then: a block goes through the same effects, but one by one.

pedalboard tells nothing of an effect's inside. Its effects keep their state in themselves, so that a block in pieces of
the chain gives the same samples as through the whole; only that block costs a little more.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pedalboard

from plugin_host.effects.frame_buffers import Block, silence

TELLING = ("compressor",)
"""Effects whose output is quieter by what they take away; `limiter` makes up for it by an amount of its own."""
QUIET_POWER = 1e-10


class ReductionProbe:
    """The same plugins as chains cut before and after each compressor. inner_frames: largest block pedalboard sees."""

    def __init__(
        self, plugins: Sequence[pedalboard.Plugin], kinds: Sequence[str], rate: int, inner_frames: int
    ) -> None:
        self._rate, self._inner = float(rate), inner_frames
        telling = [place for place, kind in enumerate(kinds) if kind in TELLING]
        cuts = sorted({0, len(plugins), *telling, *(place + 1 for place in telling)})
        self._chains = [
            (pedalboard.Chain(list(plugins[begin:end])), begin in telling) for begin, end in pairwise(cuts) if telling
        ]
        self.can_tell = bool(telling)
        self.reduction_db: float | None = 0.0 if telling else None
        for chain, _ in self._chains:
            chain.process(silence(inner_frames), self._rate, buffer_size=inner_frames, reset=False)

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out; `reduction_db` is of this block afterwards."""
        self.reduction_db = 0.0
        for chain, telling in self._chains:
            after = chain.process(block, self._rate, self._inner, False)
            if telling:
                self.reduction_db += _quieter_db(block, after)
            block = after
        return block


def _quieter_db(before: Block, after: Block) -> float:
    power, left = float(np.vdot(before, before)), float(np.vdot(after, after))
    if power < QUIET_POWER * before.size or not left > 0.0:
        return 0.0
    return max(0.0, 10.0 * math.log10(power / left))
