"""The next exchange of chains in a take, built before the song gets there, so that it comes to the frame."""

from concurrent.futures import Future
from dataclasses import dataclass

from plugin_host.engine.changes import PreparedChange, plan_change
from plugin_host.errors import HostError
from plugin_host.live.conductor import Conductor, may_exchange
from plugin_host.mix.apply import apply
from plugin_host.mix.commands import Command
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take

SCANNED_AT_ONCE = 100
"""Events looked at in one turn: a fraction of a millisecond."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """An exchange that is being built. first, after: which of the take's events it carries out. mix: as it is then."""

    first: int
    after: int
    mix: Mix
    job: Future[PreparedChange]

    def ready(self) -> PreparedChange | None:
        """What was built; None where it is not there yet, or cannot be."""
        return self.job.result() if self.job.done() and self.job.exception() is None else None


class TakeAhead:
    """Looks for the next events, all at one frame, that need chains built, and has the conductor build them.

    What needs other sources, or tracks, is left alone: it comes when it is ready.
    """

    def __init__(self, take: Take, conductor: Conductor) -> None:
        self._events, self._conductor = take.events, conductor
        self._mix, self._scanned = take.mix, 0
        self.found: Ahead | None = None

    def advance(self, done: int) -> None:
        """Look on, where nothing is being built; the first `done` events are past."""
        if self.found is not None and self.found.first < done:
            self.found = None
        until = min(len(self._events), self._scanned + SCANNED_AT_ONCE)
        while self.found is None and self._scanned < until:
            self._scan(done)

    def _scan(self, done: int) -> None:
        """The events at the next frame."""
        first, frame, old = self._scanned, self._events[self._scanned].frame, self._mix
        exchanges = False
        while self._scanned < len(self._events) and self._events[self._scanned].frame == frame:
            command = self._events[self._scanned].command
            exchanges |= may_exchange(command)
            self._mix = _applied(self._mix, command)
            self._scanned += 1
        if exchanges and first >= done:
            self._build(first, old)

    def _build(self, first: int, old: Mix) -> None:
        try:
            plan = plan_change(old, self._mix)
        except HostError:  # it will be refused when it is its turn
            return
        if (plan.rebuild or plan.limiter) and not (plan.added or plan.removed or plan.reread):
            self.found = Ahead(first, self._scanned, self._mix, self._conductor.build_ahead(plan, self._mix))


def _applied(mix: Mix, command: Command) -> Mix:
    try:
        return apply(mix, command)
    except HostError:
        return mix
