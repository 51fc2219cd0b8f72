"""MIDI Time Code: quarter frames and full frames as a place in seconds (MIDI Time Code, 1987)."""

from mido import Message

from plugin_host.control.sync.master import MasterPlace
from plugin_host.control.sync.pulse_loop import PulseLoop
from plugin_host.control.sync.timecode import Timecode, TimecodeRate

PIECES = 8
QUARTERS = 4
_MOST_LOST = 24
MEMORY, SETTLED = 400, 100
"""Pieces over which the speed is measured, at most and at least: time code seldom runs at another than its own."""
LAPSE_SECONDS = 0.25
"""Without a quarter frame for so long it has stopped; at 24 frames a second they are 0.0104 s apart."""
_FULL_FRAME = (0x7F, 0x01, 0x01)
_FULL_FRAME_BYTES = 8
FULL_FRAME_HEARD_SECONDS = 2.0
"""How long a full frame alone counts as hearing the master."""


def is_time_code(message: Message) -> bool:
    """Whether this is a quarter frame or a full frame."""
    return message.type == "quarter_frame" or (message.type == "sysex" and _is_full_frame(tuple(message.data)))


def _is_full_frame(data: tuple[int, ...]) -> bool:
    return len(data) == _FULL_FRAME_BYTES and (data[0], *data[2:4]) == _FULL_FRAME


class MtcIn:
    """Decodes MTC; see `MasterClock`. rate, speed, running and `seconds_at` are what most want to know.

        mtc = MtcIn()
        for arrival in port.receive():
            mtc.hear(arrival.message, arrival.seconds)
        mtc.running, mtc.rate, mtc.seconds_at(time.monotonic())

    Eight quarter frames tell one frame's label, two frames after it began; piece n stands n quarters after that frame,
    forwards and backwards. So the place is known from the eighth piece on, and counted from piece to piece; pieces that
    are lost on the way, or come twice, are made up for. A label that contradicts the count is believed when the next
    one agrees with it.
    """

    def __init__(self) -> None:
        self.running = False
        self.rate: TimecodeRate | None = None
        self._loop = PulseLoop(MEMORY, SETTLED)
        self._nibbles = [0] * PIECES
        self._piece = 0
        self._in_a_row = 0
        self._direction = 1
        self._quarter: int | None = None
        self._doubtful: int | None = None
        self._rest: float | None = None
        self._last = self._spoke = float("-inf")

    @property
    def speed(self) -> float:
        """Seconds of time code in a second; below 0 backwards, 1 before it is known."""
        if self.rate is None or not self._loop.period or self._quarter is None:
            return 1.0
        return self._direction / float(QUARTERS * self.rate.frames_a_second) / self._loop.period

    def hear(self, message: Message, seconds: float) -> None:
        """Take in a message; all but quarter frames and full frames are passed over."""
        if message.type == "quarter_frame":
            self._hear_quarter(message.frame_type, message.frame_value, seconds)
        elif message.type == "sysex":
            self._hear_full_frame(tuple(message.data), seconds)

    def seconds_at(self, now: float) -> float | None:
        """The time code's place; None before it is known. It stands when the pieces cease."""
        period = self._loop.period
        if self._quarter is None or self.rate is None:
            return self._rest
        since = 0.0
        if self.running and period:
            since = self._direction * min(max(now - self._loop.time, -period), LAPSE_SECONDS) / period
        return max((self._quarter + since) / float(QUARTERS * self.rate.frames_a_second), 0.0)

    def place_at(self, now: float) -> MasterPlace:
        """Everything at once."""
        flows = now - self._last < LAPSE_SECONDS
        return MasterPlace(
            heard=flows or now - self._spoke < FULL_FRAME_HEARD_SECONDS,
            running=self.running and flows and self._quarter is not None,
            seconds=self.seconds_at(now),
            speed=self.speed,
            settled=flows and self._loop.settled and self._quarter is not None,
        )

    def _hear_quarter(self, piece: int, value: int, seconds: float) -> None:
        lapsed = not self.running or seconds - self._last > LAPSE_SECONDS
        if not lapsed and piece == self._piece:
            return  # it came twice
        steps = self._steps(piece, seconds)
        if lapsed or steps is None or steps * self._direction < 0:
            self._begin(-1 if steps == -1 and not lapsed else 1)
            steps = self._direction
        elif self._quarter is not None:
            self._quarter += steps
        self._loop.pulse(seconds, abs(steps))
        self.running, self._last, self._spoke, self._piece = True, seconds, seconds, piece
        self._nibbles[piece] = value
        self._in_a_row = self._in_a_row + 1 if abs(steps) == 1 else 1
        ends = piece == (PIECES - 1 if self._direction > 0 else 0)
        if ends and self._in_a_row >= PIECES:
            self._read_label(piece)

    def _steps(self, piece: int, seconds: float) -> int | None:
        """From the last piece to this: one either way, or as many as there was time for; None where neither fits."""
        ahead = (piece - self._piece) % PIECES
        if ahead in (1, PIECES - 1):
            return 1 if ahead == 1 else -1
        period = self._loop.period
        passed = self._direction * round((seconds - self._loop.time) / period) if period else 0
        fits = 0 < abs(passed) <= _MOST_LOST and (passed - ahead) % PIECES == 0
        return passed if fits else None

    def _begin(self, direction: int) -> None:
        """Pieces that do not go on from the last: the place is unknown until eight have come."""
        self._loop, self._in_a_row, self._direction = PulseLoop(MEMORY, SETTLED), 0, direction
        if self._quarter is not None and self.rate is not None:
            self._rest = self._quarter / float(QUARTERS * self.rate.frames_a_second)
        self._quarter = self._doubtful = None

    def _read_label(self, piece: int) -> None:
        frames, seconds, minutes, hours = (self._nibbles[at] | self._nibbles[at + 1] << 4 for at in range(0, PIECES, 2))
        label = Timecode(hours & 0x1F, minutes & 0x3F, seconds & 0x3F, frames & 0x1F, TimecodeRate(hours >> 5 & 3))
        if label.is_label:
            self._believe(label, QUARTERS * label.number + piece)

    def _believe(self, label: Timecode, quarter: int) -> None:
        known = self._quarter is not None and label.rate is self.rate
        agrees = self._doubtful is not None and quarter == self._doubtful + self._direction * PIECES
        if known and quarter != self._quarter and not agrees:
            self._doubtful = quarter
            return
        self.rate, self._quarter, self._doubtful = label.rate, quarter, None

    def _hear_full_frame(self, data: tuple[int, ...], seconds: float) -> None:
        if not _is_full_frame(data):
            return
        hours, minutes, whole, frames = data[4:]
        label = Timecode(hours & 0x1F, minutes, whole, frames, TimecodeRate(hours >> 5 & 3))
        if label.is_label:
            self._begin(direction=1)
            self.rate, self._rest, self.running, self._spoke = label.rate, label.place, False, seconds
