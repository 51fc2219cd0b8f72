"""A controller in use: its messages become values in the parameter table."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mido import Message

from plugin_host.control.midi.assignments import Assignment, Press
from plugin_host.control.midi.device import Control, ControlKind, Device
from plugin_host.control.midi.scaling import share_of_value
from plugin_host.control.midi.sources import SourceKind
from plugin_host.control.midi.takeover import Grip, Takeover
from plugin_host.control.midi.targets import Resolve, Target, target_of
from plugin_host.errors import HostError

NOTHING_HERE = "nothing is there"


@dataclass(frozen=True, slots=True)
class Heard:
    """A message and what it did. control: its name, "" where the device has none. address: what it was about.

    text: what became of it, in a few words; refused: that was an error.
    """

    message: Message
    control: str = ""
    address: str = ""
    text: str = ""
    refused: bool = False


class Controller:
    """One device and what its controls do. `receive` its messages; `Screen` shows it what there is to show.

    bank: tracks side by side, 0 for none. origin: what the desk knows it by. clock: seconds. For one thread.
    """

    def __init__(
        self,
        device: Device,
        assignments: Iterable[Assignment],
        resolve: Resolve,
        *,
        bank: int = 0,
        origin: str = "midi",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device, self.origin, self.width = device, origin, bank
        self.bank = 0
        self.layer = ""
        self.grip = Grip()
        self.touched: set[str] = set()
        self.moved_at: dict[str, float] = {}
        self.clock = clock
        self._resolve = resolve
        self._does = {(each.control, each.layer): each for each in assignments}
        self._held: dict[str, tuple[Assignment | None, Target | None]] = {}
        """What buttons that are down were pressed for, which is let go with them in whatever bank or layer."""
        self._decoder = device.decoder()
        self._by_source, self._by_touch = device.by_source(), device.by_touch()

    def assignment(self, control: str) -> Assignment | None:
        """What the control does in the present layer."""
        return self._does.get((control, self.layer)) or self._does.get((control, ""))

    def target(self, control: str) -> Target | None:
        """What the control moves now, None where that is nothing."""
        assignment = self.assignment(control)
        return target_of(self._resolve, assignment, self.bank) if assignment else None

    def resolve(self, address: str) -> Target | None:
        """An address, with `{n}` already filled in, as a target."""
        return target_of(self._resolve, Assignment("", address), 0)

    def keep_bank(self) -> None:
        """Where tracks went, go back to a bank that has some."""
        while self.bank and not self._resolve(f"/track/{self.bank + 1}/name"):
            self.bank = max(self.bank - max(self.width, 1), 0)

    def receive(self, message: Message) -> Heard:
        """Do what the message says. Nothing is raised: what is refused is told in what comes back."""
        found = self._decoder.decode(message)
        if found is None:
            return Heard(message)
        source, value = found
        touching = self._by_touch.get(source.key)
        if touching:
            return self._touch(message, touching, on=value > 0)
        control = self._by_source.get(source.key)
        if control is None:
            return Heard(message, text="no control of the device sends this")
        self.moved_at[control.name] = self.clock()
        assignment = self.assignment(control.name)
        try:
            address, text = self._move(control, assignment, value)
        except HostError as error:
            return Heard(message, control.name, assignment.address(self.bank) if assignment else "", str(error), True)
        return Heard(message, control.name, address, text)

    def _touch(self, message: Message, control: Control, *, on: bool) -> Heard:
        (self.touched.add if on else self.touched.discard)(control.name)
        return Heard(message, control.name, text="touched" if on else "let go")

    def _move(self, control: Control, assignment: Assignment | None, value: int) -> tuple[str, str]:
        """(address, what became of it)."""
        target = target_of(self._resolve, assignment, self.bank) if assignment else None
        if control.kind is ControlKind.BUTTON:
            pressed = value > 0 if control.source.kind is SourceKind.NOTE else value >= 64
            if pressed:
                self._held[control.name] = assignment, target
            else:
                assignment, target = self._held.pop(control.name, (assignment, target))
            return self._press(assignment, target, pressed=pressed) if assignment else ("", "does nothing")
        if target is None:
            if control.kind is ControlKind.ABSOLUTE:
                self.grip.placed(control.name, share_of_value(value, control.source.limit))
            return (assignment.address(self.bank), NOTHING_HERE) if assignment else ("", "does nothing")
        if control.kind is ControlKind.RELATIVE:
            return target.address, self._turn(control, target, value)
        return target.address, self._slide(control, target, share_of_value(value, control.source.limit))

    def _slide(self, control: Control, target: Target, position: float) -> str:
        before = self.grip.position(control.name)
        if target.is_trigger or target.finest_step() == 1.0:  # on or off: it turns where the middle is passed
            self.grip.placed(control.name, position)
            if before is None or (before >= 0.5) != (position >= 0.5):
                target.set_share(float(position >= 0.5), self.origin)
            return target.text()
        value = target.share()
        if value is None:
            return "has no range"
        mode = Takeover.JUMP if control.motor else target.assignment.takeover
        share = self.grip.move(control.name, target.address, position, value, mode)
        if share is None:
            return f"waits until the control passes {value:.2f}"
        target.set_share(share, self.origin)
        self.grip.done(control.name, target.address, target.share() or 0.0)
        return target.text()

    def _turn(self, control: Control, target: Target, value: int) -> str:
        steps = control.code.steps(value) if control.code else 0
        if target.is_trigger:
            target.binding.write_share(float(steps > 0), self.origin)
            return target.text()
        share = target.share()
        if share is None:
            return "has no range"
        step = max(target.assignment.step, target.finest_step())
        target.set_share(min(max(share + steps * step, 0.0), 1.0), self.origin)
        return target.text()

    def _press(self, assignment: Assignment, target: Target | None, *, pressed: bool) -> tuple[str, str]:
        held = assignment.press is Press.MOMENTARY
        if assignment.to_layer:
            return "", self._to_layer(assignment.to_layer, pressed=pressed, held=held)
        if not pressed and not held:
            return "", "let go"
        if assignment.bank_by:
            return "", self._to_bank(self.bank + assignment.bank_by)
        if target is None:
            return assignment.address(self.bank), NOTHING_HERE
        self._press_target(assignment, target, pressed=pressed)
        return target.address, target.text()

    def _press_target(self, assignment: Assignment, target: Target, *, pressed: bool) -> None:
        if assignment.value is not None and pressed:
            target.binding.write(assignment.value, self.origin)
        elif target.is_trigger:
            target.binding.write(pressed, self.origin)
        elif assignment.press is Press.MOMENTARY:
            target.set_share(float(pressed), self.origin)
        elif assignment.press is Press.TRIGGER:
            target.set_share(1.0, self.origin)
        else:
            target.set_share(0.0 if (target.share() or 0.0) >= 0.5 else 1.0, self.origin)

    def _to_layer(self, layer: str, *, pressed: bool, held: bool) -> str:
        if pressed:
            self.layer = layer if held or self.layer != layer else ""
        elif held and self.layer == layer:
            self.layer = ""
        return f"layer {self.layer}" if self.layer else "usual layer"

    def _to_bank(self, bank: int) -> str:
        bank = max(bank, 0)
        if bank > self.bank and not self._resolve(f"/track/{bank + 1}/name"):
            return f"no track {bank + 1}"
        self.bank = bank
        return f"tracks from {bank + 1}"
