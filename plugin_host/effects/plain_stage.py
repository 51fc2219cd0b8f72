"""Effects without latency in one stage, their parameters movable while they play."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pedalboard

from plugin_host.effects.catalogue import effect_type
from plugin_host.effects.frame_buffers import Block, silence
from plugin_host.effects.param_glide import ParamGlide
from plugin_host.effects.plugins import parameter_value
from plugin_host.effects.reduction_probe import ReductionProbe
from plugin_host.effects.stages import INNER_FRAMES, Path


class PlainStage:
    """Effects without latency, run as one pedalboard chain (one call per block for all of them).

    plugins: the effects. kinds: their catalogue names.
    """

    latency = 0

    def __init__(self, plugins: Sequence[pedalboard.Plugin], kinds: Sequence[str], rate: int) -> None:
        self._plugins, self._kinds = tuple(plugins), tuple(kinds)
        self._chain = pedalboard.Chain(list(plugins))
        self._rate, self._hertz = rate, float(rate)
        self._glides: dict[tuple[int, str], ParamGlide] = {}
        self._probe = ReductionProbe(self._plugins, self._kinds, rate, INNER_FRAMES)
        self._measuring = False
        # The largest block comes first, so that none later makes the effects start anew; it also fixes the layout.
        self._fresh = False
        self._run(silence(INNER_FRAMES))
        self._fresh = True

    def process(self, block: Block) -> Block:
        """(2, frame) in, as many out."""
        if self._glides:
            return self._glide(block)
        if self._measuring and not self._fresh:
            self._measuring = False
            return self._probe.process(block)
        return self._run(block)

    def reset(self) -> None:
        """As if new: the next block begins with pedalboard's own reset, which keeps the size and layout."""
        self._fresh = True

    def move(self, path: Path, name: str, value: float) -> None:
        """See `Stage.move`."""
        (place,) = path
        plugin, parameter = self._plugins[place], effect_type(self._kinds[place]).parameter(name)
        target = float(parameter_value(parameter, {name: value}, self._rate))
        start = float(getattr(plugin, name))
        self._glides[place, name] = ParamGlide(partial(setattr, plugin, name), parameter, start, target, self._rate)

    def measure(self) -> None:
        """See `Stage.measure`."""
        self._measuring = self._probe.can_tell

    @property
    def reduction_db(self) -> float | None:
        """See `Stage.reduction_db`."""
        return self._probe.reduction_db

    def _run(self, block: Block) -> Block:
        reset, self._fresh = self._fresh, False
        # By position: keywords would cost half a microsecond for every block of every track.
        out: Block = self._chain.process(block, self._hertz, INNER_FRAMES, reset)
        return out

    def _glide(self, block: Block) -> Block:
        """The block in pieces, between which parameters take their steps."""
        out, done = np.empty_like(block), 0
        while done < block.shape[1]:
            frames = self._begin_steps(block.shape[1] - done)
            out[:, done : done + frames] = self._run(np.ascontiguousarray(block[:, done : done + frames]))
            done += frames
        return out

    def _begin_steps(self, most: int) -> int:
        """Put the values that are due; the frames they hold for, at most `most`."""
        for key, glide in list(self._glides.items()):
            if not glide.left and glide.arrived:
                del self._glides[key]
            elif not glide.left:
                glide.begin_step()
        frames = min([most, *(glide.left for glide in self._glides.values())])
        for glide in self._glides.values():
            glide.left -= frames
        return frames
