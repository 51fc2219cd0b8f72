"""MIDI Time Code made from where the song is heard: quarter frames while it plays, a full frame where it goes."""

import math

from mido import Message

from plugin_host.control.sync.heard_song import SongLine
from plugin_host.control.sync.mmc_in import ALL_DEVICES
from plugin_host.control.sync.mtc_in import PIECES, QUARTERS
from plugin_host.control.sync.timecode import TimecodeRate, timecode_of

LATE_QUARTERS = 16
"""Behind by more, the pieces that were missed are not sent all at once."""


class MtcOut:
    """Makes the messages; see `ClockOut`. origin: seconds of time code at which the song begins."""

    def __init__(self, rate: TimecodeRate = TimecodeRate.PAL, origin: float = 0.0) -> None:
        self._rate, self._origin = rate, origin
        self._quarters_a_second = float(QUARTERS * rate.frames_a_second)
        self._number: int | None = None
        self._next = 0

    def advance(self, line: SongLine, now: float) -> list[Message]:
        """What is due by now."""
        said: list[Message] = []
        if line.number != self._number or (line.playing and self._quarter(line, now) > self._next + LATE_QUARTERS):
            said += self._locate(line, now)
        while line.playing and self._time(line) <= now:
            said.append(self._piece())
            self._next += 1
        return said

    def due(self, line: SongLine) -> float:
        """When the next message is, as far as is known now."""
        return self._time(line) if line.playing else math.inf

    def _locate(self, line: SongLine, now: float) -> list[Message]:
        """A full frame; pieces then begin with the first of the next eight."""
        self._number = line.number
        quarter = max(self._quarter(line, now), 0.0)
        self._next = PIECES * math.ceil(quarter / PIECES)
        return [self._full_frame(round(quarter / QUARTERS))]

    def _full_frame(self, number: int) -> Message:
        label = timecode_of(number, self._rate)
        hours = self._rate.value << 5 | label.hours
        data = (ALL_DEVICES, ALL_DEVICES, 0x01, 0x01, hours, label.minutes, label.seconds, label.frames)
        return Message("sysex", data=data)

    def _piece(self) -> Message:
        label = timecode_of(self._next // PIECES * PIECES // QUARTERS, self._rate)
        fields = (label.frames, label.seconds, label.minutes, self._rate.value << 5 | label.hours)
        piece = self._next % PIECES
        return Message("quarter_frame", frame_type=piece, frame_value=fields[piece // 2] >> 4 * (piece % 2) & 0x0F)

    def _quarter(self, line: SongLine, now: float) -> float:
        return (line.seconds_at(now) + self._origin) * self._quarters_a_second

    def _time(self, line: SongLine) -> float:
        return line.time_at(self._next / self._quarters_a_second - self._origin)
