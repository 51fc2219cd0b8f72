"""Real JACK servers without a sound card, and signals whose every sample says which one it is."""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.jack_output import CLIENTS_COME_AND_GO, library
from plugin_host.errors import OutputError

PATIENCE_SECONDS = 30.0
PERIOD = 1024
PORTS = 512

Wait = Callable[[Callable[[], object]], None]
_numbers = itertools.count()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until it holds; a machine that is very busy gets half a minute."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.01)


class Counting:
    """A pull whose sample `n` of channel `c` is `n + 1 + c · 1 000 000`; notes if two threads ever pull at once."""

    def __init__(self) -> None:
        self.frames = 0
        self.clashed = False
        self._inside = False

    def __call__(self, block: Block) -> None:
        self.clashed |= self._inside
        self._inside = True
        channels, count = block.shape
        block[:] = np.arange(self.frames + 1, self.frames + count + 1) + 1_000_000 * np.arange(channels)[:, None]
        self.frames += count
        self._inside = False


class JackServer:
    """A `jackd` on its dummy driver that can be killed and started again."""

    def __init__(self) -> None:
        self.name = f"stemrack-test-{os.getpid()}-{next(_numbers)}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, rate: int = 48_000) -> None:
        command = ["jackd", "-n", self.name, "-r", "-p", str(PORTS), "-d", "dummy", "-r", str(rate), "-p", str(PERIOD)]
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


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture(name="wait_until")
def _wait_until() -> Wait:
    return wait_until
