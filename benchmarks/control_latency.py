"""From a controller to the ear: a MIDI CC over JACK and an OSC packet over UDP to the first changed sample.

    python -m benchmarks.control_latency [--changes 300] [--buffers 128 256] [--ahead 4] [--limiter] [--json FILE]

`stemrack play` runs as it is typed, with six tracks × four effects that play silence and a seventh, without effects, a
constant, so that the master is a number that changes only when a surface says so. This process is the surface, by
rtmidi and by a UDP socket, and the ear, a recording JACK client. At a random moment of the period it takes the server's
time (`jack_frame_time`), sends, and looks for the frame of the first recorded sample that differs. The promise is what
is rendered ahead plus two buffers; a MIDI message spends up to one more on its way through JACK's graph. The safety
limiter holds the master back by its look-ahead and is off here, unless `--limiter` is given.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rtmidi
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from benchmarks.live_latency import GLIDE_SECONDS, PILOT, REST_SECONDS, constant, delay_of, pilot_mix
from benchmarks.live_rig.delays import Delays, print_delays
from benchmarks.live_rig.jack_server import JackServer, Recorder, jack_client, jack_server
from benchmarks.live_rig.sessions import RATE, STEMS, write_session
from plugin_host.mix.mix_file import write_mix

SONG_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
SURFACE = "controller"
FADER = len(STEMS)
"""The pilot is the seventh track: CC 6 of the generic controller."""
UNITY = 95
"""The CC value nearest to 0 dB, where the pilot stands."""


class Osc:
    """A surface on UDP."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.5)
        self._server = ("127.0.0.1", port)

    def send(self, address: str, *values: float) -> None:
        message = OscMessageBuilder(address)
        for value in values:
            message.add_arg(value)
        self._socket.sendto(message.build().dgram, self._server)

    def ask(self, address: str) -> Any:
        """The value there, None where nobody answers."""
        self.send(address)
        try:
            return OscMessage(self._socket.recv(65_536)).params[0]
        except TimeoutError:
            return None

    def close(self) -> None:
        self._socket.close()


@contextmanager
def playing(folder: Path, ahead: int) -> Iterator[Osc]:
    """`stemrack play`, looped and settled; what is said to it."""
    port = _free_port()
    command = [
        sys.executable,
        "-c",
        "from plugin_host.cli import main; main()",
        "play",
        str(folder),
        "--jack",
        "--quiet",
    ]
    command += ["--ahead", str(ahead), "--osc-port", str(port), "--midi-through", "jack"]
    process = subprocess.Popen([*command, "--midi-map", f"{SURFACE}=generic-8"], stderr=subprocess.DEVNULL)
    osc = Osc(port)
    try:
        _wait_for(lambda: osc.ask("/engine/alive"))
        for address, value in (("loop/begin", 0.0), ("loop/end", SONG_SECONDS), ("loop/on", 1), ("play", 1)):
            osc.send(f"/transport/{address}", value)
        time.sleep(2.0)  # memory is touched for the first time, a client joins the server
        yield osc
    finally:
        osc.close()
        process.send_signal(signal.SIGINT)
        process.wait()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise SystemExit("stemrack does not answer: try `stemrack play` by hand")
        time.sleep(0.1)


@contextmanager
def controller() -> Iterator[Callable[[int], None]]:
    """A MIDI controller whose seventh fader is sent to that value."""
    out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=SURFACE)
    out.open_virtual_port("out")
    try:
        yield lambda value: out.send_message((0xB0, FADER, value))
    finally:
        out.close_port()
        out.delete()


def picked_up(move: Callable[[int], None], osc: Osc) -> bool:
    """Move the fader a little round its place until the program goes with it."""
    before = osc.ask(f"/track/{PILOT}/gain")
    move(UNITY)
    move(UNITY - 2)
    time.sleep(0.2)
    return before != osc.ask(f"/track/{PILOT}/gain")


def measure(what: str, change: Callable[[int], None], recorder: Recorder, count: int, osc: Osc, ahead: int) -> Delays:
    """The delays of so many changes, each unlike the one before."""
    period, before, found = recorder.period, osc.ask("/engine/dropouts"), []
    for number in range(count):
        time.sleep(REST_SECONDS + GLIDE_SECONDS + (ahead + 2) * period / RATE)
        time.sleep(random.uniform(0.0, period / RATE))  # noqa: S311  (no secret)
        found.append(delay_of(lambda number=number: change(number), recorder))
    heard = np.array([delay for delay in found if delay is not None])
    return Delays(what, period, ahead, heard, len(found) - len(heard), osc.ask("/engine/dropouts") - before)


def run(folder: Path, server: JackServer, ahead: int, count: int) -> list[Delays]:
    """Both ways to the pilot's fader, at one buffer size."""
    with ExitStack() as stack:
        move = stack.enter_context(controller())
        osc = stack.enter_context(playing(folder, ahead))
        recorder = Recorder(stack.enter_context(jack_client(server, "recorder")))
        recorder.listen_to("stemrack:master_L")
        _wait_for(lambda: picked_up(move, osc))
        midi = measure("MIDI CC", lambda n: move(UNITY - 2 - 20 * (1 - n % 2)), recorder, count, osc, ahead)
        level = f"/track/{PILOT}/gain"
        return [midi, measure("OSC", lambda n: osc.send(level, -6.0 * (1 - n % 2)), recorder, count, osc, ahead)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=300, help="of each kind")
    parser.add_argument("--buffers", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--ahead", type=int, default=4, help="buffers rendered ahead; 4 is what play takes by default")
    parser.add_argument("--limiter", action="store_true", help="with the safety limiter's look-ahead")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    found: list[Delays] = []
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.stemrack"
        write_session(song, SONG_SECONDS, stems=(*STEMS, PILOT), sound=constant)
        write_mix(song / "mix.toml", pilot_mix(chosen.limiter))
        for period in chosen.buffers:
            with jack_server(period) as server:
                os.environ["JACK_DEFAULT_SERVER"] = server.name
                found += run(song, server, chosen.ahead, chosen.changes)
                title = server.title.replace(f", {period} frames", "")
    print_delays(found, f"from a controller to the first changed sample; {title}")
    if chosen.json:
        chosen.json.write_text(json.dumps([vars(each) | {"frames": each.frames.tolist()} for each in found], indent=2))


if __name__ == "__main__":
    main()
