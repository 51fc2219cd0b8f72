"""Addresses of another program beside ours, as one table for both ways.

`{n}` in an address is a number from 1: `/ch/{n:02}/mix/fader` is written with two digits, and read with any. In ours
`{track}`, `{group}`, `{aux}` and `{send}` stand where it belongs.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from plugin_host.control.osc.dialects.laws import AS_IT_IS, Law
from plugin_host.control.osc.dialects.session import Meant, Told
from plugin_host.control.osc.packet import OscMessage
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.places import segment
from plugin_host.desk.desk import Desk
from plugin_host.errors import ControlError

_PLACE = re.compile(r"\{(\w+)(:02)?\}")
_FIRST = 1
NAMED = ("track", "group")


@dataclass(frozen=True, slots=True)
class Route:
    """One of their addresses and ours. reads, writes: which ways it goes. asks: without an argument it asks."""

    theirs: str
    ours: str
    law: Law = AS_IT_IS
    reads: bool = True
    writes: bool = True
    asks: bool = True


class DeskView:
    """What dialects look up at the desk: above all tracks and groups by number, for they know nothing else."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def bars(self, seconds: float) -> tuple[float, int] | None:
        """Beats from the beginning to a place in the song, and beats in a bar; None where the tempo is not known."""
        transport = self._desk.transport
        return None if transport.tempo is None else (seconds * transport.tempo / 60.0, transport.beats_per_bar)

    def of(self, place: str) -> list[str]:
        """The names that can stand in that place of an address, in order, as they stand there."""
        mix = self._desk.mix
        return [segment(each.name) for each in (mix.tracks if place == "track" else mix.groups)]

    def named(self, place: str, number: int) -> str:
        """What stands in our address for their number; `ControlError` where there is nothing of that number."""
        if place not in NAMED:
            return str(number)
        names = self.of(place)
        if not 1 <= number <= len(names):
            raise ControlError(f"there is no {place} {number}: there are {len(names)}")
        return names[number - _FIRST]

    def shown(self, strip: str) -> str:
        """The name of what stands at that address of ours."""
        mix, (kind, name) = self._desk.mix, (*strip.split("/")[1:], "")[:2]
        if kind == "track":
            return mix.tracks[self.number("track", name) - _FIRST].name
        return mix.auxes[int(name) - _FIRST].name if kind == "aux" else "Master"

    def switches(self, strip: str) -> tuple[bool, bool]:
        """Whether what stands at that address of ours is muted, and soloed."""
        mix, (kind, name) = self._desk.mix, (*strip.split("/")[1:], "")[:2]
        if kind == "track":
            track = mix.tracks[self.number("track", name) - _FIRST]
            return track.mute, track.solo
        return kind == "aux" and mix.auxes[int(name) - _FIRST].mute, False

    def number(self, place: str, text: str) -> int:
        """Their number for what stands in our address; 0 where it has none."""
        if place not in NAMED:
            return int(text) if text.isdecimal() else 0
        names = self.of(place)
        return names.index(text) + _FIRST if text in names else 0


class Routes:
    """A dialect's table."""

    def __init__(self, routes: tuple[Route, ...], view: DeskView) -> None:
        self._view = view
        self._inward = [(re.compile(_reading(route.theirs)), route) for route in routes]
        outward: defaultdict[str, list[Route]] = defaultdict(list)
        for route in routes:
            if route.reads:
                outward[_PLACE.sub("{}", route.ours)].append(route)
        self._outward = dict(outward)

    def incoming(self, message: OscMessage) -> Meant | None:
        """What one of their messages means; without an argument it asks, where there is something to ask for."""
        for pattern, route in self._inward:
            found = pattern.fullmatch(message.address)
            if found and (route.writes if message.arguments else True):
                numbers = {place: int(number) for place, number in found.groupdict().items()}
                asks = route.asks and route.reads and not message.arguments
                value = route.law.ours(message.arguments[0]) if message.arguments else None
                return Meant(self._ours(route, numbers), value, message.address, law=route.law, asks=asks)
        return None

    def outgoing(self, address: str, value: Value) -> list[Told]:
        """One of our values in their words."""
        return [
            (theirs, (), (route.law.theirs(value),))
            for route, numbers in self._routes_of(address)
            for theirs in (_filled(route.theirs, numbers),)
        ]

    def _ours(self, route: Route, numbers: dict[str, int]) -> str:
        return _PLACE.sub(lambda place: self._view.named(place[1], numbers[place[1]]), route.ours)

    def _routes_of(self, address: str) -> Iterator[tuple[Route, dict[str, int]]]:
        parts = address.split("/")
        for key in _keys(parts):
            for route in self._outward.get(key, ()):
                numbers = {
                    place[1]: self._view.number(place[1], part)
                    for template, part in zip(route.ours.split("/"), parts, strict=True)
                    for place in _PLACE.finditer(template)
                }
                if all(numbers.values()):
                    yield route, numbers


def _keys(parts: list[str]) -> Iterator[str]:
    """How an address of ours may be declared: as it is, with a place after its first word, and with two places."""
    yield "/".join(parts)
    if len(parts) > 2:
        first = [*parts[:2], "{}", *parts[3:]]
        yield "/".join(first)
        if len(parts) > 4:
            yield "/".join([*first[:4], "{}", *first[5:]])


def _reading(theirs: str) -> str:
    """The pattern that reads one of their addresses."""
    parts = re.split(r"\{(\w+)(?::02)?\}", theirs)  # words and names of places in turn
    read = (f"(?P<{part}>[0-9]{{1,4}})" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return "".join(read)


def _filled(theirs: str, numbers: dict[str, int]) -> str:
    return _PLACE.sub(lambda place: f"{numbers[place[1]]:02}" if place[2] else str(numbers[place[1]]), theirs)
