"""A control's value as a share 0 … 1 of its way, and the curves that a binding can bend it by. All exact both ways."""

import math
from enum import StrEnum


def share_of_value(value: int, limit: int) -> float:
    """0 … 1 of a value 0 … limit (127 or 16383). The middle, 64 or 8192, is exactly 0.5."""
    middle = (limit + 1) // 2
    if value <= middle:
        return value / (2 * middle)
    return 0.5 + (value - middle) / (2 * (limit - middle))


def value_of_share(share: float, limit: int) -> int:
    """The value that stands nearest to that share."""
    middle = (limit + 1) // 2
    share = min(max(share, 0.0), 1.0)
    return round(share * 2 * middle) if share <= 0.5 else middle + round((share - 0.5) * 2 * (limit - middle))


class Curve(StrEnum):
    """How a control's way is spread: evenly, finer at its beginning, or finer at its end."""

    LINEAR = "linear"
    FINE_LOW = "fine_low"
    FINE_HIGH = "fine_high"

    def bend(self, share: float) -> float:
        """The target's share where the control stands at `share`."""
        match self:
            case Curve.LINEAR:
                return share
            case Curve.FINE_LOW:
                return share * share
            case Curve.FINE_HIGH:
                return math.sqrt(share)

    def unbend(self, share: float) -> float:
        """Where the control stands for a target's share."""
        return {Curve.LINEAR: Curve.LINEAR, Curve.FINE_LOW: Curve.FINE_HIGH, Curve.FINE_HIGH: Curve.FINE_LOW}[
            self
        ].bend(share)


def into_range(share: float, low: float, high: float) -> float:
    """A control's share as a share of the part low … high of the target's way; high below low turns it round."""
    if share in (0.0, 1.0):
        return high if share else low
    return low + (high - low) * share


def out_of_range(share: float, low: float, high: float) -> float:
    """Where the control stands; what lies outside its part is at the end."""
    if low == high:
        return 0.0
    return min(max((share - low) / (high - low), 0.0), 1.0)
