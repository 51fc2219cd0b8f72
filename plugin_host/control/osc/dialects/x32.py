"""Surfaces made for a Behringer X32 or Midas M32.

Source: Patrick-Gilles Maillot, "Unofficial X32/M32 OSC Remote Protocol". Channels are tracks, buses 1 and 2 the aux
buses, DCAs the groups. Its fader ends at +10 dB. Not spoken: meter blobs, EQ and dynamics.
"""

from plugin_host.control.osc.dialects.laws import NOT, PAN, TRUTH, X32_FADER
from plugin_host.control.osc.dialects.routes import DeskView, Route, Routes
from plugin_host.control.osc.dialects.session import Line, Meant, Told
from plugin_host.control.osc.packet import OscMessage
from plugin_host.control.osc.settings import version
from plugin_host.control.parameters.declaration import Value

LAPSE_SECONDS = 10.0
"""How long /xremote holds."""
ROUTES = (
    Route("/ch/{track:02}/mix/fader", "/track/{track}/gain", X32_FADER),
    Route("/ch/{track:02}/mix/on", "/track/{track}/mute", NOT),
    Route("/ch/{track:02}/mix/pan", "/track/{track}/pan", PAN),
    Route("/ch/{track:02}/config/name", "/track/{track}/name", writes=False),
    Route("/ch/{track:02}/preamp/invert", "/track/{track}/invert", TRUTH),
    Route("/ch/{track:02}/mix/{send:02}/level", "/track/{track}/send/{send}", X32_FADER),
    Route("/-stat/solosw/{track:02}", "/track/{track}/solo", TRUTH),
    Route("/bus/{aux:02}/mix/fader", "/aux/{aux}/gain", X32_FADER),
    Route("/bus/{aux:02}/mix/on", "/aux/{aux}/mute", NOT),
    Route("/bus/{aux:02}/config/name", "/aux/{aux}/name", writes=False),
    Route("/dca/{group}/fader", "/group/{group}/gain", X32_FADER),
    Route("/dca/{group}/on", "/group/{group}/mute", NOT),
    Route("/dca/{group}/config/name", "/group/{group}/name", writes=False),
    Route("/main/st/mix/fader", "/master/gain", X32_FADER),
    Route("/-action/clearsolo", "/solo/clear", reads=False),
)


class X32Session:
    """One such surface."""

    name = "x32"
    levels = False

    def __init__(self, view: DeskView) -> None:
        self._routes = Routes(ROUTES, view)

    def incoming(self, message: OscMessage, line: Line) -> list[Meant] | None:
        """/xremote subscribes for 10 s; the rest is the table."""
        match message.address:
            case "/xremote":
                line.subscribe(LAPSE_SECONDS)
            case "/xinfo":
                line.answer("/xinfo", "", "stemrack", "X32", version())
            case "/status":
                line.answer("/status", "active", "", "stemrack")
            case _:
                meant = self._routes.incoming(message)
                return None if meant is None else [meant]
        return []

    def outgoing(self, address: str, value: Value) -> list[Told]:
        """One of our values in the X32's words."""
        return self._routes.outgoing(address, value)

    def own(self, address: str, value: Value) -> tuple[bool, list[Told]]:
        """It is told nothing of that."""
        return True, []

    def each_second(self, line: Line) -> None:
        """Nothing beats."""
