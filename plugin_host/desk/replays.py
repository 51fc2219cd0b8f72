"""Replaying a take: the engine does it, to the frame; here it is followed, so that surfaces show what is heard."""

from plugin_host.desk import events as e
from plugin_host.desk.orders import Orders
from plugin_host.live.port import TAKE_MIX, EnginePort, Refused, number_of_move
from plugin_host.mix.commands import Command
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take

TAKE_ORIGIN = "take"  # of changes that a replayed take makes


class Replay:
    """A take that the engine replays. running: whether the engine has begun with it; before it has, nothing counts."""

    def __init__(self, take: Take) -> None:
        self.take = take
        self.running = False
        self._next = 0
        self._answered, self._open = bytearray(len(take.events)), len(take.events)

    @property
    def done(self) -> bool:
        """Whether every move was made; a chain that takes long is made after faders behind it."""
        return self.running and not self._open

    def rest(self, mix: Mix, song_frame: int) -> Take:
        """What is left of it, from `song_frame` on, where the mix has become `mix`."""
        answered = self._answered[: self._next]
        missing = [event for event, made in zip(self.take.events, answered, strict=False) if not made]
        return Take(mix, song_frame, (*missing, *self.take.events[self._next :]))

    def move(self, number: int) -> Command | None:
        """The move of that number; None where it is none of these."""
        place = number_of_move(number)  # which is its own inverse
        return self.take.events[place].command if self.running and 0 <= place < len(self.take.events) else None

    def answered(self, number: int) -> Command | None:
        """The move of that number, which the engine made, or would not; None where it is none of these."""
        if number == TAKE_MIX:
            self.running = True
        command, place = self.move(number), number_of_move(number)
        if command is not None:
            self._open -= not self._answered[place]
            self._answered[place] = True
            self._next = place + 1
        return command


class ReplayDeck:
    """Replays one take at a time. Its owner holds a lock meanwhile."""

    def __init__(self, engine: EnginePort, orders: Orders) -> None:
        self._engine, self._orders = engine, orders
        self._replay: Replay | None = None

    @property
    def replaying(self) -> bool:
        """Whether a take is being replayed."""
        return self._replay is not None

    def begin(self, take: Take) -> None:
        """Have the engine replay that take."""
        self._replay = Replay(take)
        self._engine.play_take(take)

    def applied(self, number: int) -> Command | None:
        """The engine carried out something under that number: the move of the take that it was, if any."""
        command = self._replay.answered(number) if self._replay else None
        if command is not None:
            self._orders.follow(command, TAKE_ORIGIN)
        return command

    def move(self, number: int) -> Command | None:
        """The move of the take under that number, if any."""
        return self._replay.move(number) if self._replay else None

    def refused(self, refused: Refused) -> None:
        """The engine would not do that. Of the take's mix our own order, refused as well, has told."""
        if refused.number == TAKE_MIX:
            self.end()
        elif self._replay:
            self._replay.answered(refused.number)
            self._orders.listeners.tell(e.DeskWarning(refused.text))

    def advance(self) -> None:
        """At the take's end, end."""
        if self._replay is not None and self._replay.done:
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
            rest = self._replay.rest(self._orders.asked.mix.state, self._engine.status().song_frame)
            self._orders.settle()
            self.begin(rest)
