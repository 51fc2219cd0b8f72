"""SuperCollider's server, driven by OSC: one synth per track, over a stereo buffer and the nearest units it has."""

import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from benchmarks.live_rig.jack_server import JackServer
from benchmarks.live_rig.sessions import CHAIN

LOOPBACK = "127.0.0.1"
_BUFFERS = 4096
_NODES = 4096
_REAL_TIME_KIB = 1 << 20
"""Room for the reverbs' delay lines, which belong to the synths."""
_PATIENCE_SECONDS = 20.0
_SCALAR, _AUDIO = 0, 2
_SUM_BUS = 16
"""Where the tracks meet before they go to the loudspeakers."""

Input = float | tuple[int, int]
"""A constant, or the output (unit, place) of a unit before."""


class SynthDef:
    """A graph of units in the server's own file format (SCgf, version 2); see the Synth Definition File Format help."""

    def __init__(self, name: str, controls: Sequence[str] = ()) -> None:
        self._name, self._controls = name, tuple(controls)
        self._constants: list[float] = []
        self._units: list[bytes] = []
        if controls:
            self.unit("Control", _SCALAR, (), outputs=len(controls))

    def unit(self, kind: str, rate: int, inputs: Sequence[Input], outputs: int = 1) -> list[tuple[int, int]]:
        """Append a unit; its outputs, to be given to others."""
        wires = b"".join(struct.pack(">ii", *self._wire(wire)) for wire in inputs)
        head = _text(kind) + struct.pack(">biih", rate, len(inputs), outputs, 0)
        self._units.append(head + wires + bytes([rate]) * outputs)
        return [(len(self._units) - 1, place) for place in range(outputs)]

    def encode(self) -> bytes:
        names = b"".join(_text(name) + struct.pack(">i", place) for place, name in enumerate(self._controls))
        parts = [
            b"SCgf" + struct.pack(">ih", 2, 1) + _text(self._name),
            struct.pack(f">i{len(self._constants)}f", len(self._constants), *self._constants),
            struct.pack(f">i{len(self._controls)}f", len(self._controls), *[0.0] * len(self._controls)),
            struct.pack(">i", len(self._controls)) + names,
            struct.pack(">i", len(self._units)) + b"".join(self._units),
            struct.pack(">h", 0),
        ]
        return b"".join(parts)

    def _wire(self, wire: Input) -> tuple[int, int]:
        if isinstance(wire, tuple):
            return wire
        if wire not in self._constants:
            self._constants.append(wire)
        return -1, self._constants.index(wire)


def track_def() -> SynthDef:
    """PlayBuf → HPF → Compander → LPF → FreeVerb2 → gain → the sum: what `sessions.CHAIN` asks for, stereo."""
    highpass, compressor, lowpass, reverb = (effect.params for effect in CHAIN)
    threshold, slope = 10 ** (compressor["threshold_db"] / 20), 1 / compressor["ratio"]
    attack, release = compressor["attack_ms"] / 1000, compressor["release_ms"] / 1000
    made = SynthDef("track", ["buffer"])
    sides = made.unit("PlayBuf", _AUDIO, [(0, 0), 1.0, 1.0, 0.0, 1.0, 0.0], outputs=2)
    sides = [made.unit("HPF", _AUDIO, [side, highpass["cutoff_frequency_hz"]])[0] for side in sides]
    sides = [made.unit("Compander", _AUDIO, [side, side, threshold, 1.0, slope, attack, release])[0] for side in sides]
    sides = [made.unit("LPF", _AUDIO, [side, lowpass["cutoff_frequency_hz"]])[0] for side in sides]
    wet = reverb["wet_level"]
    sides = made.unit("FreeVerb2", _AUDIO, [*sides, wet, reverb["room_size"], reverb["damping"]], outputs=2)
    gained = [made.unit("MulAdd", _AUDIO, [side, 0.1, 0.0])[0] for side in sides]
    made.unit("Out", _AUDIO, [float(_SUM_BUS), *gained], outputs=0)
    return made


def master_def() -> SynthDef:
    """The sum through a limiter that looks 5 ms ahead, to the loudspeakers."""
    made = SynthDef("master")
    sides = made.unit("In", _AUDIO, [float(_SUM_BUS)], outputs=2)
    held = [made.unit("Limiter", _AUDIO, [side, 0.9, 0.005])[0] for side in sides]
    made.unit("Out", _AUDIO, [0.0, *held], outputs=0)
    return made


class Scsynth:
    """A running server. Nodes: tracks from 1000 on, the master behind them."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.2)
        self._socket.connect((LOOPBACK, port))

    def prepare(self, files: Sequence[Path]) -> None:
        """Load the files as buffers 0, 1 …, and what makes synths of them."""
        self._await("/status", expect="/status.reply")
        for made in (track_def(), master_def()):
            self._await("/d_recv", made.encode(), expect="/done")
        for number, file in enumerate(files):
            self._await("/b_allocRead", number, str(file), expect="/done")
        self._send("/s_new", "master", 999, 1, 0)

    def add_track(self, number: int) -> None:
        """At the head of the graph, before the master."""
        self._send("/s_new", "track", 1000 + number, 0, 0, "buffer", float(number))

    def sync(self) -> None:
        self._await("/sync", 1, expect="/synced")

    def load(self) -> tuple[int, float, float]:
        """How many synths play, and the server's own estimate of its load: mean and peak, 0 … 1."""
        params = self._await("/status", expect="/status.reply").params
        return int(params[2]), float(params[5]) / 100, float(params[6]) / 100

    def quit(self) -> None:
        self._send("/quit")
        self._socket.close()

    def _send(self, address: str, *arguments: str | int | float | bytes) -> None:
        message = OscMessageBuilder(address)
        for argument in arguments:
            message.add_arg(argument)
        self._socket.send(message.build().dgram)

    def _await(self, address: str, *arguments: str | int | float | bytes, expect: str) -> OscMessage:
        """Send until it is answered; `RuntimeError` with what the server says against it."""
        until = time.monotonic() + _PATIENCE_SECONDS
        self._send(address, *arguments)
        while time.monotonic() < until:
            try:
                answer = OscMessage(self._socket.recv(65_535))
            except (TimeoutError, ConnectionRefusedError):
                if address == "/status":  # it may not listen yet
                    time.sleep(0.1)
                    self._send(address, *arguments)
                continue
            if answer.address == "/fail":
                raise RuntimeError(f"scsynth: {address}: {answer.params}")
            if answer.address == expect:
                return answer
        raise RuntimeError(f"scsynth does not answer {address}")


@contextmanager
def scsynth(server: JackServer) -> Iterator[Scsynth]:
    """A server of our own on that JACK server."""
    program = shutil.which("scsynth")
    if program is None:
        raise SystemExit("scsynth is not installed: apt-get install supercollider-server, or give --no-scsynth")
    port = _free_port()
    sizes = ("-b", str(_BUFFERS), "-n", str(_NODES), "-m", str(_REAL_TIME_KIB), "-D", "0", "-R", "0", "-l", "4")
    command = [program, "-u", str(port), "-i", "0", "-o", "2", *sizes]
    environment = os.environ | {"JACK_DEFAULT_SERVER": server.name, "JACK_NO_START_SERVER": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running = Scsynth(port)
    try:
        yield running
    finally:
        running.quit()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
