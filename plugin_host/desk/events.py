"""What the desk tells everyone who listens, and the queues it tells it through."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from plugin_host.mix.commands import Command
from plugin_host.mix.state import Mix
from plugin_host.mix.transport import Transport, TransportCommand

QUEUE_SIZE = 4096
"""Events that wait for one listener; two seconds of the busiest desk."""


@dataclass(frozen=True, slots=True)
class MixChanged:
    """A command changed the mix. origin: the surface it came from, "" for the desk itself.

    command is None where the mix was set back, because the engine refused something.
    """

    command: Command | None
    mix: Mix
    origin: str = ""


@dataclass(frozen=True, slots=True)
class TransportChanged:
    """The transport changed; command is None where it did so by itself (the song's end)."""

    command: TransportCommand | None
    transport: Transport
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceChanged:
    """The original is heard (on) instead of the remix, or the remix again."""

    on: bool
    origin: str = ""


@dataclass(frozen=True, slots=True)
class SceneRecalled:
    """A scene was recalled, to be reached after `seconds`."""

    name: str
    seconds: float
    origin: str = ""


@dataclass(frozen=True, slots=True)
class TakeBegun:
    """A take is being recorded from now on."""

    name: str


@dataclass(frozen=True, slots=True)
class TakeRecorded:
    """A take is complete and in its file."""

    name: str
    path: Path
    moves: int


@dataclass(frozen=True, slots=True)
class CaptureChanged:
    """What is heard is written to another file, or to none (None)."""

    path: Path | None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ReplayEnded:
    """No take is being replayed any more."""


@dataclass(frozen=True, slots=True)
class DeskWarning:
    """Something a person should know, in one line."""

    text: str


@dataclass(frozen=True, slots=True)
class EngineDied:
    """The engine ended by itself and is being restarted. blamed: what it was working on, "" where unknown."""

    text: str
    blamed: str = ""


@dataclass(frozen=True, slots=True)
class EngineBack:
    """The engine runs again. bypassed: the plugin it now passes by, "" for none."""

    bypassed: str = ""


@dataclass(frozen=True, slots=True)
class EventsLost:
    """This listener was too slow: so many of its oldest events are gone. It should look at the whole mix again."""

    count: int


DeskEvent = (
    MixChanged
    | TransportChanged
    | ReferenceChanged
    | SceneRecalled
    | TakeBegun
    | TakeRecorded
    | CaptureChanged
    | ReplayEnded
    | DeskWarning
    | EngineDied
    | EngineBack
    | EventsLost
)


class Subscription:
    """One listener's queue. Whoever listens slowly loses the oldest events, and is told how many; no one waits."""

    def __init__(self, leave: Callable[["Subscription"], None], size: int = QUEUE_SIZE) -> None:
        self._leave = leave
        self._events: deque[DeskEvent] = deque(maxlen=size)
        self._lost = 0
        self._arrived = threading.Condition()

    def put(self, event: DeskEvent) -> None:
        """Add an event; the oldest goes where there is no room."""
        with self._arrived:
            self._lost += len(self._events) == self._events.maxlen
            self._events.append(event)
            self._arrived.notify_all()

    def drain(self, wait_seconds: float = 0.0) -> list[DeskEvent]:
        """All events that have come, after at most `wait_seconds` for the first; `EventsLost` first where some went."""
        with self._arrived:
            if not self._events and wait_seconds > 0.0:
                self._arrived.wait(wait_seconds)
            lost: list[DeskEvent] = [EventsLost(self._lost)] if self._lost else []
            events = [*lost, *self._events]
            self._events.clear()
            self._lost = 0
            return events

    def close(self) -> None:
        """Listen no longer."""
        self._leave(self)

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Listeners:
    """Everyone who is told. For any number of threads."""

    def __init__(self) -> None:
        self._all: list[Subscription] = []
        self._lock = threading.Lock()

    def subscribe(self, size: int) -> Subscription:
        """A queue of everything told from now on."""
        subscription = Subscription(self._leave, size)
        with self._lock:
            self._all.append(subscription)
        return subscription

    def tell(self, event: DeskEvent) -> None:
        """Put the event into every queue."""
        with self._lock:
            for subscription in self._all:
                subscription.put(event)

    def _leave(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription in self._all:
                self._all.remove(subscription)
