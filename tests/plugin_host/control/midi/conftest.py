"""A table over a desk that plays nothing, the shipped controllers, and a real JACK server without a sound card."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mido import Message

from plugin_host.control.midi.controller import Controller, Heard
from plugin_host.control.midi.controller_library import ControllerLibrary
from plugin_host.control.midi.ports import MidiSystem
from plugin_host.control.midi.rtmidi_client import RtClient, RtInput
from plugin_host.control.midi.surface import NO_PLAN, Listener, MidiPlan, MidiSurface
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.desk.desk import Desk
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix.presets import PresetLibrary, shipped_folder
from plugin_host.mix.state import Effect, Mix, Track

PATIENCE_SECONDS = 30.0
PERIOD = 2048
TRACKS = ("vocals", "drums", "bass", *(f"part {number}" for number in range(4, 13)))
PEER = str(Path(__file__).with_name("jack_peer.py"))
_numbers = itertools.count()


def wait_until(condition: Callable[[], object], step: Callable[[], object] | None = None) -> None:
    """Wait until it holds; a machine that is very busy gets half a minute."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        if step:
            step()
        time.sleep(0.005)


@dataclass
class Room:
    """A desk, its table, and controllers on it; `now` is the time."""

    desk: Desk
    table: ParameterTable
    library: ControllerLibrary
    now: list[float] = field(default_factory=lambda: [100.0])

    def controller(self, name: str) -> Controller:
        mapped = self.library.mapped(name)
        does, bank = mapped.bindings.assignments, mapped.bindings.bank
        return Controller(mapped.device, does, self.table.resolve, bank=bank, clock=lambda: self.now[0])

    @contextmanager
    def surface(self, system: MidiSystem, plan: MidiPlan = NO_PLAN, did: list[Heard] | None = None) -> Iterator[Any]:
        """A surface at our time; `did` gets what its messages did."""
        heard = did if did is not None else []
        listener: Listener = lambda port, arrival, what: heard.append(what)  # noqa: E731  (typed by its name)
        surface = MidiSurface(
            self.table, self.library, system, plan=plan, listener=listener, clock=lambda: self.now[0]
        )  # fmt: skip
        try:
            yield surface
        finally:
            surface.close()

    def run(self, surface: MidiSurface) -> None:
        """Some steps, far enough apart for everything that is due."""
        for _ in range(3):
            surface.step()
            self.now[0] += 0.5

    def track(self, name: str) -> Track:
        return self.desk.mix.track(name)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    chain = (Effect("compressor"),)
    mix = Mix(tuple(Track(name, name, chain) for name in TRACKS))
    engine = SilentEngine(mix, frames=480_000, rate=48_000, clock=lambda: 0.0)
    desk = Desk(engine, mix, frames=480_000, rate=48_000)
    presets = PresetLibrary((tmp_path,), shipped_folder(), check_effect)
    table = ParameterTable(desk, presets, frames=480_000, rate=48_000)
    return Room(desk, table, ControllerLibrary((tmp_path, shipped_folder())))


class Wire:
    """A port of a `Cable`: what waits in it as rtmidi gives it, and what was sent to it."""

    def __init__(self) -> None:
        self.waiting: deque[list[int]] = deque()
        self.sent: list[Message] = []

    def get_message(self) -> tuple[list[int], float] | None:
        return (self.waiting.popleft(), 0.001) if self.waiting else None

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def close_port(self) -> None:
        """Nothing is open."""

    delete = close = close_port


class Cable:
    """A MIDI system inside the process, whose ports are plugged in by name. Bytes are read as those of real ports."""

    title = "a cable"

    def __init__(self) -> None:
        self.wires: dict[str, Wire] = {}

    def plug(self, name: str) -> Wire:
        return self.wires.setdefault(name, Wire())

    def poll(self) -> bool:
        return True

    def inputs(self) -> list[str]:
        return [*self.wires]

    outputs = inputs

    def open_input(self, name: str, *, virtual: bool = False) -> RtInput:
        return RtInput(RtClient(self.wires[name]))

    def open_output(self, name: str, *, virtual: bool = False) -> Wire:
        return self.wires[name]

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def cable() -> Cable:
    return Cable()


class JackServer:
    """A `jackd` on its dummy driver; `die` is sudden, `end` in order.

    Its periods are so long that a busy machine keeps up: what a client that is late had to say in a period is lost,
    whatever we do. `benchmarks/midi_jack.py` measures with 128 frames.
    """

    def __init__(self) -> None:
        self.name = f"stemrack-midi-{os.getpid()}-{next(_numbers)}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        wait_until(self._starts)
        wait_until(self._answers)

    def _starts(self) -> bool:
        """JACK runs eight servers on a machine at most; others' may have to end first."""
        command = ["jackd", "-n", self.name, "-r", "-d", "dummy", "-r", "48000", "-p", str(PERIOD)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        return self._process.poll() is None

    def die(self) -> None:
        self._stop(signal.SIGKILL)

    def end(self) -> None:
        self._stop(signal.SIGTERM)

    def _stop(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        """Asked by another process: libjack does not like clients to come from two threads at once."""
        asked = subprocess.run(
            [sys.executable, PEER, "there?"],
            check=False,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            env={**os.environ, "JACK_DEFAULT_SERVER": self.name},
        )
        return asked.returncode == 0


@pytest.fixture(scope="module")
def shared_jackd() -> Iterator[JackServer]:
    """A running server, for all tests but one."""
    server = _new_server()
    yield server
    server.end()


@pytest.fixture
def jackd(shared_jackd: JackServer, monkeypatch: pytest.MonkeyPatch) -> JackServer:
    """That server as the one that rtmidi finds."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", shared_jackd.name)
    return shared_jackd


@pytest.fixture
def mortal_jackd(monkeypatch: pytest.MonkeyPatch) -> Iterator[JackServer]:
    """A server to kill, as the one that rtmidi finds."""
    server = _new_server()
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    yield server
    server.end()


def _new_server() -> JackServer:
    rtmidi = pytest.importorskip("rtmidi", reason="needs python-rtmidi: pip install python-rtmidi")
    if shutil.which("jackd") is None or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
        pytest.skip("needs jackd: apt-get install jackd2")
    server = JackServer()
    server.start()
    return server


class Peer:
    """Another program's controller, in a process of its own: one port out, one in."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, PEER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines: deque[str] = deque()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(lambda: self._lines)
        assert self._lines.popleft() == "ready"

    def send(self, *data: int) -> None:
        self._say(" ".join(map(str, data)))

    def connect(self, part: str) -> None:
        """Send to somebody's virtual port from now on."""
        self._say(f"connect {part}")

    def received(self) -> list[list[int]]:
        return [[int(word) for word in self._lines.popleft().split()] for _ in range(len(self._lines))]

    def leave(self) -> None:
        with self._process as process:  # closes its pipes, waits for its end
            if process.poll() is None:
                self._say("leave")
                self._reader.join()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line.strip())


@pytest.fixture
def peer() -> Iterator[Callable[[str], Peer]]:
    peers: list[Peer] = []

    def make(name: str) -> Peer:
        peers.append(Peer(name))
        return peers[-1]

    yield make
    for each in peers:
        each.leave()


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until
