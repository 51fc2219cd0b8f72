"""What a dialect is to the server: one surface's way of speaking, to and from our own addresses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from plugin_host.control.osc.dialects.laws import AS_IT_IS, Law
from plugin_host.control.osc.packet import Argument, OscMessage
from plugin_host.control.parameters.declaration import Value

Told = tuple[str, tuple[Argument, ...], tuple[Argument, ...]]
"""An address, the arguments that say whose value it is, and the value."""


@dataclass(frozen=True, slots=True)
class Meant:
    """What a surface's message means.

    address: ours. value: to be written, already ours; None asks for it. turns: the other of on and off is to be
    written, whatever that is when its turn comes. theirs, which: address and leading arguments
    of an answer. law: how the value is shown there.
    """

    address: str
    value: Value | None
    theirs: str
    which: tuple[Argument, ...] = ()
    law: Law = AS_IT_IS
    asks: bool = False
    turns: bool = False


class Line(Protocol):
    """What a session may ask of the server for its surface."""

    def answer(self, address: str, *arguments: Argument) -> None:
        """Send it a message."""

    def subscribe(self, seconds: float, port: int = 0) -> None:
        """Tell it of everything from now on, for so long; port: where, 0 where it sends from."""

    def refresh(self, *beginnings: str) -> None:
        """Tell it everything there is, or what begins so with us."""


class Session(Protocol):
    """One surface that speaks a dialect."""

    @property
    def name(self) -> str:
        """The dialect."""

    @property
    def levels(self) -> bool:
        """Whether it wants meters."""

    def incoming(self, message: OscMessage, line: Line) -> list[Meant] | None:
        """What a message means; [] where the session has dealt with it, None where it is none of this dialect."""

    def outgoing(self, address: str, value: Value) -> list[Told]:
        """How our address with this value is told; [] where this dialect has no word for it."""

    def own(self, address: str, value: Value) -> tuple[bool, list[Told]]:
        """Of what it changed itself: whether by this address of ours; how it is told, by other words than it used."""

    def each_second(self, line: Line) -> None:
        """Called about every second while it is subscribed."""


NewSession = Callable[[], Session]
