"""Recognising a control by watching what it sends while somebody moves it."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from mido import Message

from plugin_host.control.midi.device import ControlKind
from plugin_host.control.midi.relative import RelativeCode, code_of_turns
from plugin_host.control.midi.sources import Halves, Source, SourceKind

QUIET_SECONDS = 0.4
"""After so long without a message a move is over."""
LEAST = 3
"""Messages, and for a fader different values, that it takes to tell what it is."""
_NRPN = frozenset((99, 98, 6, 38))
_BANK_SELECT = frozenset((0, 32))
"""What many foot controllers send before a program."""
_STEPS = frozenset((*range(1, 9), *range(120, 128), *range(57, 73)))
"""Values that slowly turned encoders send, in any code."""


@dataclass(frozen=True, slots=True)
class Found:
    """A control that was recognised. code: of an encoder."""

    source: Source
    kind: ControlKind
    code: RelativeCode | None = None

    def __str__(self) -> str:
        what = "button" if self.kind is ControlKind.BUTTON else "fader or knob"
        return f"{f'encoder ({self.code})' if self.code else what}, {self.source}"


class Learner:
    """Watches one port. `hint` says what to do next."""

    def __init__(self) -> None:
        self.hint = "move the control: a fader or knob some way, an encoder slowly to the right, or press the button"
        self._messages: list[Message] = []
        self._last = 0.0
        self._right: tuple[Source, int] | None = None

    def feed(self, message: Message, seconds: float) -> None:
        """A message that came at that time."""
        if message.type in ("control_change", "note_on", "note_off", "pitchwheel", "program_change"):
            self._messages.append(message)
            self._last = seconds

    def finding(self, now: float) -> Found | None:
        """The control, when it is clear what it is; ask again and again."""
        if not self._messages or now - self._last < QUIET_SECONDS:
            return None
        found = self._recognised()
        if found or self._right:
            self._messages.clear()
        return found

    def _recognised(self) -> Found | None:
        bends = [message for message in self._messages if message.type == "pitchwheel"]
        if len(bends) >= LEAST:
            return Found(Source(SourceKind.PITCH_BEND, bends[-1].channel), ControlKind.ABSOLUTE)
        programs = [message for message in self._messages if message.type == "program_change"]
        controls = [message for message in self._messages if message.type == "control_change"]
        if programs and {message.control for message in controls} <= _BANK_SELECT:
            return Found(Source(SourceKind.PROGRAM, programs[0].channel, programs[0].program), ControlKind.BUTTON)
        if controls:
            return self._of_controls(controls)
        for message in self._messages:
            if message.type == "note_on" and message.velocity:
                return Found(Source(SourceKind.NOTE, message.channel, message.note), ControlKind.BUTTON)
        return None

    def _of_controls(self, messages: list[Message]) -> Found | None:
        values: dict[tuple[int, int], list[int]] = defaultdict(list)
        for message in messages:
            values[message.channel, message.control].append(message.value)
        (channel, number), sent = max(values.items(), key=lambda entry: len(entry[1]))
        if number in _NRPN and (channel, 99) in values and (channel, 98) in values:
            return _nrpn(channel, values)
        coarse = number % 32
        pair = [(channel, coarse), (channel, coarse + 32)]
        if number < 64 and all(len(values.get(half, ())) >= LEAST for half in pair):
            first = next(message.control for message in messages if (message.channel, message.control) in pair)
            halves = Halves.COARSE_FIRST if first == coarse else Halves.FINE_FIRST
            return Found(Source(SourceKind.CC14, channel, coarse, halves), ControlKind.ABSOLUTE)
        return self._of_values(Source(SourceKind.CC, channel, number), sent)

    def _of_values(self, source: Source, sent: list[int]) -> Found | None:
        if self._right and self._right[0] == source:
            return self._encoder(source, self._right[1], sent)
        if sent in ([127], [127, 0]) or (0 in sent and len(set(sent)) == 2):
            return Found(source, ControlKind.BUTTON)
        if len(sent) < LEAST:
            self.hint = "a little further"
            return None
        if set(sent) <= _STEPS and any(a == b for a, b in pairwise(sent)):
            self._right = (source, _usual(sent))
            self.hint = "an encoder: now turn it slowly to the left"
            return None
        return Found(source, ControlKind.ABSOLUTE) if len(set(sent)) >= LEAST else None

    def _encoder(self, source: Source, right: int, sent: list[int]) -> Found | None:
        left = _usual(sent)
        code = code_of_turns(right, left) or code_of_turns(left, right)
        if code is None:
            self.hint = "not clear: turn it slowly to the right, wait, then to the left"
            self._right = None
            self._messages.clear()
            return None
        return Found(source, ControlKind.RELATIVE, code)


def _nrpn(channel: int, values: dict[tuple[int, int], list[int]]) -> Found:
    number = values[channel, 99][-1] << 7 | values[channel, 98][-1]
    halves = Halves.COARSE_FIRST if (channel, 38) in values else Halves.COARSE_ONLY
    return Found(Source(SourceKind.NRPN, channel, number, halves), ControlKind.ABSOLUTE)


def _usual(values: list[int]) -> int:
    return max(set(values), key=values.count)
