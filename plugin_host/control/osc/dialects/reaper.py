"""Surfaces made for REAPER's default pattern (Default.ReaperOSC).

Source: the comments of that file, and the reference at reaper.fm/sdk/osc. Positions 0 … 1 are those of our fader,
where 0 dB stands at 0.75 (in REAPER at 0.716); what a surface shows beside it, the text, is right. Tracks are numbered
from where the surface's own bank begins. Not spoken: effects' parameters by number, receives, actions.
"""

import re

from plugin_host.control.osc.dialects.laws import LEVEL, TRUTH, whole
from plugin_host.control.osc.dialects.routes import DeskView, Route, Routes
from plugin_host.control.osc.dialects.session import Line, Meant, Told
from plugin_host.control.osc.packet import OscMessage
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.desk.desk import Desk
from plugin_host.mix.limits import MAX_TRACKS

LAPSE_SECONDS = 60.0
"""A surface is told for so long after it last sent something."""


def _track(theirs: str, ours: str) -> tuple[Route, ...]:
    """What a track has, by number and of the selected track."""
    return (
        Route(f"{theirs}/volume", f"{ours}/fader"),
        Route(f"{theirs}/volume/db", f"{ours}/gain"),
        Route(f"{theirs}/volume/str", f"{ours}/gain/str"),
        Route(f"{theirs}/pan", f"{ours}/pan/norm"),
        Route(f"{theirs}/pan/str", f"{ours}/pan/str"),
        Route(f"{theirs}/mute", f"{ours}/mute", TRUTH),
        Route(f"{theirs}/solo", f"{ours}/solo", TRUTH),
        Route(f"{theirs}/select", f"{ours}/select", TRUTH),
        Route(f"{theirs}/name", f"{ours}/name", writes=False),
        Route(f"{theirs}/vu", f"{ours}/meter/peak", LEVEL, writes=False),
        Route(f"{theirs}/send/{{send}}/volume", f"{ours}/send/{{send}}/fader"),
        Route(f"{theirs}/send/{{send}}/volume/str", f"{ours}/send/{{send}}/str"),
    )


ROUTES = (
    *_track("/track/{track}", "/track/{track}"),
    *_track("/track", "/selected"),
    Route("/master/volume", "/master/fader"),
    Route("/master/volume/str", "/master/gain/str"),
    Route("/master/vu", "/master/meter/peak", LEVEL, writes=False),
    Route("/play", "/transport/play", TRUTH, asks=False),
    Route("/stop", "/transport/stop", TRUTH, asks=False),
    Route("/pause", "/transport/pause", reads=False),
    Route("/record", "/take/record", TRUTH, asks=False),
    Route("/soloreset", "/solo/clear", reads=False),
    Route("/time", "/transport/position", writes=False),
    Route("/time", "/transport/seek", reads=False),
    Route("/time/str", "/transport/position/str", writes=False),
    Route("/tempo/raw", "/transport/tempo"),
    Route("/tempo/str", "/transport/tempo/str"),
    Route("/playrate/raw", "/transport/speed"),
    Route("/playrate/str", "/transport/speed/str"),
)
BANK = 8
"""Tracks in a bank, where the surface does not say how many it shows."""
_OF_THE_BANK = ("/device/track/bank/", "/device/track/count")
_REPEAT = "/repeat"
_LOOP = "/transport/loop/on"
_TOGGLE = re.compile(r"/track(/[0-9]{1,4})?/(mute|solo)/toggle")


class _BankView(DeskView):
    """Tracks as a surface numbers them that shows `size` at a time."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.size = BANK
        self._bank = 0

    @property
    def before(self) -> int:
        """Tracks before the bank's first; where those in it were removed, of the last bank that has some."""
        self._bank = min(self._bank, max(len(self.of("track")) - 1, 0) // self.size)
        return self._bank * self.size

    @property
    def empty(self) -> range:
        """Numbers in the bank at which no track is."""
        return range(len(self.of("track")) - self.before + 1, self.size + 1)

    def go(self, bank: int) -> None:
        """To that bank, counted from 0, or the nearest one there is."""
        self._bank = max(bank, 0)

    def step(self, by: int) -> None:
        """So many banks on."""
        self.go(self.before // self.size + by)

    def named(self, place: str, number: int) -> str:
        return super().named(place, number + self.before if place == "track" else number)

    def number(self, place: str, text: str) -> int:
        number = super().number(place, text)
        return max(number - self.before, 0) if place == "track" else number


class ReaperSession:
    """One such surface. It is told of everything as long as it sends something."""

    name = "reaper"
    levels = True

    def __init__(self, table: ParameterTable) -> None:
        self._view = _BankView(table.host.desk)
        self._routes = Routes(ROUTES, self._view)
        self._table = table
        self._turned: set[str] = set()
        """Ours that it turned round: what they are by then it cannot know."""

    def incoming(self, message: OscMessage, line: Line) -> list[Meant] | None:
        """What a message means; settings of the surface (/device/…), but for its bank, are passed over."""
        if message.address.startswith(_OF_THE_BANK):
            self._set_bank(message, line)
        meant = self._meant(message)
        if meant is not None:
            line.subscribe(LAPSE_SECONDS)
        return meant

    def outgoing(self, address: str, value: Value) -> list[Told]:
        """One of our values in REAPER's words."""
        if address == _LOOP:
            return [(_REPEAT, (), (int(bool(value)),))]
        return self._routes.outgoing(address, value)

    def own(self, address: str, value: Value) -> tuple[bool, list[Told]]:
        """It is told nothing of that, but where it turned something round how that stands."""
        if address not in self._turned:
            return True, []
        self._turned.discard(address)
        return True, self.outgoing(address, value)

    def each_second(self, line: Line) -> None:
        """Nothing beats."""

    def _set_bank(self, message: OscMessage, line: Line) -> None:
        """How many tracks it shows, or another bank: the next, the one before, or by number from 1."""
        words, given = message.address.split("/"), whole(message.arguments[0]) if message.arguments else 1
        if words[-1].isdecimal() and given:  # /device/track/count/8 is /device/track/count 8
            given = int(words.pop()[:9])
        word = words[-1]
        if word == "count" and given:
            self._view.size = min(given, MAX_TRACKS)
        elif word in ("+", "-") and given:
            self._view.step(1 if word == "+" else -1)
        elif word == "select" and given:
            self._view.go(given - 1)
        else:
            return
        for number in self._view.empty:
            line.answer(f"/track/{number}/name", "")
        line.refresh()

    def _meant(self, message: OscMessage) -> list[Meant] | None:
        if message.address == _REPEAT or _TOGGLE.fullmatch(message.address):
            return self._toggled(message)
        meant = self._routes.incoming(message)
        if meant is not None:
            return [meant]
        return [] if message.address.startswith("/device/") else None

    def _toggled(self, message: OscMessage) -> list[Meant]:
        if message.arguments and message.arguments[0] in (0, 0.0, False):
            return []
        theirs = message.address.removesuffix("/toggle")
        meant = self._routes.incoming(OscMessage(theirs, ()))
        ours = meant.address if meant is not None else _LOOP
        there = self._table.resolve(ours)
        if meant is not None:  # not of the loop: a program that takes what it is told for pressed would turn it back
            self._turned |= {each.address for each in there} | {f"/selected/{theirs.rpartition('/')[2]}"}
        return [Meant(ours, None, theirs, law=TRUTH, turns=True) for _ in there]
