"""One declared parameter, as surfaces and the reference page see it."""

from dataclasses import dataclass
from typing import Literal

from plugin_host.control.parameters.taper import Taper

Value = float | int | bool | str
Kind = Literal["float", "int", "bool", "choice", "text", "trigger"]
Access = Literal["r", "w", "rw"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What stands at an address.

    address: with places in braces, `/track/{track}/gain`. kind: a "trigger" does something once; it takes effect when
    it is given nothing, true, a positive number or a text, and not at 0 or false, which a button sends when it is let
    go. minimum, maximum: inclusive, for numbers; values beyond are held at the end. default: what a new mix has.
    taper: how 0 … 1 maps to the range. choices: for "choice", any of which may also be given by its number from 0.
    rate_limited: it changes all the time (meters, position), so feedback polls it instead of following events.
    """

    address: str
    kind: Kind
    description: str
    access: Access = "rw"
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    default: Value | None = None
    taper: Taper | None = None
    choices: tuple[str, ...] = ()
    rate_limited: bool = False

    @property
    def readable(self) -> bool:
        """Whether it has a value to ask for."""
        return "r" in self.access

    @property
    def writable(self) -> bool:
        """Whether it can be set or triggered."""
        return "w" in self.access
