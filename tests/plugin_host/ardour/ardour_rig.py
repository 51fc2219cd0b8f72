"""A real Ardour without a window: a session written by hand, and the process that plays it on a JACK server.

Read by `conftest.py` and by `benchmarks/ardour_clock.py`, through `runpy`.
"""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_packet import OscPacket

RATE = 48_000
SUPERCLOCKS_PER_FRAME = 282_240_000 // RATE
"""Ardour's unit of time."""
_LIBRARIES = Path("/usr/lib/ardour7")
PATIENCE_SECONDS = 40.0
TRACKS = 1
"""A kind of strip, and below kinds of feedback, as `/set_surface` counts them."""
VALUES, PLAIN_REPLIES = 2, 16384


def program() -> str:
    """The headless Ardour of this machine, "" where there is none."""
    found = sorted(_LIBRARIES.glob("hardour-*"))
    return str(found[-1]) if found and shutil.which("jackd") else ""


@dataclass(frozen=True)
class Strip:
    """A stereo audio track. gain: automation played, (frame, amplitude)."""

    name: str
    gain: Sequence[tuple[int, float]] = ()
    recorded: bool = False


def write_session(folder: Path, strips: Sequence[Strip], *, jack_transport: bool = False) -> None:
    """A session that Ardour 7 opens: the parts it cannot do without, and nothing else."""
    ids = itertools.count(1000)
    session = Xml.Element("Session", version="7002", name=folder.name, **{"sample-rate": str(RATE)})
    config = _under(session, "Config")
    options = {"native-file-data-format": "FormatFloat", "external-sync": str(int(jack_transport)), "auto-return": "0"}
    for name, value in options.items():
        _under(config, "Option", name=name, value=value)
    for empty in ("Sources", "Regions"):
        _under(session, empty)
    places = _under(session, "Locations")
    whole = {
        "name": "session",
        "start": "a0",
        "end": f"a{600 * RATE * SUPERCLOCKS_PER_FRAME}",
        "flags": "IsSessionRange",
    }
    _under(places, "Location", id=str(next(ids)), **whole)
    routes, playlists = _under(session, "Routes"), _under(session, "Playlists")
    _add_route(routes, ids, "Master", "MasterOut", 0)
    for order, strip in enumerate(strips, 1):
        playlist = str(next(ids))
        route = _add_route(routes, ids, strip.name, "AudioTrack", order, strip)
        route.set("audio-playlist", playlist)
        marks = {"name": strip.name, "type": "audio", "orig-track-id": route.get("id", "")}
        _under(playlists, "Playlist", id=playlist, **marks)
    _under(session, "RouteGroups")
    _add_tempo(session)
    protocols = _under(session, "ControlProtocols")
    answers = {"active": "1", "address-only": "0"}  # to the port that asked
    _under(protocols, "Protocol", name="Open Sound Control (OSC)", **answers)
    folder.mkdir(parents=True)
    Xml.ElementTree(session).write(folder / f"{folder.name}.ardour", encoding="UTF-8", xml_declaration=True)


def _under(parent: Xml.Element, tag: str, **attributes: str) -> Xml.Element:
    return Xml.SubElement(parent, tag, attributes)


def _add_route(
    routes: Xml.Element, ids: Any, name: str, kind: str, order: int, strip: Strip | None = None
) -> Xml.Element:
    new = {"version": "7002", "id": str(next(ids)), "name": name, "default-type": "audio", "active": "1"}
    route = _under(
        routes, "Route", **new, **({} if strip is None else {"mode": "Normal", "alignment-choice": "UseCaptureTime"})
    )
    _under(route, "PresentationInfo", order=str(order), flags=f"{kind},OrderSet")
    for direction, word in (("Input", "in"), ("Output", "out")):
        ends = _under(route, "IO", name=name, id=str(next(ids)), direction=direction, **{"default-type": "audio"})
        for side in (1, 2):
            _under(ends, "Port", type="audio", name=f"{name}/audio_{word} {side}")
    if strip is not None:
        _under(route, "Processor", id=str(next(ids)), name=f"recorder:{name}", active="1", type="diskwriter")
        _under(route, "Processor", id=str(next(ids)), name=f"player:{name}", active="1", type="diskreader")
        recorded = {"flags": "Toggle,RealTime", "value": str(int(strip.recorded))}
        _under(route, "Controllable", name="rec-enable", id=str(next(ids)), **recorded)
    _add_fader(route, ids, () if strip is None else strip.gain)
    outs = {"own-input": "1", "own-output": "0", "output": name, "role": "Main"}
    _under(route, "Processor", id=str(next(ids)), name=name, active="1", type="main-outs", **outs)
    return route


def _add_fader(route: Xml.Element, ids: Any, gain: Sequence[tuple[int, float]]) -> None:
    fader = _under(route, "Processor", id=str(next(ids)), name="Amp", active="1", type="amp")
    drawn = {
        "automation-id": "gain",
        "id": str(next(ids)),
        "time-domain": "AudioTime",
        "state": "Play" if gain else "Off",
    }
    line = _under(_under(fader, "Automation"), "AutomationList", **drawn)
    if gain:
        points = (f"a{frame * SUPERCLOCKS_PER_FRAME} {value}" for frame, value in gain)
        _under(line, "events").text = "\n".join(points) + "\n"
    _under(fader, "Controllable", name="gaincontrol", id=str(next(ids)), flags="GainLike", value="1")


def _add_tempo(session: Xml.Element) -> None:
    """120 beats a minute, four in a bar."""
    music = _under(session, "TempoMap", **{"superclocks-per-second": "282240000"})
    begin = {"sclock": "0", "quarters": "0:0", "bbt": "1|1|0"}
    pace = {"npm": "120", "enpm": "120", "note-type": "4", "type": "Tempo::Constant", "active": "1", "omega": "0"}
    _under(_under(music, "Tempos"), "Tempo", **pace, **begin)
    _under(_under(music, "Meters"), "Meter", **{"note-value": "4", "divisions-per-bar": "4"}, **begin)
    _under(music, "MusicTimes")


class OscLine:
    """OSC to a program of this machine, and what it says last at each address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard: dict[str, list[tuple[Any, ...]]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)

    def send(self, address: str, *arguments: float | str) -> None:
        message = OscMessageBuilder(address)
        for argument in arguments:
            message.add_arg(argument)
        self._socket.sendto(message.build().dgram, ("127.0.0.1", self.port))

    def hear(self) -> None:
        """Take in what has come, after a moment's wait for the first of it."""
        try:
            while True:
                for timed in OscPacket(self._socket.recv(65_535)).messages:
                    self.heard.setdefault(timed.message.address, []).append(tuple(timed.message.params))
        except (TimeoutError, ConnectionRefusedError):
            return

    def ask(self, address: str) -> Any:
        """The value at an address, which answers questions without a value."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        self.heard.pop(address, None)
        while address not in self.heard:
            assert time.monotonic() < deadline, f"no answer to {address}"
            self.send(address)
            self.hear()
        return self.heard[address][-1][0]

    def close(self) -> None:
        self._socket.close()


class Ardour:
    """The running program. home: a folder of its own. options: of the program, `send_mtc="1"`.

    It begins to roll as soon as its session is open.
    """

    def __init__(self, session: Path, home: Path, server: str, **options: str) -> None:
        self._session, self._home = session, home
        self.osc = OscLine(free_port())
        settings = home / ".config" / "ardour7"
        settings.mkdir(parents=True)
        _write_settings(settings / "config", {"osc-port": str(self.osc.port)} | options)
        self._server = server
        self._launch()

    def _launch(self) -> None:
        places = {"HOME": str(self._home), "LD_LIBRARY_PATH": str(_LIBRARIES), "ARDOUR_DLL_PATH": str(_LIBRARIES)}
        data = {"ARDOUR_DATA_PATH": "/usr/share/ardour7", "ARDOUR_CONFIG_PATH": "/etc/ardour7"}
        jack = {"JACK_DEFAULT_SERVER": self._server, "JACK_NO_START_SERVER": "1"}
        environment = os.environ | places | data | jack
        command = [program(), str(self._session), self._session.name]
        with (self._home / "log").open("wb") as log:
            outputs = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            self._process = subprocess.Popen(command, env=environment, **outputs)

    def await_ready(self, jack: Any) -> None:
        """Until the session is open and answers; a client of the server stops the transport meanwhile.

        One that missed a period under JACK's transport, as it may while it begins, is out of step until that stops. And
        now and then one loses the server while it joins, and must be started anew.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "/strip/gain" not in self.osc.heard or not jack.get_ports("ardour:MTC out"):
            assert time.monotonic() < deadline, f"Ardour does not answer: {self.log}"
            if self._process.poll() is not None or "JACK HALTED" in self.log:
                self._end()
                self._launch()
            jack.transport_stop()
            introduce(self.osc)
            for _ in range(5):
                self.osc.hear()

    @property
    def log(self) -> str:
        return (self._home / "log").read_text(errors="replace")[-2000:]

    def save(self) -> Xml.Element:
        """Save the session; what it is then."""
        file = self._session / f"{self._session.name}.ardour"
        before, deadline = file.stat().st_mtime_ns, time.monotonic() + PATIENCE_SECONDS
        self.osc.send("/save_state")
        while file.stat().st_mtime_ns == before:
            assert time.monotonic() < deadline, f"Ardour does not save: {self.log}"
            time.sleep(0.02)
        return Xml.parse(file).getroot()  # noqa: S314 - written by the program we started

    def recording(self, name: str) -> list[Path]:
        """Files of a region that was recorded, left and right."""
        return sorted((self._session / "interchange" / self._session.name / "audiofiles").glob(f"{name}%*.wav"))

    def close(self) -> None:
        """Politely, and for certain: it takes its time, and must not be left behind."""
        self.osc.close()
        self._end()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(8.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def introduce(line: OscLine, port: int = 0) -> None:
    """Have a program that speaks Ardour's OSC tell of its strips, at that port (0: the line's own)."""
    line.send("/set_surface", 0, TRACKS, VALUES + PLAIN_REPLIES, 0, 0, 0, port)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_settings(path: Path, options: dict[str, str]) -> None:
    """Options of the program, and JACK's transport as the one that it follows where a session wants to follow."""
    root = Xml.Element("Ardour")
    config = _under(root, "Config")
    for name, value in options.items():
        _under(config, "Option", name=name.replace("_", "-"), value=value)
    masters = _under(root, "TransportMasters", current="JACK Transport")
    for kind, name in (("Engine", "JACK Transport"), ("MTC", "MTC"), ("LTC", "LTC"), ("MIDIClock", "MIDI Clock")):
        _under(masters, "TransportMaster", type=kind, name=name, removeable="0")
    Xml.ElementTree(root).write(path, encoding="UTF-8", xml_declaration=True)
