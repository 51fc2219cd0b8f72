"""A real JACK server without a sound card, and clients that watch and record it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.live_rig.sessions import RATE
from plugin_host.engine.outputs.jack_output import CLIENTS_COME_AND_GO, library

_PATIENCE_SECONDS = 10.0
_PRIORITY = 10


@dataclass(frozen=True)
class JackServer:
    """name: to find it by. period: frames. real_time: whether its threads run in real time."""

    name: str
    period: int
    real_time: bool

    @property
    def title(self) -> str:
        return f"jackd -d dummy, {RATE} Hz, {self.period} frames, {'' if self.real_time else 'NOT '}in real time"


@contextmanager
def jack_server(period: int, name: str = "stemrack-bench") -> Iterator[JackServer]:
    """A `jackd` of our own; without real time where the system does not grant that, which it says."""
    name = f"{name}-{os.getpid()}-{period}"
    real_time, process = True, _start(["-R", "-P", str(_PRIORITY)], name, period)
    if process is None:
        real_time, process = False, _start(["-r"], name, period)
    if process is None:
        raise SystemExit("jackd does not start: install it (apt-get install jackd2), or see what `jackd -d dummy` says")
    server = JackServer(name, period, real_time)
    if not real_time:
        print(f"{server.title}: dropouts may be the scheduler's", file=sys.stderr)
    # A polite kill of the benchmark must still end the server.
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield server
    finally:
        _end(process)
        signal.signal(signal.SIGTERM, before)


@contextmanager
def jack_client(server: JackServer, name: str) -> Iterator[Any]:
    """A client that is closed in the end; libjack must not open or close two at once."""
    with CLIENTS_COME_AND_GO:
        client = library().Client(name, no_start_server=True, servername=server.name)
    try:
        yield client
    finally:
        with CLIENTS_COME_AND_GO:
            client.deactivate()
            client.close()


class XrunWatch:
    """Counts what the server calls an xrun; it has no part in the audio, so it is never late itself."""

    def __init__(self, client: Any) -> None:
        self.count = 0
        self._client = client
        client.set_xrun_callback(self._note)
        client.activate()

    @property
    def server_load(self) -> float:
        """JACK's own estimate of the share of a period that is used, 0 … 1."""
        return float(self._client.cpu_load()) / 100

    def _note(self, _: float) -> None:
        self.count += 1


class Recorder:
    """Keeps the last seconds of one port of another client, by the server's clock.

    The callback copies, and nothing else. frames are those of `jack_frame_time`.
    """

    def __init__(self, client: Any, seconds: float = 4.0) -> None:
        self._client = client
        period = client.blocksize
        self._blocks = np.zeros((round(seconds * RATE / period), period), np.float32)
        self._starts = np.zeros(len(self._blocks), np.int64)
        self._written = 0
        self._port = client.inports.register("in")
        client.set_process_callback(self._process)
        client.activate()

    def listen_to(self, port: str) -> None:
        self._client.connect(port, self._port)

    @property
    def period(self) -> int:
        """Frames of the server's buffer."""
        return self._blocks.shape[1]

    @property
    def now(self) -> int:
        """The server's clock, in frames."""
        return int(self._client.frame_time)

    @property
    def latest(self) -> float:
        """The last sample recorded."""
        return float(self._blocks[(self._written - 1) % len(self._blocks), -1])

    def since(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples recorded from `frame` on, as far as they are kept, and the frame of each."""
        end = self._written
        order = np.arange(max(0, end - len(self._blocks) + 1), end) % len(self._blocks)
        order = order[self._starts[order] + self._blocks.shape[1] > frame]
        frames = self._starts[order][:, None] + np.arange(self._blocks.shape[1])
        keep = frames.ravel() >= frame
        return self._blocks[order].ravel()[keep], frames.ravel()[keep]

    def _process(self, _: int) -> None:
        place = self._written % len(self._blocks)
        self._blocks[place] = self._port.get_array()
        self._starts[place] = self._client.last_frame_time
        self._written += 1


def _start(options: list[str], name: str, period: int) -> subprocess.Popen[bytes] | None:
    driver = ["-d", "dummy", "-r", str(RATE), "-p", str(period)]
    command = ["jackd", *options, "-n", name, *driver]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if _answers(name):
            return process
        time.sleep(0.1)
    _end(process)
    return None


def _answers(name: str) -> bool:
    try:
        with CLIENTS_COME_AND_GO:
            library().Client("stemrack-probe", no_start_server=True, servername=name).close()
    except library().JackOpenError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Always politely: a server that is killed stays in JACK's registry, which has room for eight."""
    process.terminate()
    reminder = threading.Timer(_PATIENCE_SECONDS, lambda: print("jackd is slow to end", file=sys.stderr))
    reminder.start()
    process.wait()
    reminder.cancel()
