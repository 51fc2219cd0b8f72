"""A delay-locked loop: the even pulses behind arrivals that jitter."""

from collections import deque

MEMORY = 96
"""Pulses that are averaged at most: four beats of MIDI clock."""
SETTLED = 24
_SHORT = 12
_RAW = 5
"""Arrivals in a row that are far from where they were due, before the pulses are believed to have changed."""
_FAR = 4.0
_BIAS = 1.2
_SAME_PERIOD = 0.1
_SLIP = 0.25
_STRAIGHT = 0.25
"""Of the new period: arrivals this near to a line are pulses; others were held up and came in heaps."""
_NOISE_FLOOR = 0.001
"""Seconds of jitter that are always allowed for."""


class PulseLoop:
    """Follows pulses. time: of the last one, jitter taken out; period: seconds between two, None before the second.

    Its gains are those of a least-squares line through the pulses so far, so it converges as fast as the jitter lets
    anything converge, and stay as they are from `memory` pulses on (Brookner, Tracking and Kalman Filtering Made Easy,
    1998, ch. 1: the expanding-memory filter). One pulse that is late moves it little; where several in a row are, or
    all are a little, it forgets.
    """

    def __init__(self, memory: int = MEMORY, settled: int = SETTLED) -> None:
        self._memory, self._settled = memory, settled
        self.time = 0.0
        self.period: float | None = None
        self._count = 0
        self._noise = _NOISE_FLOOR
        self._bias = 0.0
        self._raw: deque[tuple[int, float]] = deque(maxlen=_RAW)
        self._index = 0
        self._far = 0
        self._rephase = False

    @property
    def settled(self) -> bool:
        """Whether the period was measured over enough pulses."""
        return self._count >= self._settled

    def pulse(self, seconds: float, steps: int = 1) -> int:
        """A pulse arrived, so many steps (1 or more) after the last.

        Returns by how many more it was, as it turns out: 0, but above 0 where pulses were lost on the way, and below
        where some came twice, which both show some pulses later.
        """
        self._index += steps
        self._raw.append((self._index, seconds))
        if self._count == 0 or self.period is None:
            self._begin(seconds, steps)
        elif self._rephase:
            self.time, self._count, self._rephase = seconds, min(self._count, _SHORT), False
        else:
            return self._follow(seconds, steps)
        return 0

    def rephase(self) -> None:
        """The next pulse need not fall into step with the last; the period is kept."""
        self._rephase = self.period is not None
        self._raw.clear()
        self._far, self._bias = 0, 0.0

    def _begin(self, seconds: float, steps: int) -> None:
        if self._count:
            self.period = max((seconds - self.time) / steps, 1e-6)
        self.time, self._count = seconds, self._count + 1

    def _follow(self, seconds: float, steps: int) -> int:
        period = self.period or 0.0
        due = self.time + steps * period
        error = seconds - due
        allowed = _FAR * self._noise if self._count >= _SHORT else abs(error)
        self._far = self._far + 1 if abs(error) > allowed else 0
        if self._far >= _RAW and self._is_straight():
            return self._begin_again(error)
        error = min(max(error, -allowed), allowed)
        self._count = min(self._count + 1, self._memory)
        spread = self._count * (self._count + 1)
        self.time = due + 2.0 * (2 * self._count - 1) / spread * error
        self.period = max(period + 6.0 / spread * error / steps, 1e-6)
        self._judge(error)
        return 0

    def _judge(self, error: float) -> None:
        """Errors that lean to one side mean that the tempo moves: average over less."""
        self._noise += 0.05 * (max(abs(error), _NOISE_FLOOR) - self._noise)
        self._bias += 0.15 * (error - self._bias)
        if self._count > self._settled and abs(self._bias) > _BIAS * self._noise:
            self._count, self._bias = self._settled, 0.0

    def _is_straight(self) -> bool:
        (first, began), (last, seconds) = self._raw[0], self._raw[-1]
        period = (seconds - began) / (last - first)
        return all(abs(at - began - (index - first) * period) < _STRAIGHT * period for index, at in self._raw)

    def _begin_again(self, error: float) -> int:
        """The last few arrivals are a line of their own, a step away from the old one or with another period.

        A step of whole periods means that pulses were lost, or came twice.
        """
        (first, began), (last, seconds) = self._raw[0], self._raw[-1]
        period = max((seconds - began) / (last - first), 1e-6)
        old = self.period or period
        stepped = abs(period / old - 1.0) < _SAME_PERIOD
        slip = round(error / old)
        slipped = stepped and abs(error / old - slip) < _SLIP
        self._count = _SHORT if stepped else len(self._raw)
        self.period = old if stepped else period
        self.time, self._far, self._bias = seconds, 0, 0.0
        return slip if slipped else 0
