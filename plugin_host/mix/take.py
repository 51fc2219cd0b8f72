"""A take: control moves in time, to be heard again live or in a bounce."""

from dataclasses import dataclass

from plugin_host.mix.commands import Command
from plugin_host.mix.state import Mix


@dataclass(frozen=True, slots=True)
class TakeEvent:
    """A command, and the song frame that was about to enter the mixer when it was carried out."""

    frame: int
    command: Command


@dataclass(frozen=True, slots=True)
class Take:
    """What happened from song frame `start` on, where the mix was `mix`. Events are in the order of time."""

    mix: Mix
    start: int
    events: tuple[TakeEvent, ...] = ()
