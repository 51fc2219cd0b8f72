"""MIDI clock with start, continue, stop and song position, as a place in beats (MIDI 1.0, System Real Time)."""

from mido import Message

from plugin_host.control.sync.master import MasterPlace
from plugin_host.control.sync.pulse_loop import PulseLoop

CLOCKS_A_BEAT = 24
CLOCKS_A_SIXTEENTH = 6
LAPSE_SECONDS = 0.5
"""Without a clock for so long it has stopped; at the slowest tempo (20 BPM) they are 0.125 s apart."""
_ENOUGH = 4
_WORDS = frozenset({"clock", "start", "continue", "stop", "songpos"})


def is_clock(message: Message) -> bool:
    """Whether MIDI clock has this message."""
    return message.type in _WORDS


class MidiClockIn:
    """Decodes MIDI clock; see `MasterClock`. tempo, running and `beats_at` are what most want to know.

        clock = MidiClockIn()
        for arrival in port.receive():
            clock.hear(arrival.message, arrival.seconds)
        clock.tempo, clock.running, clock.beats_at(time.monotonic())

    The first clock after a start is the song's first beat, the first after a continue stands where song position said,
    or one clock after the last that was counted. Clocks that are lost on the way, or come twice, are made up for.
    """

    def __init__(self) -> None:
        self.running = False
        self._loop = PulseLoop()
        self._next = 0
        self._ticked = False
        self._since_gap = 0
        self._last = float("-inf")

    @property
    def tempo(self) -> float | None:
        """Quarter notes a minute; None before it is known."""
        period = self._loop.period
        return 60.0 / (CLOCKS_A_BEAT * period) if period and self._since_gap >= _ENOUGH else None

    def hear(self, message: Message, seconds: float) -> None:
        """Take in a message; all but the five are passed over."""
        match message.type:
            case "clock":
                self._clock(seconds)
            case "start":
                self._begin(0, seconds)
            case "continue":
                self._begin(self._next, seconds)
            case "stop":
                self.running = False
            case "songpos":
                self._next, self._ticked = CLOCKS_A_SIXTEENTH * message.pos, False

    def beats_at(self, now: float) -> float:
        """Quarter notes since the song's start; between clocks it goes on, and stands when they cease."""
        period = self._loop.period
        if not (self.running and self._ticked and period):
            return self._next / CLOCKS_A_BEAT
        since = min(max(now - self._loop.time, -period), LAPSE_SECONDS)
        return max(self._next - 1 + since / period, 0.0) / CLOCKS_A_BEAT

    def place_at(self, now: float) -> MasterPlace:
        """Everything at once."""
        heard = now - self._last < LAPSE_SECONDS
        return MasterPlace(
            heard=heard,
            running=self.running and heard,
            beats=self.beats_at(now),
            tempo=self.tempo,
            settled=heard and self._loop.settled,
        )

    def _begin(self, clocks: int, seconds: float) -> None:
        self.running, self._next, self._ticked, self._last = True, clocks, False, seconds
        self._loop.rephase()

    def _clock(self, seconds: float) -> None:
        if seconds - self._last > LAPSE_SECONDS:
            self._loop, self._since_gap = PulseLoop(), 0
        slip = self._loop.pulse(seconds)
        self._since_gap += 1
        self._last = seconds
        if self.running:
            self._next = max(self._next + 1 + slip, 0)
            self._ticked = True
