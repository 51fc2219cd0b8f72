"""MIDI Machine Control: the commands that a transport understands (MIDI Machine Control 1.0, 1992)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mido import Message

from plugin_host.control.sync.timecode import Timecode, TimecodeRate

ALL_DEVICES = 0x7F
_UNIVERSAL, _COMMANDS, _LOCATE, _TARGET = 0x7F, 0x06, 0x44, 0x01
_FIRST_WITH_DATA, _LAST_WITH_DATA = 0x40, 0x77
_TARGET_BYTES = 6


class Machine(Enum):
    """What is asked for, by its byte."""

    STOP = 0x01
    PLAY = 0x02
    DEFERRED_PLAY = 0x03
    RECORD_STROBE = 0x06
    RECORD_EXIT = 0x07
    PAUSE = 0x09
    LOCATE = _LOCATE


_KNOWN = {each.value: each for each in Machine}


def is_machine_control(message: Message) -> bool:
    """Whether this is a command to a machine, known or not."""
    data = tuple(message.data) if message.type == "sysex" else ()
    return len(data) >= 4 and data[0] == _UNIVERSAL and data[2] == _COMMANDS


@dataclass(frozen=True, slots=True)
class MachineCommand:
    """One command. seconds: of time code, where to go (`LOCATE`)."""

    what: Machine
    seconds: float = 0.0


class MmcIn:
    """Decodes MMC for a device number, 0 … 126, and what is for all."""

    def __init__(self, device: int = ALL_DEVICES) -> None:
        self._device = device

    def hear(self, message: Message, seconds: float) -> tuple[MachineCommand, ...]:
        """The commands in a message, in order; what is not known, malformed or for another device is passed over."""
        if not is_machine_control(message):
            return ()
        data = tuple(message.data)
        ours = ALL_DEVICES in (data[1], self._device) or data[1] == self._device
        return tuple(_commands(data[3:])) if ours else ()


def _commands(data: tuple[int, ...]) -> Iterator[MachineCommand]:
    """From 40 to 77 (hex) a count and so many bytes follow a command."""
    at = 0
    while at < len(data):
        code = data[at]
        count = data[at + 1] if _FIRST_WITH_DATA <= code <= _LAST_WITH_DATA and at + 1 < len(data) else None
        begin = at + 1 if count is None else at + 2
        at = begin + (count or 0)
        if code == _LOCATE:
            yield from _located(data[begin:at])
        elif code in _KNOWN and count is None:
            yield MachineCommand(_KNOWN[code])


def _located(field: tuple[int, ...]) -> Iterator[MachineCommand]:
    """hours with the rate, minutes, seconds, frames and hundredths of a frame."""
    if len(field) != _TARGET_BYTES or field[0] != _TARGET:
        return
    _, hours, minutes, whole, frames, parts = field
    label = Timecode(hours & 0x1F, minutes & 0x3F, whole & 0x3F, frames & 0x1F, TimecodeRate(hours >> 5 & 3))
    if label.is_label:
        part = (parts & 0x7F) / 100 / float(label.rate.frames_a_second)
        yield MachineCommand(Machine.LOCATE, label.place + part)
