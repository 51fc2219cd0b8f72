"""What controls do: each assignment ties a control of a device to an address of the parameter table."""

from dataclasses import dataclass
from enum import StrEnum

from plugin_host.control.midi.scaling import Curve
from plugin_host.control.midi.takeover import Takeover

USUAL_STEP = 1 / 128
"""Of a target's way, for one step of an encoder."""


class Press(StrEnum):
    """What a button does. auto: toggle what is on or off, trigger what does something once.

    toggle: each press turns it round. momentary: on while it is held. trigger: pressed only.
    """

    AUTO = "auto"
    TOGGLE = "toggle"
    MOMENTARY = "momentary"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one control does in one layer ("" is the usual one, and holds where the layer says nothing).

    target: an address; `{n}` in it is the control's number plus where the bank stands, `{strip}` the number alone.
    number: the control's, 0 where it has none. low, high: the part of the target's way that it covers, high below low
    turns it round. value: what a press sets the target to. step: share for one step of an encoder. bank_by: tracks
    that a press moves the bank by. to_layer: the layer that a press goes to (while it is held, where press is
    momentary; back, where it is there already).
    """

    control: str
    target: str = ""
    number: int = 0
    layer: str = ""
    takeover: Takeover = Takeover.PICKUP
    curve: Curve = Curve.LINEAR
    low: float = 0.0
    high: float = 1.0
    press: Press = Press.AUTO
    value: float | str | None = None
    step: float = USUAL_STEP
    bank_by: int = 0
    to_layer: str = ""

    def address(self, bank: int) -> str:
        """Where it points while the bank begins after so many tracks."""
        return self.target.replace("{n}", str(self.number + bank)).replace("{strip}", str(self.number))


@dataclass(frozen=True, slots=True)
class AssignmentSet:
    """A binding file. device: its device's name. bank: tracks side by side, 0 for a device without banks."""

    name: str
    purpose: str
    device: str
    bank: int
    assignments: tuple[Assignment, ...]
