"""MIDI clock made from where the song is heard, with start, continue, stop and song position."""

import math

from mido import Message

from plugin_host.control.sync.heard_song import SongLine
from plugin_host.control.sync.midi_clock_in import CLOCKS_A_BEAT, CLOCKS_A_SIXTEENTH

BEFORE_SECONDS = 0.002
"""Start and continue go out so long before the clock they are for: receivers need a millisecond."""
MAX_POSITION = 16_383
LATE_CLOCKS = 12
"""Behind by more, the clocks that were missed are not sent all at once: the song is where it is."""
_AT_START_CLOCKS = 1.0


class ClockOut:
    """Makes the messages; it has no port and reads no clock. Give it one line of the song after the other.

    While the song stands it sends clocks at the song's tempo, so that receivers know it when the song begins.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._tempo: float | None = None
        self._rolling = False
        self._waiting: Message | None = None
        self._next = 0
        self._idle_at: float | None = None

    def advance(self, line: SongLine, tempo: float | None, now: float) -> list[Message]:
        """What is due by now. tempo: of the song, in quarter notes a minute; None sends nothing but a stop."""
        if tempo is None or not line.playing:
            return [*self._halt(), *(self._idle(tempo * line.speed, now) if tempo else ())]
        said: list[Message] = []
        is_elsewhere = line.number != self._number or tempo != self._tempo  # by another tempo it is not as many clocks
        if is_elsewhere or self._clocks(line, tempo, now) > self._next + LATE_CLOCKS:
            said += self._locate(line, tempo, now)
        if self._waiting and now >= self._time(line, tempo) - BEFORE_SECONDS:
            said.append(self._waiting)
            self._waiting, self._rolling = None, True
        while not self._waiting and self._time(line, tempo) <= now:
            said.append(Message("clock"))
            self._next += 1
        return said

    def due(self, line: SongLine, tempo: float | None) -> float:
        """When the next message is, as far as is known now."""
        if tempo is None:
            return math.inf
        if not line.playing:
            return self._idle_at or 0.0
        return self._time(line, tempo) - (BEFORE_SECONDS if self._waiting else 0.0)

    def _halt(self) -> list[Message]:
        was, self._rolling, self._waiting, self._number = self._rolling, False, None, None
        return [Message("stop")] if was else []

    def _locate(self, line: SongLine, tempo: float, now: float) -> list[Message]:
        """Song position counts sixteenths: go on from the next."""
        said = self._halt()
        self._number, self._tempo, self._idle_at = line.number, tempo, None
        at = self._clocks(line, tempo, now)
        if at <= _AT_START_CLOCKS:
            self._next, self._waiting = 0, Message("start")
            return said
        sixteenth = min(math.ceil(at / CLOCKS_A_SIXTEENTH), MAX_POSITION)
        self._next, self._waiting = max(sixteenth * CLOCKS_A_SIXTEENTH, math.ceil(at)), Message("continue")
        return [*said, Message("songpos", pos=sixteenth)]

    def _idle(self, tempo: float, now: float) -> list[Message]:
        period = 60.0 / tempo / CLOCKS_A_BEAT
        if self._idle_at is None or now > self._idle_at + LATE_CLOCKS * period:
            self._idle_at = now
        said = []
        while self._idle_at <= now:
            said.append(Message("clock"))
            self._idle_at += period
        return said

    def _clocks(self, line: SongLine, tempo: float, now: float) -> float:
        return line.seconds_at(now) * tempo / 60.0 * CLOCKS_A_BEAT

    def _time(self, line: SongLine, tempo: float) -> float:
        return line.time_at(self._next / CLOCKS_A_BEAT * 60.0 / tempo)
