"""Where in the song the sound is at any moment, as a straight line through what the engine tells now and then."""

from collections import deque
from dataclasses import dataclass

from plugin_host.live.port import EngineStatus

_MEMORY = 10
"""Looks at the engine that are kept, half a second: the one that came soonest after it spoke counts."""
_SAME_LINE_SECONDS = 0.012
"""Nearer than this to where the line leads, the song goes on; further, it went somewhere else."""
_RENEWED_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class SongLine:
    """The song at `seconds` at time `since`, and on from there. number: grows by one when the song goes elsewhere.

    speed: seconds of the song in one second.
    """

    playing: bool
    seconds: float
    since: float
    speed: float
    number: int

    def seconds_at(self, now: float) -> float:
        """The place that is heard."""
        return self.seconds + (now - self.since) * self.speed if self.playing else self.seconds

    def time_at(self, seconds: float) -> float:
        """When that place is heard, if the song goes on so."""
        return self.since + (seconds - self.seconds) / self.speed


class HeardSong:
    """Made of looks at the engine's status. rate: the song's, in Hz. For one thread.

    The engine tells where it is twenty times a second, and is a while ahead of the ear (`song_delay_ms`). When it told
    is known only from when it was looked at; the look that was least late of the last half second counts.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._births: deque[float] = deque(maxlen=_MEMORY)
        self._last: tuple[int, int] = (-1, -1)
        self._coming: deque[SongLine] = deque()
        self._line: SongLine | None = None

    def observe(self, status: EngineStatus, speed: float, now: float) -> None:
        """A look at the engine, as it is now. speed: of the transport."""
        if not status.alive or (status.restarts, status.engine_frame) == self._last:
            return
        if (status.restarts, status.engine_frame) < self._last or status.restarts > self._last[0]:
            self._births.clear()
        self._last = (status.restarts, status.engine_frame)
        self._births.append(now - status.engine_frame / self._rate)
        heard_at = min(self._births) + status.engine_frame / self._rate + status.song_delay_ms / 1000
        self._draw(status.playing, status.song_frame / self._rate, heard_at, speed)

    def line_at(self, now: float) -> SongLine | None:
        """The line that is heard at that time; None before the engine was seen."""
        while self._coming and self._coming[0].since <= now:
            self._line = self._coming.popleft()
        return self._line

    def _draw(self, playing: bool, seconds: float, since: float, speed: float) -> None:
        last = self._coming[-1] if self._coming else self._line
        if last is None or last.playing != playing or abs(seconds - last.seconds_at(since)) > _SAME_LINE_SECONDS:
            number = 0 if last is None else last.number + 1
            self._coming.append(SongLine(playing, seconds, since, speed, number))
        elif last.speed != speed:
            self._coming.append(SongLine(playing, seconds, since, speed, last.number))
        elif not self._coming and since - last.since > _RENEWED_SECONDS:
            self._line = SongLine(playing, seconds, since, speed, last.number)
