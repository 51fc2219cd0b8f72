"""The displays of a Mackie Control: 2 × 56 characters above eight strips, and their meters.

Everything else of it (faders, touch, V-pots, rings, lights) is in its device file like any other controller's. A device
tells its model with its first answer; of the models only the old Logic Control asks for a password, which this does
not give. Facts: the MIDI chapter of Emagic's "Logic Control" manual, and what Ardour and others publish.
"""

import unicodedata
from collections.abc import Iterator

from mido import Message

from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.targets import Target
from plugin_host.errors import HostError

STRIPS = 8
CELL = 7
"""Characters above a strip; the last one is left free."""
LINE = STRIPS * CELL
MODEL = 0x14
_MAKER = (0x00, 0x00, 0x66)
_QUERY, _ANSWER, _LCD = 0x00, 0x01, 0x12
METER_DB = (-60.0, -50.0, -40.0, -30.0, -25.0, -20.0, -15.0, -10.0, -6.0, -3.0, -1.0, 0.0)
"""dB from which each of a meter's twelve lights is lit."""
VALUE_SECONDS = 1.5
"""A value that was just changed stands below the name for so long, then the V-pot's again."""
_METER_SECONDS = 0.3
"""The device lets its meters fall by itself; a level that stays is sent again this often."""


class MackieDisplay:
    """The displays of one device."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._model = MODEL
        self._cells: dict[int, str] = {}
        self._levels: dict[int, tuple[int, float]] = {}

    def hello(self) -> list[Message]:
        """What a device is sent when it is found: who are you?"""
        return [Message("sysex", data=(*_MAKER, self._model, _QUERY))]

    def forget(self) -> None:
        """Nothing is known of what it shows."""
        self._cells.clear()
        self._levels.clear()

    def receive(self, message: Message) -> bool:
        """Take an answer of the device; whether it was one. What answers was just switched on and shows nothing."""
        data = tuple(message.data) if message.type == "sysex" else ()
        if len(data) < 5 or data[:3] != _MAKER or data[4] != _ANSWER:
            return False
        self._model = data[3]
        self.forget()
        return True

    def update(self) -> list[Message]:
        """The cells whose text has changed."""
        messages = []
        for strip in range(STRIPS):
            for offset, text in ((strip * CELL, self._name(strip)), (LINE + strip * CELL, self._value(strip))):
                cell = cell_text(text)
                if self._cells.get(offset) != cell:
                    self._cells[offset] = cell
                    data = (*_MAKER, self._model, _LCD, offset, *cell.encode("ascii"))
                    messages.append(Message("sysex", data=data))
        return messages

    def meters(self) -> Iterator[Message]:
        """Levels that have changed or must be held; call it some ten times a second."""
        now = self._controller.clock()
        for strip in range(STRIPS):
            level = self._level(strip)
            before, sent = self._levels.get(strip, (0, 0.0))
            if level != before or (level and now - sent >= _METER_SECONDS):
                self._levels[strip] = (level, now)
                yield Message("aftertouch", channel=0, value=strip << 4 | level)

    def _name(self, strip: int) -> str:
        target = self._strip(strip, "name")
        return target.text() if target else ""

    def _value(self, strip: int) -> str:
        fader = self._controller.target(f"fader{strip + 1}")
        moved = self._controller.moved_at.get(f"fader{strip + 1}")
        if fader and moved is not None and self._controller.clock() - moved < VALUE_SECONDS:
            return value_text(fader.text())
        pot = self._controller.target(f"vpot{strip + 1}")
        return value_text(pot.text()) if pot else ""

    def _level(self, strip: int) -> int:
        target = self._strip(strip, "meter/peak")
        try:
            level = target.binding.read() if target else None
        except HostError:  # the track went this moment
            return 0
        return sum(level >= least for least in METER_DB) if isinstance(level, int | float) else 0

    def _strip(self, strip: int, what: str) -> Target | None:
        return self._controller.resolve(f"/track/{self._controller.bank + strip + 1}/{what}")


def value_text(text: str) -> str:
    """A number with its unit as far as that fits in a cell: half a unit would be read as another."""
    number, _, unit = text.partition(" ")
    return number if number[-1:].isdigit() and len(number + unit) >= CELL else text


def cell_text(text: str) -> str:
    """A text in one cell: plain ASCII, shortened by its spaces first, and always with a gap to the next."""
    plain = unicodedata.normalize("NFKD", text.replace("−", "-").replace("∞", "inf")).encode("ascii", "ignore").decode()
    plain = "".join(character for character in plain if character.isprintable())
    if len(plain) >= CELL:
        plain = plain.replace(" ", "")
    return plain[: CELL - 1].ljust(CELL)
