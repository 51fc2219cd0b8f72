"""Surfaces made for REAPER's default pattern (Default.ReaperOSC).

Source: the comments of that file, and the reference at reaper.fm/sdk/osc. Positions 0 … 1 are those of our fader,
where 0 dB stands at 0.75 (in REAPER at 0.716); what a surface shows beside it, the text, is right. Not spoken:
effects' parameters by number, receives, actions.
"""

import re

from plugin_host.control.osc.dialects.laws import LEVEL, TRUTH
from plugin_host.control.osc.dialects.routes import DeskView, Route, Routes
from plugin_host.control.osc.dialects.session import Line, Meant, Told
from plugin_host.control.osc.packet import OscMessage
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.table import ParameterTable

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
    Route("/device/track/bank/+", "/bank/next", reads=False),
    Route("/device/track/bank/-", "/bank/prev", reads=False),
)
_REPEAT = "/repeat"
_LOOP = "/transport/loop/on"
_TOGGLE = re.compile(r"/track(/[0-9]{1,4})?/(mute|solo)/toggle")


class ReaperSession:
    """One such surface. It is told of everything as long as it sends something."""

    name = "reaper"
    levels = True

    def __init__(self, view: DeskView, table: ParameterTable) -> None:
        self._routes = Routes(ROUTES, view)
        self._table = table

    def incoming(self, message: OscMessage, line: Line) -> list[Meant] | None:
        """What a message means; settings of the surface (/device/…) are passed over."""
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
        """It is told nothing of that."""
        return True, []

    def each_second(self, line: Line) -> None:
        """Nothing beats."""

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
        return [Meant(ours, None, theirs, law=TRUTH, turns=True) for _ in self._table.resolve(ours)]
