"""The original song beside the remix: one switch between them, in time and equally loud."""

import numpy as np
import numpy.typing as npt

from plugin_host.engine.crossfade import Crossfade, fade_shape
from plugin_host.engine.glide import GainGlide, ramp_shape
from plugin_host.engine.strip import Runner, Strip, Wire

Block = npt.NDArray[np.float32]
SWITCH_SECONDS = 0.03
_REMIX, _ORIGINAL = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])


class ReferenceSwitch:
    """Crossfades between the remix and the original.

    limiter: for the original, which is turned up where the remix is louder and must not blast; limited: whether the
    remix has one, too, without which it could not wait for the original's. `latency` says how much earlier than the
    remix the original must be given.
    """

    def __init__(
        self, rate: int, longest_block: int, limiter: Runner, *, on: bool = False, limited: bool = True
    ) -> None:
        shape = ramp_shape(rate, SWITCH_SECONDS)
        self.on = on
        self._limiter, self._wire = limiter, Wire()
        self._limited: Strip[Runner] = Strip(limiter if limited else self._wire, 0, longest_block)
        self._exchange: Crossfade | None = None
        self._exchange_shape = fade_shape(rate)
        self._fade = GainGlide(_ORIGINAL if on else _REMIX, shape)
        self._level = GainGlide(np.ones(2), shape)
        self._runs = on
        self._room = np.zeros(6 * longest_block, dtype=np.float32)
        self._ramp = len(shape)
        self._remix_alone_from = 0

    @property
    def latency(self) -> int:
        """Frames by which the original must come earlier than the remix."""
        return self._limited.latest.latency

    def limit(self, on: bool) -> None:
        """Limit the original or not, from the next block on, as the remix is."""
        self._finish_exchange()
        self._limited.exchange(self._limiter if on else self._wire, 0)
        if self._runs:
            self._exchange = Crossfade(self._fade.frame + self._limiter.latency, self._exchange_shape)
        else:
            self._finish_exchange()

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
        count, frame = remix.shape[1], self._fade.frame
        both, room = np.split(self._room[: 6 * count].reshape(6, count), [4])
        self._level.apply(original, out=both[2:])
        both[2:] = self._limited.process(both[2:], room, self._exchange, frame)
        if self._exchange is not None and frame + count >= self._exchange.end:
            self._finish_exchange()
        both[:2] = remix
        self._fade.apply(both, out=both)
        if not self.on and self._fade.frame > self._remix_alone_from:
            self._runs = False
            self._finish_exchange()
            return remix
        both[:2] += both[2:]
        return both[:2]

    def _finish_exchange(self) -> None:
        self._limited.finish()
        self._exchange = None
