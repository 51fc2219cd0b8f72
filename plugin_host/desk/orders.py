"""What the desk asks of the engine, under numbers, and tells everyone; what the engine refuses is taken back."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from plugin_host.desk import events as e
from plugin_host.desk.checked import checked_apply
from plugin_host.desk.ledger import Ledgers
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import HostError
from plugin_host.live import port
from plugin_host.mix import commands as c
from plugin_host.mix import transport as t


class Orders:
    """Every command on its way: into its ledger, to the engine, to who listens. Its owner holds a lock meanwhile.

    asked: the states as they were asked for and as the engine has them. listeners: everyone who is told.
    """

    def __init__(self, engine: port.EnginePort, asked: Ledgers) -> None:
        self.asked = asked
        self.listeners = e.Listeners()
        self._engine = engine
        self._numbers = itertools.count(1)
        self._gathered: list[tuple[int, port.EngineCommand]] | None = None

    @contextmanager
    def together(self, commands: Sequence[port.EngineCommand]) -> Iterator[None]:
        """What is given meanwhile, these commands, goes to the engine as one; raises at once where one does not fit."""
        self.asked.check(commands)
        self._gathered = []
        try:
            yield
        finally:
            gathered, self._gathered = self._gathered, None
            self._engine.send_all(gathered)

    def send(self, command: port.EngineCommand) -> int:
        """To the engine; its number."""
        number = next(self._numbers)
        if self._gathered is None:
            self._engine.send(number, command)
        else:
            self._gathered.append((number, command))
        return number

    def change_mix(self, command: c.Command, origin: str) -> int:
        """Its number; raises what `apply` and the effects' catalogue raise where it does not fit."""
        state = self.asked.mix.tried(command)
        number = self.send(command)
        self.asked.mix.ask(number, command, state)
        self.listeners.tell(e.MixChanged(command, state, origin))
        return number

    def move(self, command: t.TransportCommand, state: t.Transport, origin: str) -> None:
        """A transport command that leads to that state."""
        number = self.send(command)
        self.asked.transport.ask(number, command, state)
        self.listeners.tell(e.TransportChanged(command, state, origin))

    def switch(self, command: port.SetReference, origin: str) -> None:
        """Hear the original, or the remix."""
        self.asked.reference.ask(self.send(command), command, command.on)
        self.listeners.tell(e.ReferenceChanged(command.on, origin))

    def settle(self) -> None:
        """What the engine's side did to the mix by itself is the mix now, also for an engine started again."""
        settled = c.ReplaceMix(self.asked.mix.state)
        self.asked.mix.ask(self.send(settled), settled, self.asked.mix.state)

    def follow(self, command: c.Command, origin: str) -> None:
        """Do to the mix that everyone sees what the engine's side did by itself."""
        with suppress(HostError):  # someone changed what it was about: the engine passes over it as well
            self.asked.mix.amend(partial(checked_apply, command=command, check=check_effect))
            self.listeners.tell(e.MixChanged(command, self.asked.mix.state, origin))

    def take_back(self, refused: port.Refused) -> None:
        """The engine would not: everyone is told why, and how things stand instead."""
        asked, tell = self.asked, self.listeners.tell
        tell(e.DeskWarning(refused.text))
        if asked.mix.refused(refused.number) is not None:
            tell(e.MixChanged(None, asked.mix.state))
        if asked.transport.refused(refused.number) is not None:
            tell(e.TransportChanged(None, asked.transport.state))
        if asked.reference.refused(refused.number) is not None:
            tell(e.ReferenceChanged(asked.reference.state))
