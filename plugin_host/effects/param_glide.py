"""A parameter of a playing effect on its way to a new value: many small steps instead of one that clicks.

pedalboard takes a value at once, so a jump of a level is a jump of the wave. A glide lasts 20 ms in steps of 64 frames;
a far jump takes shorter steps, down to 8 frames, and then longer, so that no single step is large. The steps are
counted from the frame of the change and do not know how the time is cut into blocks.
"""

import math
from collections.abc import Callable

from plugin_host.effects.catalogue import Parameter

GLIDE_SECONDS = 0.02
LONGEST_STEP = 64
SHORTEST_STEP = 8

_GRAINS = {"dB": 0.1, "bit": 0.1}
"""Largest step of a parameter that moves by differences, by unit."""
_SHARE_GRAIN = 0.005
_RATIO_GRAIN = 0.015
"""Largest step of a parameter that moves by ratios, as a share of its value."""
_RATIO_UNITS = {"Hz", "ms", "s", "x", ":1"}


class ParamGlide:
    """Steps from `start` to `target`, beginning at once.

    put: sets the parameter. parameter: says by its unit whether differences (dB, shares) or ratios (Hz, ms) are even
    to the ear. rate: Hz.
    """

    def __init__(
        self, put: Callable[[float], None], parameter: Parameter, start: float, target: float, rate: int
    ) -> None:
        self._put = put
        self._start, self._target = start, target
        self._by_ratio = moves_by_ratio(parameter) and start > 0 and target > 0
        frames, fewest = round(GLIDE_SECONDS * rate), self._fewest_steps(parameter.unit)
        self._step_frames = _on_the_grid(frames // max(fewest, 1))
        self._steps = max(math.ceil(frames / self._step_frames), fewest)
        self._done = 0
        self.left = 0

    @property
    def arrived(self) -> bool:
        """Whether the parameter stands on its target."""
        return self._done == self._steps

    def begin_step(self) -> None:
        """Put the next value, for the `left` frames to come; only when none are left of the step before."""
        self._done += 1
        self._put(self._target if self.arrived else self._value(self._done / self._steps))
        self.left = self._step_frames

    def _value(self, share: float) -> float:
        if self._by_ratio:
            return float(self._start * (self._target / self._start) ** share)
        return self._start + (self._target - self._start) * share

    def _fewest_steps(self, unit: str) -> int:
        if self._by_ratio:
            return math.ceil(abs(math.log(self._target / self._start)) / _RATIO_GRAIN)
        return math.ceil(abs(self._target - self._start) / _GRAINS.get(unit, _SHARE_GRAIN))


def _on_the_grid(frames: int) -> int:
    """8, 16, 32 or 64 frames: the steps of several parameters then fall together, and the block is cut less often."""
    held = min(max(frames, SHORTEST_STEP), LONGEST_STEP)
    return 1 << (held.bit_length() - 1)


def moves_by_ratio(parameter: Parameter) -> bool:
    """Whether equal ratios of this parameter sound like equal steps."""
    return parameter.unit in _RATIO_UNITS or parameter.name == "q"
