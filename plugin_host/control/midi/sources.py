"""Which message a control sends, and putting together what takes several (14-bit pairs, NRPN)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mido import Message

LIMIT_7, LIMIT_14 = 127, 16383
_NRPN_LSB, _NRPN_MSB, _RPN_LSB, _RPN_MSB = 98, 99, 100, 101
_DATA_MSB, _DATA_LSB = 6, 38
_NOTHING = 127
"""Both halves of a parameter number at this: none is selected."""


class SourceKind(StrEnum):
    """Kinds of message that a control can send."""

    CC = "cc"
    CC14 = "cc14"
    NRPN = "nrpn"
    NOTE = "note"
    PITCH_BEND = "pitch_bend"
    PROGRAM = "program"


class Halves(StrEnum):
    """Which half of a 14-bit value comes last and completes it; some send no fine one at all."""

    COARSE_FIRST = "coarse_first"
    FINE_FIRST = "fine_first"
    COARSE_ONLY = "coarse_only"


@dataclass(frozen=True, slots=True)
class Source:
    """One control's message. channel: 0 … 15. number: of the controller (the upper one of a pair), note or program.

    halves: of a pair or NRPN, how its value is sent.
    """

    kind: SourceKind
    channel: int
    number: int = 0
    halves: Halves = Halves.COARSE_FIRST

    @property
    def limit(self) -> int:
        """The highest value it sends."""
        if self.halves is Halves.COARSE_ONLY:
            return LIMIT_7
        return LIMIT_14 if self.kind in (SourceKind.CC14, SourceKind.NRPN, SourceKind.PITCH_BEND) else LIMIT_7

    @property
    def key(self) -> "SourceKey":
        """What tells it from others."""
        return (self.kind, self.channel, self.number)

    def messages(self, value: int) -> list[Message]:
        """What shows that value on the control, if it can show it: motor faders, lit buttons, rings."""
        channel, number = self.channel, self.number
        match self.kind:
            case SourceKind.CC:
                return [_control(channel, number, value)]
            case SourceKind.CC14:
                return self._in_halves(number, number + 32, value)
            case SourceKind.NRPN:
                selected = [_control(channel, _NRPN_MSB, number >> 7), _control(channel, _NRPN_LSB, number & 0x7F)]
                return selected + self._in_halves(_DATA_MSB, _DATA_LSB, value)
            case SourceKind.NOTE:
                return [Message("note_on", channel=channel, note=number, velocity=value)]
            case SourceKind.PITCH_BEND:
                return [Message("pitchwheel", channel=channel, pitch=value - 8192)]
            case SourceKind.PROGRAM:
                return [Message("program_change", channel=channel, program=number)]

    def _in_halves(self, coarse: int, fine: int, value: int) -> list[Message]:
        if self.halves is Halves.COARSE_ONLY:
            return [_control(self.channel, coarse, value)]
        both = [_control(self.channel, coarse, value >> 7), _control(self.channel, fine, value & 0x7F)]
        return both[::-1] if self.halves is Halves.FINE_FIRST else both

    def __str__(self) -> str:
        what = {SourceKind.PITCH_BEND: "pitch bend"}.get(self.kind, f"{self.kind.upper()} {self.number}")
        return f"{what} on channel {self.channel + 1}"


SourceKey = tuple[SourceKind, int, int]


def _control(channel: int, number: int, value: int) -> Message:
    return Message("control_change", channel=channel, control=number, value=value)


class Decoder:
    """Messages of one port into (source, value). Pairs and NRPN are put together where `sources` has them."""

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        self._known = {source.key: source for source in sources}
        self._nrpn_channels = {source.channel for source in self._known.values() if source.kind is SourceKind.NRPN}
        self._coarse: dict[SourceKey, int] = {}
        self._fine: dict[SourceKey, int] = {}
        self._selected: dict[int, list[int | None]] = {}

    def decode(self, message: Message) -> tuple[Source, int] | None:
        """What the message says; None for the first half of something, and for what no control sends."""
        match message.type:
            case "control_change":
                return self._decode_control(message.channel, message.control, message.value)
            case "note_on" | "note_off":
                velocity = message.velocity if message.type == "note_on" else 0
                return self._found(SourceKind.NOTE, message.channel, message.note), velocity
            case "pitchwheel":
                return self._found(SourceKind.PITCH_BEND, message.channel, 0), message.pitch + 8192
            case "program_change":
                return self._found(SourceKind.PROGRAM, message.channel, message.program), LIMIT_7
            case _:
                return None

    def _found(self, kind: SourceKind, channel: int, number: int) -> Source:
        return self._known.get((kind, channel, number)) or Source(kind, channel, number)

    def _decode_control(self, channel: int, number: int, value: int) -> tuple[Source, int] | None:
        if channel in self._nrpn_channels and number in (_NRPN_MSB, _NRPN_LSB, _RPN_MSB, _RPN_LSB):
            self._select(channel, number, value)
            return None
        if number in (_DATA_MSB, _DATA_LSB):
            selected = self._selected_source(channel)
            if selected:
                return self._pair(selected, value, fine=number == _DATA_LSB)
        if number < 64:
            pair = self._known.get((SourceKind.CC14, channel, number % 32))
            if pair:
                return self._pair(pair, value, fine=number >= 32)
        return self._found(SourceKind.CC, channel, number), value

    def _select(self, channel: int, number: int, value: int) -> None:
        halves = self._selected.setdefault(channel, [None, None])
        if number in (_RPN_MSB, _RPN_LSB):  # from here on data belongs to a registered parameter
            halves[:] = [None, None]
        else:
            halves[number == _NRPN_LSB] = value

    def _selected_source(self, channel: int) -> Source | None:
        coarse, fine = self._selected.get(channel, (None, None))
        if coarse is None or fine is None or coarse == fine == _NOTHING:
            return None
        return self._known.get((SourceKind.NRPN, channel, coarse << 7 | fine))

    def _pair(self, source: Source, value: int, *, fine: bool) -> tuple[Source, int] | None:
        if source.halves is Halves.COARSE_ONLY:
            return None if fine else (source, value)
        (self._fine if fine else self._coarse)[source.key] = value
        if fine == (source.halves is Halves.FINE_FIRST) or source.key not in self._coarse:
            return None
        return source, self._coarse[source.key] << 7 | self._fine.get(source.key, 0)
