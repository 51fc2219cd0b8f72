"""OSC: the highest rate and the largest burst that arrive whole while six tracks × 4 effects play, and others.

A process of its own sends faders and pans of six tracks by UDP over loopback. Ours and python-osc's servers do the same
with them: they set the running desk, through the same parameter table (python-osc's each by itself, for it takes none
together). liblo's `oscdump` (C) only prints. Rates and bursts double until one is not whole in any of its tries. Whole
is every message counted a few seconds after the last was sent, and for ours that every fader then stands right.
"""

import argparse
import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import AsyncIOOSCUDPServer, BlockingOSCUDPServer, OSCUDPServer, ThreadingOSCUDPServer
from rich.table import Table

from benchmarks.live_rig.playing import rig
from benchmarks.live_rig.sessions import rack, write_session
from benchmarks.live_rig.tables import show
from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.control.osc.surfaces import open_surfaces
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import HostError
from plugin_host.mix.presets import find_library

TRACKS = 6
SONG_SECONDS = 10.0
PATIENCE_SECONDS = 4.0
LAST_DB = -7.25
FIRST_RATE, MOST_RATE = 1250, 160_000
FIRST_BURST, MOST_BURST = 625, 80_000
_TICK = 0.001


def packets(count: int) -> list[bytes]:
    """Faders and pans of all tracks in turn; the last round puts every fader at `LAST_DB`."""
    last = [encoded(f"/track/{track}/gain", (LAST_DB,)) for track in range(1, TRACKS + 1)]
    moving = (
        encoded(f"/track/{1 + at % TRACKS}/{('gain', 'pan')[at // TRACKS % 2]}", (-(at % 997) / 1000,))
        for at in range(count - TRACKS)
    )
    return [*moving, *last]


def send(port: int, count: int, rate: float) -> None:
    """Send so many, at that rate per second, or at 0 as fast as it goes; print how long it took."""
    ready = packets(count)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        began = time.perf_counter()
        sent = 0
        while sent < count:
            due = count if rate == 0 else min(int((time.perf_counter() - began) * rate) + 1, count)
            for packet in ready[sent:due]:
                sender.sendto(packet, (LOOPBACK, port))
            sent = due
            if rate:
                time.sleep(_TICK)
        print(time.perf_counter() - began)


@dataclass(frozen=True)
class Server:
    """A server under test. received: messages so far. is_right: whether the desk stands as it should."""

    name: str
    port: int
    received: Callable[[], int]
    is_right: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Result:
    """The most that arrived whole, and how fast it was really sent (messages a second); 0 where nothing did."""

    most: int = 0
    speed: float = 0.0


@contextmanager
def our_server(table: ParameterTable) -> Iterator[Server]:
    def is_right() -> bool:
        return all(abs(track.gain_db - LAST_DB) < 1e-6 for track in table.host.desk.mix.tracks)

    with open_surfaces(table, OscSettings(port=0)) as surfaces:
        yield Server("stemrack", surfaces.server.port, lambda: surfaces.server.received, is_right)


def counting(table: ParameterTable) -> tuple[Dispatcher, Callable[[], int]]:
    """python-osc's way from addresses to the desk, and how many messages went it."""
    counted = [0]
    lock = threading.Lock()

    def handle(address: str, *values: float) -> None:
        for binding in table.resolve(address):
            binding.write(values[0], "osc")
        with lock:
            counted[0] += 1

    dispatcher = Dispatcher()
    for track in range(1, TRACKS + 1):
        for what in ("gain", "pan"):
            dispatcher.map(f"/track/{track}/{what}", handle)
    return dispatcher, lambda: counted[0]


@contextmanager
def python_osc(kind: type[OSCUDPServer], table: ParameterTable) -> Iterator[Server]:
    dispatcher, count = counting(table)
    with kind((LOOPBACK, 0), dispatcher) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Server(kind.__name__, server.server_address[1], count)
        server.shutdown()
        thread.join()


@contextmanager
def python_osc_asyncio(table: ParameterTable) -> Iterator[Server]:
    dispatcher, count = counting(table)
    loop, port = asyncio.new_event_loop(), free_port()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = AsyncIOOSCUDPServer((LOOPBACK, port), dispatcher, loop)
    transport, _ = asyncio.run_coroutine_threadsafe(server.create_serve_endpoint(), loop).result()
    yield Server("AsyncIOOSCUDPServer", port, count)
    loop.call_soon_threadsafe(transport.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@contextmanager
def oscdump() -> Iterator[Server]:
    port = free_port()
    counted = [0]
    with subprocess.Popen(["oscdump", "-L", str(port)], stdout=subprocess.PIPE) as dump:

        def count() -> None:
            for _ in dump.stdout or ():
                counted[0] += 1

        thread = threading.Thread(target=count, daemon=True)
        thread.start()
        time.sleep(0.5)
        yield Server("liblo oscdump", port, lambda: counted[0])
        dump.kill()
        thread.join()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def arrives(server: Server, count: int, rate: float) -> float:
    """Messages a second that were really sent; 0 where they did not arrive whole."""
    before = server.received()
    command = [sys.executable, "-m", "benchmarks.osc_rate", "--send", str(server.port), str(count), str(rate)]
    took = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if server.received() - before >= count and server.is_right():
            return count / took
        time.sleep(0.02)
    print(f"{server.name}: {server.received() - before} of {count} at {rate or 'full speed'}", flush=True)
    time.sleep(1.0)  # what still comes must not count for the next
    return 0.0


def highest(first: int, most: int, tries: int, trial: Callable[[int], float]) -> Result:
    best = Result()
    while first <= most:
        speed = next((found for _ in range(tries) if (found := trial(first))), 0.0)
        if not speed:
            break
        best = Result(first, speed)
        first *= 2
    return best


def measured(server: Server, seconds: float, tries: int) -> tuple[Result, Result]:
    rate = highest(FIRST_RATE, MOST_RATE, tries, lambda rate: arrives(server, round(rate * seconds), rate))
    burst = highest(FIRST_BURST, MOST_BURST, tries, lambda count: arrives(server, count, 0.0))
    print(f"{server.name}: {rate}, burst {burst}", flush=True)
    return rate, burst


def servers(table: ParameterTable) -> Iterator[AbstractContextManager[Server]]:
    yield our_server(table)
    yield python_osc(BlockingOSCUDPServer, table)
    yield python_osc(ThreadingOSCUDPServer, table)
    yield python_osc_asyncio(table)
    if shutil.which("oscdump"):
        yield oscdump()


def run(seconds: float, tries: int) -> Table:
    table = Table("server", "rate asked /s", "really sent /s", "burst", "sent at /s", "dropouts meanwhile")
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(Path(folder) / "song.stemrack", SONG_SECONDS)
        with rig(session, rack(TRACKS), output="null", buffer=512) as playing:
            playing.play_looped(session.frames)
            library = find_library(check_effect)
            parameters = ParameterTable(playing.desk, library, frames=session.frames, rate=session.rate)
            for opened in servers(parameters):
                before = playing.engine.status().dropouts
                with opened as server:
                    rate, burst = measured(server, seconds, tries)
                dropouts = playing.engine.status().dropouts - before
                table.add_row(
                    server.name, f"{rate.most:,}", f"{rate.speed:,.0f}", f"{burst.most:,}", f"{burst.speed:,.0f}",
                    str(dropouts),
                )  # fmt: skip
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of sending at each rate")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--send", nargs=3, type=float, metavar=("PORT", "COUNT", "RATE"), help=argparse.SUPPRESS)
    wished = parser.parse_args()
    if wished.send:
        send(int(wished.send[0]), int(wished.send[1]), wished.send[2])
        return
    try:
        show(run(wished.seconds, wished.tries))
    except HostError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
