"""A controller that is plugged in: its ports, what it does and what it shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from mido import Message

from plugin_host.control.midi.controller import Controller, Heard
from plugin_host.control.midi.device import Display
from plugin_host.control.midi.mackie import MackieDisplay
from plugin_host.control.midi.ports import Arrival, InputPort, OutputPort
from plugin_host.control.midi.screen import Screen

ALIKE = 0.6
"""Names at least this much alike may be the two directions of one device."""


@dataclass(slots=True)
class Attached:
    """An open input, the output that goes with it, and the controller between them. sends_to: the output's name."""

    name: str
    input: InputPort
    controller: Controller
    output: OutputPort | None = None
    sends_to: str = ""
    virtual: bool = False
    screen: Screen = field(init=False)
    display: MackieDisplay | None = field(init=False)

    def __post_init__(self) -> None:
        self.screen = Screen(self.controller)
        self.display = MackieDisplay(self.controller) if self.controller.device.display is Display.MACKIE else None

    def connect(self, output: OutputPort, name: str = "") -> None:
        """Send to that port from now on, beginning with what the device wants to hear first."""
        self.output, self.sends_to = output, name
        for data in self.controller.device.hello:
            output.send(Message.from_bytes(data))
        if self.display:
            self._send(self.display.hello())
        self.forget()

    def disconnect(self) -> None:
        """Send no longer; the input goes on."""
        if self.output:
            self.output.close()
        self.output, self.sends_to = None, ""

    def forget(self) -> None:
        """Show everything anew."""
        self.screen.forget()
        if self.display:
            self.display.forget()

    def receive(self) -> Iterator[tuple[Arrival, Heard]]:
        """Do what has come."""
        for arrival in self.input.receive():
            try:
                heard = self._heard(arrival.message)
            except Exception as error:  # noqa: BLE001  (one message must never end the thread, nor take others with it)
                heard = Heard(arrival.message, text=f"{type(error).__name__}: {error}", refused=True)
            yield arrival, heard

    def _heard(self, message: Message) -> Heard:
        if self.display and self.display.receive(message):
            self.screen.forget()
        heard = self.controller.receive(message)
        if heard.control:
            self.screen.moved(heard.control)
        return heard

    def show(self) -> None:
        """Bring what the device shows in line, and first of all its bank."""
        self.controller.keep_bank()
        if self.output:
            self._send(self.screen.update())
            if self.display:
                self._send(self.display.update())

    def show_meters(self) -> None:
        """Levels, where it has meters."""
        if self.output and self.display:
            self._send(list(self.display.meters()))

    def close(self) -> None:
        """Leave its ports."""
        self.input.close()
        self.disconnect()

    def _send(self, messages: Sequence[Message]) -> None:
        if self.output:
            for message in messages:
                self.output.send(message)


def outputs_for(names: Sequence[str], outputs: Sequence[str]) -> dict[str, str]:
    """The outputs that go with inputs: of the same name, else the one most like it, but for what is more like another.

    Names of all ports of a system may be much alike: "Midi-Bridge:X-Touch 2:(capture_0) X-Touch MIDI 1".
    """
    alike = sorted(((_likeness(name, other), name, other) for name in names for other in outputs), reverse=True)
    found: dict[str, str] = {}
    for likeness, name, other in alike:
        if likeness >= ALIKE and name not in found and other not in found.values():
            found[name] = other
    return found


def _likeness(name: str, other: str) -> float:
    """0 … 1, and above for the very same."""
    return 2.0 if name == other else SequenceMatcher(None, name.lower(), other.lower()).ratio()
