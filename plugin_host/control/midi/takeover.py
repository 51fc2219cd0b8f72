"""Taking over a value with a fader that does not stand where the value is, without a jump.

What is remembered belongs to a control and the target it moved, so it outlives a switch of bank or layer: whoever
comes back to a bank with the fader where it was goes on at once, otherwise the value is picked up anew.
"""

from dataclasses import dataclass
from enum import StrEnum

NEAR = 0.012
"""Shares this near are the same place: one and a half steps of a 7-bit fader."""
LONGEST_STRIDE = 0.125
"""A fader that moves further than this from one message to the next was not seen passing the value."""


class Takeover(StrEnum):
    """jump: the value goes where the fader is. pickup: it stays until the fader passes it. scale: it moves in the
    fader's direction, by as much of its own way to the end as the fader has gone of its own, until they meet."""

    JUMP = "jump"
    PICKUP = "pickup"
    SCALE = "scale"


@dataclass(frozen=True, slots=True)
class Hold:
    """The control stood at `position` when it last set the target, which has read `value` since."""

    position: float
    value: float


class Grip:
    """What one controller's faders hold. Positions and values are shares 0 … 1."""

    def __init__(self) -> None:
        self._position: dict[str, float] = {}
        self._holds: dict[tuple[str, str], Hold] = {}

    def position(self, control: str) -> float | None:
        """Where the control was last seen."""
        return self._position.get(control)

    def placed(self, control: str, position: float) -> None:
        """The control stands there now: it moved, or its motor was sent there."""
        self._position[control] = position

    def move(self, control: str, target: str, position: float, value: float, mode: Takeover) -> float | None:
        """The control moved to `position` while the target reads `value`; what to set the target to, None for not.

        `target` is the canonical address. Call `done` after setting it.
        """
        before = self._position.get(control)
        self._position[control] = position
        if mode is Takeover.JUMP:
            return position
        if mode is Takeover.SCALE:
            return None if before is None else scaled(before, position, value)
        held = self._holds.get((control, target)) == Hold(before, value) if before is not None else False
        return position if held or passes(before, position, value) else None

    def done(self, control: str, target: str, value: float) -> None:
        """The target was set by the control, and reads `value` now."""
        self._holds[control, target] = Hold(self._position[control], value)


def passes(before: float | None, position: float, value: float) -> bool:
    """Whether a fader that went from `before` to `position` passed the value, or stands on it."""
    if abs(position - value) <= NEAR:
        return True
    if before is None or abs(position - before) > LONGEST_STRIDE:
        return False
    return min(before, position) - NEAR <= value <= max(before, position) + NEAR


def scaled(before: float, position: float, value: float) -> float:
    """The value after a fader's move, so that both reach an end together; where they agree they stay together."""
    if value == before:
        return position
    if position > before:
        return value + (1.0 - value) * (position - before) / (1.0 - before)
    if position < before:
        return value * position / before
    return value
