"""What was asked of the engine and what it has done: the difference is what a refusal takes back."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from plugin_host.desk.checked import checked_apply
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import HostError
from plugin_host.live.port import EngineCommand, SetReference
from plugin_host.mix.commands import Command
from plugin_host.mix.state import Mix
from plugin_host.mix.transport import Transport, TransportCommand, apply_transport

MOST_OPEN = 50_000
"""Requests without an answer: far more than an engine that is being started again leaves open."""

State = TypeVar("State")
Request = TypeVar("Request")


class Ledger(Generic[State, Request]):
    """A state as everyone sees it (`state`: all that was asked is done) and as the engine has it (`confirmed`).

    change: (state, request) → state, raising `HostError` for what does not fit.
    """

    def __init__(self, state: State, change: Callable[[State, Request], State]) -> None:
        self.state = state
        self.confirmed = state
        self.change = change
        self._open: dict[int, Request] = {}

    def tried(self, request: Request) -> State:
        """What the state would be after the request; raises what `change` raises."""
        return self.change(self.state, request)

    def ask(self, number: int, request: Request, state: State) -> None:
        """The request was sent under that number and leads to that state."""
        self._open[number] = request
        self.state = state
        if len(self._open) > MOST_OPEN:
            self._settle()

    def applied(self, number: int) -> Request | None:
        """The engine did it: the request of that number, None where it is not one of these."""
        request = self._open.pop(number, None)
        if request is not None:
            self.confirmed = self.state if not self._open else self._after(self.confirmed, request)
        return request

    def asked(self, number: int) -> Request | None:
        """The request of that number while it has no answer yet."""
        return self._open.get(number)

    def refused(self, number: int) -> Request | None:
        """The engine would not: the state is now what is confirmed and what is still open, without that request."""
        refused = self._open.pop(number, None)
        if refused is not None:
            self.state = self.confirmed
            for request in self._open.values():
                self.state = self._after(self.state, request)
        return refused

    def amend(self, change: Callable[[State], State]) -> None:
        """A change that came from the engine's side."""
        self.confirmed = change(self.confirmed)
        self.state = change(self.state)

    def _settle(self) -> None:
        """No engine answers any more: what is asked counts as done."""
        self.confirmed = self.state
        self._open.clear()

    def _after(self, state: State, request: Request) -> State:
        try:
            return self.change(state, request)
        except HostError:
            return state  # it built on what was refused; the engine refuses it as well


class Ledgers:
    """Those of mix, transport and A/B, in a song of `frames` frames."""

    def __init__(self, mix: Mix, transport: Transport, frames: int) -> None:
        self.mix: Ledger[Mix, Command] = Ledger(mix, lambda old, command: checked_apply(old, command, check_effect))
        self.transport: Ledger[Transport, TransportCommand] = Ledger(
            transport, lambda old, command: apply_transport(old, command, frames)
        )
        self.reference: Ledger[bool, SetReference] = Ledger(False, lambda _, command: command.on)

    def check(self, commands: Sequence[EngineCommand]) -> None:
        """Raise for the first of these commands, one after the other, that does not fit."""
        mix, transport = self.mix.state, self.transport.state
        for command in commands:
            if isinstance(command, TransportCommand):
                transport = self.transport.change(transport, command)
            elif isinstance(command, Command):
                mix = self.mix.change(mix, command)
