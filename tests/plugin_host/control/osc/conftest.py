"""A running OSC server over a desk whose engine makes no sound, and clients with real sockets."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.packet import IMMEDIATELY, Argument, OscMessage, messages, parsed
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.control.osc.surfaces import OscSurfaces, open_surfaces
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.desk.desk import Desk
from plugin_host.desk.events import DeskWarning, Subscription
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix.presets import PresetLibrary, shipped_folder
from plugin_host.mix.state import Effect, Group, Mix, Track

RATE = 48_000
FRAMES = 100 * RATE
PATIENCE = 10.0
QUIET = 0.25
TURNS = 3


class Client:
    """A surface: sends from a port of its own, and reads what comes back to it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.settimeout(PATIENCE)
        self.server = (LOOPBACK, port)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def send(self, address: str, *arguments: Argument) -> None:
        self.socket.sendto(encoded(address, arguments), self.server)

    def send_raw(self, packet: bytes) -> None:
        self.socket.sendto(packet, self.server)

    def send_bundle(self, *sent: tuple[str, Argument], timetag: int = IMMEDIATELY) -> None:
        self.send_raw(bundle(*(encoded(address, (value,)) for address, value in sent), timetag=timetag))

    def receive(self) -> OscMessage:
        (message,) = messages(parsed(self.socket.recv(65_535)))
        return message

    def ask(self, address: str, *arguments: Argument) -> OscMessage:
        self.send(address, *arguments)
        return self.receive()

    def until(self, address: str) -> OscMessage:
        """The next message with that address; those before it are passed over."""
        while True:
            message = self.receive()
            if message.address == address:
                return message

    def rest(self) -> list[OscMessage]:
        """What comes until nothing does for a while in which the server was seen at work, however busy the machine."""
        found: list[OscMessage] = []
        has_more = True
        while has_more:
            has_more = self._waits(QUIET) or (self._server_turned() and self._waits(QUIET / 5))
            if has_more:
                found.append(self.receive())
        return found

    def _waits(self, seconds: float) -> bool:
        return bool(select.select([self.socket], [], [], seconds)[0])

    def _server_turned(self) -> bool:
        """After the server answered somebody else some times, with rests between them."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.settimeout(PATIENCE)
            for _ in range(TURNS):
                other.sendto(encoded("/ping"), self.server)
                other.recv(65_535)
                time.sleep(QUIET / 10)
        return True

    def values(self) -> dict[str, tuple[Argument, ...]]:
        return {message.address: message.arguments for message in self.rest()}

    def settle(self) -> list[OscMessage]:
        """Wait until everything sent before has been done; what else was said meanwhile."""
        self.send("/ping", "settled")
        return list(iter(self.receive, OscMessage("/pong", ("settled",))))


def bundle(*elements: bytes, timetag: int = IMMEDIATELY) -> bytes:
    packed = b"".join(len(element).to_bytes(4, "big") + element for element in elements)
    return b"#bundle\0" + timetag.to_bytes(8, "big") + packed


@dataclass
class Rack:
    """What runs."""

    desk: Desk
    table: ParameterTable
    heard: Subscription
    stack: ExitStack
    open: list[OscSurfaces] = field(default_factory=list)

    def start(self, settings: OscSettings) -> OscSurfaces:
        surfaces = self.stack.enter_context(open_surfaces(self.table, settings))
        self.open.append(surfaces)
        return surfaces

    @property
    def server(self) -> OscServer:
        if not self.open:
            self.start(OscSettings(port=0, tcp_port=0))
        return self.open[0].server

    def client(self) -> Client:
        client = Client(self.server.port)
        self.stack.callback(client.socket.close)
        return client

    def warnings(self) -> list[str]:
        return [event.text for event in self.heard.drain() if isinstance(event, DeskWarning)]


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    chain = (Effect("compressor", {"threshold_db": -18.0}),)
    names = ("vocals", "lead vocals", "drums", "bass", "piano", "other", "synth 1", "synth 2", "synth 3", "a/b")
    mix = Mix(tuple(Track(name, "vocals", chain) for name in names), groups=(Group("band"),))
    engine = SilentEngine(mix, frames=FRAMES, rate=RATE, clock=lambda: 0.0)
    desk = Desk(engine, mix, frames=FRAMES, rate=RATE, takes_folder=tmp_path / "takes", clock=lambda: 0.0)
    library = PresetLibrary((tmp_path / "presets",), shipped_folder(), check_effect)
    table = ParameterTable(desk, library, frames=FRAMES, rate=RATE)
    with ExitStack() as stack:
        yield Rack(desk, table, desk.subscribe(), stack)
    assert not [thread.name for thread in threading.enumerate() if thread.name in ("osc server", "oscquery")]
