"""Small real sessions, written through the sessions room, and real JACK servers without a sound card."""

import itertools
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plugin_host.engine.outputs.jack_output import CLIENTS_COME_AND_GO, library
from plugin_host.errors import OutputError
from plugin_host.stems.open_session import HostSession, open_for_host
from separation_core.audio.writing import SongWriter
from separation_core.sessions.manifest import Manifest, ModelRecord, SourceRecord, StemRecord, write_manifest
from separation_core.units import Frames, Hertz

RATE = 16_000
SECONDS = 3
PATIENCE_SECONDS = 30.0
JACK_PERIOD = 1024
JACK_PORTS = 512

Stems = Mapping[str, np.ndarray]
_numbers = itertools.count()
MakeSession = Callable[[Stems], HostSession]


def four_stems(rate: int = RATE, seconds: float = SECONDS) -> dict[str, np.ndarray]:
    """Four different stereo stems (2, frame), at about -20 dBFS each."""
    frames = round(rate * seconds)
    rng, time = np.random.default_rng(3), np.arange(frames) / rate
    tone = np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2
    beats = rng.standard_normal(frames) * np.exp(-20 * (time % 0.5))
    low = np.sign(np.sin(2 * np.pi * 55 * time))
    wash = rng.standard_normal((2, frames))
    parts = {"vocals": [tone, 0.8 * tone], "drums": [beats, beats], "bass": [low, low], "other": wash}
    return {name: (0.1 * np.asarray(part)).astype(np.float32) for name, part in parts.items()}


def write_session(folder: Path, stems: Stems, rate: int = RATE) -> HostSession:
    """A complete session folder of these stems, whose song is their sum."""
    (folder / "stems").mkdir(parents=True)
    song = np.sum([stem.astype(np.float64) for stem in stems.values()], axis=0).astype(np.float32)
    frames = Frames(song.shape[1])
    for path, samples in {"song.wav": song, **{f"stems/{name}.wav": stem for name, stem in stems.items()}}.items():
        with SongWriter(folder / path, Hertz(rate), 2) as writer:
            writer.write(samples)
    records = tuple(StemRecord(name, f"stems/{name}.wav", frames, -20.0, -20.0, silent=False) for name in stems)
    manifest = Manifest(
        tool="test",
        created=datetime(2024, 1, 1, tzinfo=UTC),
        key="0" * 64,
        rate=Hertz(rate),
        frames=frames,
        source=SourceRecord(str(folder.parent / "song.ogg"), "0" * 64, Hertz(rate), 2, frames, "OGG", "VORBIS", {}),
        model=ModelRecord("truth", "1", {}),
        song=StemRecord("song", "song.wav", frames, -14.0, -6.0, silent=False),
        stems=records,
    )
    write_manifest(folder, manifest)
    return open_for_host(folder)


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Write a session of given stems (name to (2, frame) float32)."""
    return lambda stems: write_session(tmp_path / "made.stemrack", stems)


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> HostSession:
    """A four-stem session of three seconds; read only."""
    return write_session(tmp_path_factory.mktemp("sessions") / "song.stemrack", four_stems())


@pytest.fixture(scope="session")
def stems() -> Stems:
    """The stems of `session`."""
    return four_stems()


class JackServer:
    """A `jackd` on its dummy driver that can be killed and started again."""

    def __init__(self) -> None:
        self.name = f"stemrack-test-{os.getpid()}-{next(_numbers)}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, rate: int = 48_000) -> None:
        command = [
            "jackd",
            "-n",
            self.name,
            "-r",
            "-p",
            str(JACK_PORTS),
            "-d",
            "dummy",
            "-r",
            str(rate),
            "-p",
            str(JACK_PERIOD),
        ]
        until = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if self.process is None or self.process.poll() is not None:  # no place was free: see `clear_away`
                self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert time.monotonic() < until, "jackd does not start: are eight others running, or were they killed?"
            time.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def clear_away(self) -> None:
        """End it, and free its place: of eight that all servers of a machine share, a killed one keeps its own."""
        killed = self.process is None or self.process.poll() is not None
        self.end()
        if killed:
            self.start()
            self.end()

    def client(self, name: str = "watcher") -> Any:
        with CLIENTS_COME_AND_GO:
            return library().Client(name, no_start_server=True, servername=self.name)

    def record(self, ports: list[str], until: Callable[[], object]) -> np.ndarray:
        """What comes out of these ports until that holds, (port, frame)."""
        client, blocks, leaving = self.client("recorder"), [], threading.Event()
        inputs = [client.inports.register(f"in_{place}") for place in range(len(ports))]

        def keep(_: int) -> None:
            if leaving.is_set():  # a client closed while its thread waits for the interpreter would freeze it
                raise library().CallbackExit
            blocks.append(np.stack([port.get_array() for port in inputs]))

        client.set_process_callback(keep)
        client.activate()
        for source, target in zip(ports, inputs, strict=True):
            client.connect(source, target)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.01)
        leaving.set()
        time.sleep(0.2)
        close(client)
        return np.concatenate(blocks, axis=1)

    def ports(self) -> list[str]:
        client = self.client()
        names = [port.name for port in client.get_ports("stemrack.*")]
        close(client)
        return names

    def _answers(self) -> bool:
        try:
            close(self.client())
        except library().JackOpenError:
            return False
        return True


def close(client: Any) -> None:
    with CLIENTS_COME_AND_GO:
        client.close()


def _require_jack() -> None:
    try:
        library()
    except OutputError as error:
        pytest.skip(str(error))
    if shutil.which("jackd") is None:
        pytest.skip("needs jackd: apt-get install jackd2")


@pytest.fixture(scope="session")
def jackd() -> Iterator[JackServer]:
    """A server that all tests share."""
    _require_jack()
    server = JackServer()
    server.start()
    yield server
    server.end()


@pytest.fixture
def mortal_jackd() -> Iterator[JackServer]:
    """A server of one's own to kill; not yet started."""
    _require_jack()
    server = JackServer()
    yield server
    server.clear_away()
