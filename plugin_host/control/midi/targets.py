"""Addresses of the parameter table as controls see them: something with a share 0 … 1, something on or off, a press."""

from collections.abc import Callable
from dataclasses import dataclass

from plugin_host.control.midi.assignments import Assignment
from plugin_host.control.midi.scaling import into_range, out_of_range
from plugin_host.control.parameters.binding import Binding
from plugin_host.control.parameters.conversion import spoken
from plugin_host.errors import HostError

Resolve = Callable[[str], tuple[Binding, ...]]
"""An address to what stands there now, nothing where nothing does: `ParameterTable.resolve`."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an assignment points at now. Reading raises `HostError` for a target that can only be set."""

    binding: Binding
    assignment: Assignment

    @property
    def address(self) -> str:
        """Canonical: tracks by name."""
        return self.binding.address

    @property
    def is_trigger(self) -> bool:
        """Whether it does something once instead of holding a value."""
        return self.binding.parameter.kind == "trigger"

    @property
    def is_centred(self) -> bool:
        """Whether its range has zero in the middle."""
        low, high = self.binding.parameter.minimum, self.binding.parameter.maximum
        return low is not None and high is not None and low < 0 and low == -high

    def share(self) -> float | None:
        """Where the control would stand for the target's value, 0 … 1; None for what has no range (texts)."""
        does = self.assignment
        share = None if self.is_trigger else self.binding.share()
        if share is None:
            value = self.binding.read()
            return float(value) if isinstance(value, bool) else None
        return does.curve.unbend(out_of_range(share, does.low, does.high))

    def set_share(self, share: float, origin: str) -> None:
        """Set the target to what the control means by standing there."""
        does = self.assignment
        self.binding.write_share(into_range(does.curve.bend(share), does.low, does.high), origin)

    def finest_step(self) -> float:
        """The share of the control's way that the smallest change of the target is; 0 for what changes smoothly."""
        part = abs(self.assignment.high - self.assignment.low)
        return min(self._finest_of_all() / part, 1.0) if part else 0.0

    def _finest_of_all(self) -> float:
        """The same as a share of the target's whole way."""
        parameter = self.binding.parameter
        if parameter.kind == "bool":
            return 1.0
        if parameter.kind == "choice":
            return 1.0 / max(len(parameter.choices) - 1, 1)
        if parameter.kind == "int" and parameter.maximum is not None and parameter.minimum is not None:
            return 1.0 / max(parameter.maximum - parameter.minimum, 1.0)
        return 0.0

    def text(self) -> str:
        """The value as a display shows it, "" for what has none to read."""
        try:
            return spoken(self.binding.parameter, self.binding.read())
        except HostError:
            return ""


def target_of(resolve: Resolve, assignment: Assignment, bank: int) -> Target | None:
    """What the assignment points at while the bank stands there; None where nothing is."""
    if not assignment.target:
        return None
    found = resolve(assignment.address(bank))
    return Target(found[0], assignment) if len(found) == 1 else None
