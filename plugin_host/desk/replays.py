"""Replaying a take: the engine does it, to the frame; here it is followed, so that surfaces show what is heard."""

from collections.abc import Iterator

from plugin_host.desk import events as e
from plugin_host.desk.orders import Orders
from plugin_host.live.port import EnginePort
from plugin_host.mix.commands import Command
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take

TAKE_ORIGIN = "take"  # of changes that a replayed take makes


class Replay:
    """A take that the engine replays, followed so that surfaces show what is heard.

    number: of the command that makes the song run from the take's start; before it is done, nothing is due.
    """

    def __init__(self, take: Take, number: int) -> None:
        self.take = take
        self.number = number
        self.running = False
        self._next = 0

    @property
    def done(self) -> bool:
        """Whether every move was made."""
        return self._next == len(self.take.events)

    def rest(self, mix: Mix, song_frame: int) -> "Replay":
        """What is left of it, from `song_frame` on, where the mix has become `mix`."""
        left = Replay(Take(mix, song_frame, self.take.events[self._next :]), self.number)
        left.running = self.running
        return left

    def due(self, song_frame: int) -> Iterator[Command]:
        """The moves that the song has passed since the last call."""
        while self.running and not self.done and self.take.events[self._next].frame < song_frame:
            yield self.take.events[self._next].command
            self._next += 1


class ReplayDeck:
    """Replays one take at a time. Its owner holds a lock meanwhile."""

    def __init__(self, engine: EnginePort, orders: Orders) -> None:
        self._engine, self._orders = engine, orders
        self._replay: Replay | None = None

    @property
    def replaying(self) -> bool:
        """Whether a take is being replayed."""
        return self._replay is not None

    def begin(self, take: Take, number: int) -> None:
        """The engine has that take; the command of that number makes the song run."""
        self._replay = Replay(take, number)

    def applied(self, number: int) -> None:
        """The engine carried out the command of that number."""
        if self._replay and number == self._replay.number:
            self._replay.running = True

    def advance(self) -> None:
        """Show what the song has passed by now; at the take's end, end."""
        if self._replay is None or not self._replay.running:
            return
        for command in self._replay.due(self._engine.status().song_frame):
            self._orders.follow(command, TAKE_ORIGIN)
        if self._replay.done:
            self.end()

    def end(self) -> None:
        """What the take did stays."""
        if self._replay:
            self._replay = None
            self._engine.play_take(None)
            self._orders.settle()
            self._orders.listeners.tell(e.ReplayEnded())

    def go_on(self) -> None:
        """A new engine knows of no take: it is given what the song has not passed yet."""
        if self._replay:
            self._replay = self._replay.rest(self._orders.asked.mix.state, self._engine.status().song_frame)
            self._orders.settle()
            self._engine.play_take(self._replay.take)
