"""A controller as its device file describes it: which controls it has, what they send, and what they can show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from plugin_host.control.midi.relative import RelativeCode
from plugin_host.control.midi.sources import Decoder, Source, SourceKey


class ControlKind(StrEnum):
    """absolute: a fader or knob with ends. relative: an endless encoder. button: pressed and let go."""

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    BUTTON = "button"


class Display(StrEnum):
    """What a device has to show names and levels on."""

    NONE = "none"
    MACKIE = "mackie"


@dataclass(frozen=True, slots=True)
class Light:
    """A button's light. source: the message that sets it. on, off: values of that message."""

    source: Source
    on: int = 127
    off: int = 0


@dataclass(frozen=True, slots=True)
class Ring:
    """A ring of lights round a knob. first, last: values that light it at the ends of its way.

    off: where there is nothing to show. add, add_centred: added to the value; the second for what has a centre (pan).
    """

    source: Source
    first: int
    last: int
    off: int = 0
    add: int = 0
    add_centred: int = 0


@dataclass(frozen=True, slots=True)
class Control:
    """One fader, knob, encoder or button. code: of an encoder. touch: the note it sends while a finger is on it.

    motor: it can be moved by sending it its own message.
    """

    name: str
    kind: ControlKind
    source: Source
    code: RelativeCode | None = None
    touch: Source | None = None
    motor: bool = False
    light: Light | None = None
    ring: Ring | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of controller. ports: parts of the names that its MIDI ports have. hello: sent when it is found."""

    name: str
    purpose: str
    ports: tuple[str, ...] = ()
    controls: Mapping[str, Control] = field(default_factory=dict)
    hello: tuple[bytes, ...] = ()
    display: Display = Display.NONE

    @property
    def shows(self) -> bool:
        """Whether there is anything to send it."""
        shown = any(control.motor or control.light or control.ring for control in self.controls.values())
        return shown or bool(self.hello) or self.display is not Display.NONE

    def decoder(self) -> Decoder:
        """A decoder for what its controls send."""
        sources = [control.source for control in self.controls.values()]
        return Decoder(sources + [control.touch for control in self.controls.values() if control.touch])

    def by_source(self) -> dict[SourceKey, Control]:
        """Its controls by what they send."""
        return {control.source.key: control for control in self.controls.values()}

    def by_touch(self) -> dict[SourceKey, Control]:
        """Its controls that feel a finger, by what they send then."""
        return {control.touch.key: control for control in self.controls.values() if control.touch}
