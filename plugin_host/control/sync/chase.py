"""How the song follows a master: what is done when, as commands of the transport. Reads no clock and does nothing.

It plays, stops and goes where the master does. Where the sound is off by more than `TOLERANCE_SECONDS` it goes to the
right place (a fade of 10 ms, without a click); less is left alone. Speed is only for another tempo, never to catch up:
time-stretching colours the sound, a jump of some milliseconds does not.
"""

from collections import deque
from dataclasses import dataclass
from statistics import quantiles

from plugin_host.control.sync.target import Target
from plugin_host.mix import transport as t

TOLERANCE_SECONDS = 0.010
SETTLE_SECONDS = 0.4
"""After a jump until its outcome is looked at, beside the way to the ear."""
JUDGED_SECONDS = 0.3
"""For which the sound must be off before anything is done about it."""
SPEED_CHANGE = 0.001
"""Of the speed; what the master's tempo moves by less is taken for jitter."""
_CLEAR_CHANGE = 0.012
_LEAST_LOOKS = 8
_SPEED_SECONDS = 2.0
_CLEAR_SPEED_SECONDS = 0.5
"""For which the master's tempo must differ before the speed is changed: a little, or much."""
_STANDS_SECONDS = 0.002
_LEARNT = 0.5
_MOST_LEARNT = 0.05
_UNSURE = 2.0
"""Errors that spread over more than their middle divided by this say nothing: the master, or the machine, stumbles."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How things stand. heard: seconds of the song that sound now, None where that is not known.

    latency: seconds from a command to the ear, as far as is known; what is missing is learnt from jump to jump.
    """

    now: float
    target: Target
    transport: t.Transport
    heard: float | None
    latency: float


class Chase:
    """Decides; one for each time that something is followed. rate (Hz), frames: of the song.

    offset: by how many seconds the sound is ahead, None while that is not known. following: whether the master plays
    where the song has sound.
    """

    def __init__(self, rate: int, frames: int) -> None:
        self.offset: float | None = None
        self._rate, self._length = rate, frames / rate
        self._errors: deque[tuple[float, float]] = deque()
        self._quiet_until = 0.0
        self._differs_since: float | None = None
        self._learnt = 0.0
        self._learning = False
        self.following = False
        self._stood: float | None = None

    def step(self, moment: Moment) -> tuple[t.TransportCommand, ...]:
        """What to do now."""
        return self._follow(moment) if moment.target.running else self._stand(moment)

    def _stand(self, moment: Moment) -> tuple[t.TransportCommand, ...]:
        """Where the master stands, but only when it has stopped or gone elsewhere: meanwhile one may play alone."""
        commands: list[t.TransportCommand] = []
        if self.following and moment.transport.playing:
            commands.append(t.Pause())
        self.following, self.offset = False, None
        self._errors.clear()
        place = moment.target.seconds
        if place is not None and (self._stood is None or abs(place - self._stood) > _STANDS_SECONDS):
            if self._stood is not None or place > 0.0:
                commands.append(t.Seek(self._frame(place)))
            self._stood = place
        return tuple(commands)

    def _follow(self, moment: Moment) -> tuple[t.TransportCommand, ...]:
        place, transport = moment.target.seconds, moment.transport
        self._stood = place
        if place is None:
            return ()
        speed = moment.target.speed or transport.speed
        goal = place + (moment.latency + self._learnt) * speed
        if not 0.0 <= goal < self._length:
            was, self.following = self.following, False
            return (t.Pause(),) if was and transport.playing else ()
        self.following = True
        if not transport.playing:
            return self._begin(moment, goal)
        return self._change_speed(moment) or self._correct(moment, place, goal)

    def _begin(self, moment: Moment, goal: float) -> tuple[t.TransportCommand, ...]:
        if moment.now < self._quiet_until - SETTLE_SECONDS:
            return ()
        speed = moment.target.speed
        commands: list[t.TransportCommand] = [t.ClearLoop()] if moment.transport.loop else []
        if speed is not None and speed != moment.transport.speed:
            commands.append(t.SetSpeed(speed))
        self._wait(moment, SETTLE_SECONDS)
        self._learning = True
        return (*commands, t.Seek(self._frame(goal)), t.Play())

    def _change_speed(self, moment: Moment) -> tuple[t.TransportCommand, ...]:
        if moment.transport.loop:
            return (t.ClearLoop(),)
        speed, used = moment.target.speed, moment.transport.speed
        if speed is None or speed == used or (speed != 1.0 and abs(speed - used) < SPEED_CHANGE * used):
            self._differs_since = None
            return ()
        if self._differs_since is None:
            self._differs_since = moment.now
        needed = _SPEED_SECONDS if abs(speed - used) < _CLEAR_CHANGE * used else _CLEAR_SPEED_SECONDS
        if moment.now - self._differs_since < needed:
            return ()
        self._differs_since = None
        self._wait(moment, 0.0)
        return (t.SetSpeed(speed),)

    def _correct(self, moment: Moment, place: float, goal: float) -> tuple[t.TransportCommand, ...]:
        if moment.heard is None or moment.now < self._quiet_until:
            return ()
        self._errors.append((moment.now, moment.heard - place))
        if moment.now - self._errors[0][0] < JUDGED_SECONDS or len(self._errors) < _LEAST_LOOKS:
            return ()
        while moment.now - self._errors[0][0] > JUDGED_SECONDS:
            self._errors.popleft()
        lower, self.offset, upper = quantiles(error for _, error in self._errors)
        if self._learning:
            goal -= self._learn(self.offset, moment.transport.speed)
        if abs(self.offset) <= max(TOLERANCE_SECONDS, _UNSURE * (upper - lower)):
            return ()
        self._wait(moment, SETTLE_SECONDS)
        self._learning = True
        return (t.Seek(self._frame(goal)),)

    def _learn(self, error: float, speed: float) -> float:
        """Each jump tells how long the next will take; by how many seconds of the song its goal is now nearer."""
        before, self._learning = self._learnt, False
        if abs(error) > _MOST_LEARNT:
            return 0.0
        self._learnt = min(max(before - _LEARNT * error / speed, -_MOST_LEARNT), _MOST_LEARNT)
        return (before - self._learnt) * speed

    def _wait(self, moment: Moment, seconds: float) -> None:
        self._quiet_until = moment.now + moment.latency + seconds
        self._errors.clear()

    def _frame(self, seconds: float) -> float:
        return float(round(max(seconds, 0.0) * self._rate))
