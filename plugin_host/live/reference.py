"""The original song beside the remix: one switch between them, in time and equally loud."""

import numpy as np
import numpy.typing as npt

from plugin_host.engine.glide import GainGlide, ramp_shape
from plugin_host.engine.strip import Runner

Block = npt.NDArray[np.float32]
SWITCH_SECONDS = 0.03
_REMIX, _ORIGINAL = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])


class ReferenceSwitch:
    """Crossfades between the remix and the original.

    limiter: for the original, which is turned up where the remix is louder and must not blast; it is `limiter.latency`
    late, so give the original that much earlier than the remix.
    """

    def __init__(self, rate: int, longest_block: int, limiter: Runner, *, on: bool = False) -> None:
        shape = ramp_shape(rate, SWITCH_SECONDS)
        self.on = on
        self._limiter = limiter
        self._fade = GainGlide(_ORIGINAL if on else _REMIX, shape)
        self._level = GainGlide(np.ones(2), shape)
        self._runs = on
        self._room = np.zeros(4 * longest_block, dtype=np.float32)
        self._ramp = len(shape)
        self._remix_alone_from = 0

    @property
    def latency(self) -> int:
        """Frames by which the original must come earlier than the remix."""
        return self._limiter.latency

    def switch(self, on: bool) -> None:
        """Hear the original, or the remix, from the next block on."""
        self.on = on
        # A limiter that starts to run is heard once what it held from before has passed.
        at = self._fade.frame + (0 if self._runs else self.latency)
        self._runs = True
        self._fade.step(_ORIGINAL if on else _REMIX, at)
        self._remix_alone_from = at + 2 * self._ramp

    def set_gain(self, gain: float) -> None:
        """Amplitude at which the original is as loud as the remix."""
        self._level.step(np.full(2, gain), self._level.frame)
        if not self._runs:
            self._level.jump(self._level.frame)

    def process(self, remix: Block, original: Block) -> Block:
        """The next (2, frame) of what is heard, valid until the next call; the remix itself while it is alone."""
        if not self._runs:
            return remix
        count = remix.shape[1]
        both = self._room[: 4 * count].reshape(4, count)
        self._level.apply(original, out=both[2:])
        both[2:] = self._limiter.process(both[2:])
        both[:2] = remix
        self._fade.apply(both, out=both)
        if not self.on and self._fade.frame > self._remix_alone_from:
            self._runs = False
            return remix
        both[:2] += both[2:]
        return both[:2]
