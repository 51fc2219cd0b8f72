"""What one surface is told: everything that changed since it last asked, each address once, with who caused it."""

from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from plugin_host.control.parameters.control import Control
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.panel import PanelChanged
from plugin_host.control.parameters.places import Keys, bank_of
from plugin_host.control.parameters.sight import Sight, sight_of
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.control.parameters.touched import Touched, touched_by
from plugin_host.desk.events import DeskEvent, MixChanged, ReferenceChanged, TransportChanged
from plugin_host.errors import HostError

Which = tuple[Control, Keys]
"""A control, and for which track, effect or other thing."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value to show. origin: the surface that caused it; "" for none in particular.

    which: what changed, and of which track or effect, so that a surface need not be told what it set itself; None
    where other things stand at the address than before.
    """

    address: str
    value: Value
    origin: str
    which: Which | None = field(default=None, compare=False)


class Feedback:
    """One listener to the desk and the panel. For one thread.

    However much happens between two calls of `drain`, an address comes at most once, with its latest value.
    """

    def __init__(self, table: ParameterTable) -> None:
        self._table = table
        self._desk_events = table.host.desk.subscribe()
        self._panel_events = table.host.panel.listen()
        self._seen = sight_of(table.host)

    def drain(self, wait_seconds: float = 0.0) -> list[Change]:
        """What changed since the last call, after waiting at most so long for the desk.

        A change of the panel (selection, bank) does not end the wait.
        """
        events: list[DeskEvent | PanelChanged] = [*self._desk_events.drain(wait_seconds)]
        while self._panel_events:
            events.append(self._panel_events.popleft())
        if not events:
            return []
        before, after = self._seen, _latest(events, sight_of(self._table.host))
        self._seen = after
        return [*self._changes(self._touched(events, before, after), after), *self._renamed(before, after)]

    def close(self) -> None:
        """Listen no longer."""
        self._desk_events.close()
        self._table.host.panel.leave(self._panel_events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _touched(self, events: list[DeskEvent | PanelChanged], before: Sight, after: Sight) -> dict[Which, str]:
        """What changed, and who did it last. After something large, whatever is not as it was.

        Who did something large need not have done all of that: where others had a hand in it, it was nobody.
        """
        touched: dict[Which, str] = {}
        for event in events:
            origin = str(getattr(event, "origin", ""))
            some = touched_by(event)
            if some is None:
                lost = not isinstance(event, MixChanged | TransportChanged)
                large = self._table.controls(after) if lost else self._different(before, after)
                touched |= {which: origin if touched.get(which, origin) == origin else "" for which in large}
            else:
                touched |= dict.fromkeys(some, origin)
        return touched

    def _different(self, before: Sight, after: Sight) -> Touched:
        controls = self._table.controls(after)
        if [track.name for track in before.mix.tracks] != [track.name for track in after.mix.tracks]:
            return controls
        return tuple(which for which in controls if _is_different(*which, before, after))

    def _changes(self, touched: dict[Which, str], sight: Sight) -> list[Change]:
        return [
            Change(address, value, origin, which)
            for which, origin in touched.items()
            for address, value in self._table.values_of((which,), sight)
        ]

    def _renamed(self, before: Sight, after: Sight) -> list[Change]:
        """Where the bank or the selection moved, other tracks stand at the same addresses."""
        changes: list[Change] = []
        old, new = bank_of(before), bank_of(after)
        if old != new:
            places = {name: f"/bank/track/{number}" for number, name in enumerate(new, 1)}
            changes += [Change(*told, "") for told in self._table.values_at(places, after)]
            empty = range(len(new) + 1, len(old) + 1)
            changes += [Change(f"/bank/track/{number}/name", "", "") for number in empty]
        if after.panel.selected not in ("", before.panel.selected):
            places = {after.panel.selected: "/selected"}
            changes += [Change(*told, "") for told in self._table.values_at(places, after)]
        return changes


def _latest(events: list[DeskEvent | PanelChanged], now: Sight) -> Sight:
    """How things stood right after the last of these events, which may be a little before now."""
    for event in events:
        match event:
            case MixChanged():
                now = replace(now, mix=event.mix)
            case TransportChanged():
                now = replace(now, transport=event.transport)
            case ReferenceChanged():
                now = replace(now, reference=event.on)
            case PanelChanged():
                now = replace(now, panel=event.after)
            case _:
                pass
    return now


def _is_different(control: Control, keys: Keys, before: Sight, after: Sight) -> bool:
    if control.read is None:
        return False
    try:
        return control.read(before, keys) != control.read(after, keys)
    except HostError:  # it was not there before
        return True
