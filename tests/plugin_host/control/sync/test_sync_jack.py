"""`stemrack play` in step with another process over a real JACK server, as a slave and as the master."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from plugin_host.control.midi.rtmidi_client import RtClient, RtInput
from plugin_host.control.sync.midi_clock_in import MidiClockIn
from plugin_host.control.sync.mtc_in import MtcIn
from plugin_host.stems.open_session import HostSession

JackServer = Stems = Any  # the conftest's
PATIENCE_SECONDS = 60.0
NEAR_SECONDS = 0.3
"""On a machine that may be very busy; `benchmarks/sync_clock.py` measures."""
COMMAND = (sys.executable, "-c", "from plugin_host.cli import main; main()", "play")
PEER = str(Path(__file__).with_name("sync_peer.py"))


class Program:
    """A process that is talked to by lines."""

    def __init__(self, command: list[str], server: str) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        env = {**os.environ, "JACK_DEFAULT_SERVER": server, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(command, text=True, env=env, **pipes)

    def ask(self, line: str) -> str:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.terminate()
        self.process.communicate()


class Osc:
    """Asks a playing stemrack."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(1.0)

    def send(self, address: str, *values: float) -> None:
        message = OscMessageBuilder(address)
        for value in values:
            message.add_arg(value)
        self.socket.send(message.build().dgram)

    def read(self, address: str) -> Any:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            self.send(address)
            try:
                answer = OscMessage(self.socket.recv(65536))
            except TimeoutError:
                continue
            if answer.address == address:
                return answer.params[0]
        raise AssertionError(f"{address} was not answered")


@pytest.fixture
def song(make_session: Callable[[Stems], HostSession], stems: Stems) -> HostSession:
    """A song of half a minute."""
    return make_session({name: samples.repeat(10, axis=1) for name, samples in list(stems.items())[:2]})


@pytest.fixture
def play(jackd: JackServer, song: HostSession) -> Iterator[Callable[..., Osc]]:
    """Start `stemrack play` with these options; it is asked over OSC."""
    with ExitStack() as stack:

        def start(*options: str) -> Osc:
            usual = ["--null", "--quiet", "--osc-port", "0", "--midi-through", "jack", "--plain"]
            program = Program([*COMMAND, str(song.folder), *usual, *options], jackd.name)
            stack.callback(program.end)
            said = ""
            while "UDP " not in said:
                said = program.process.stderr.readline()
                assert said, "it ended"
            osc = Osc(int(said.split("UDP ")[1].split()[0].rstrip(",")))
            stack.callback(osc.socket.close)
            return osc

        yield start


@pytest.fixture
def daw(jackd: JackServer) -> Iterator[Program]:
    pytest.importorskip("rtmidi", reason="needs python-rtmidi: pip install python-rtmidi")
    program = Program([sys.executable, PEER, "daw"], jackd.name)
    assert program.process.stdout.readline().strip() == "ready"
    yield program
    program.end()


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


def test_it_follows_another_programs_time_code(play: Callable[..., Osc], daw: Program) -> None:
    osc = play("--sync", "mtc", "--sync-from", "daw")
    time.sleep(1.5)  # ports are looked for once a second
    for place in (3.0, 15.0):
        zero = float(daw.ask(f"play {place}"))
        wait_until(lambda zero=zero: abs(osc.read("/transport/position") - (time.monotonic() - zero)) < NEAR_SECONDS)
        wait_until(lambda: osc.read("/sync/state") == "locked")
        daw.ask(f"stand {place + 2}")
        for _ in range(2):
            wait_until(lambda place=place: abs(osc.read("/transport/position") - place - 2) < 0.05)
            time.sleep(0.3)


def test_it_leads_with_clock_and_time_code(
    play: Callable[..., Osc], jackd: JackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rtmidi = pytest.importorskip("rtmidi", reason="needs python-rtmidi: pip install python-rtmidi")
    osc = play("--sync-out", "mtc", "--sync-out", "midi-clock", "--sync-rate", "30", "--sync-start", "01:00:00:00")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", jackd.name)
    port = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="listener", queue_size_limit=4096)
    port.ignore_types(sysex=False, timing=False, active_sense=True)
    wait_until(lambda: any("sync out" in name for name in port.get_ports()))
    port.open_port(next(at for at, name in enumerate(port.get_ports()) if "sync out" in name), "in")
    heard, client, clock, code = [], RtClient(port), MidiClockIn(), MtcIn()
    source = RtInput(client)

    def in_step() -> bool:
        for arrival in source.receive():
            heard.append(arrival.message.type)
            clock.hear(arrival.message, arrival.seconds)
            code.hear(arrival.message, arrival.seconds)
        now = time.monotonic()
        places = clock.place_at(now), code.place_at(now)
        if not all(place.running for place in places):
            return False
        at = osc.read("/transport/position")
        beats, seconds = clock.beats_at(now) * 60 / 100, (code.seconds_at(now) or 0.0) - 3600
        return abs(beats - at) < NEAR_SECONDS and abs(seconds - at) < NEAR_SECONDS

    osc.send("/transport/tempo", 100.0)
    osc.send("/transport/seek", 2.0)
    osc.send("/transport/play", 1)
    try:
        wait_until(in_step)
        assert {"songpos", "continue", "clock", "quarter_frame"} <= set(heard)
    finally:
        client.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--sync", "mtc", "--no-midi"], "leave --no-midi out"),
        (["--sync-out", "smpte"], "give midi-clock or mtc"),
        (["--sync-start", "1:2"], "give HH:MM:SS:FF"),
        (["--sync", "midi-clock", "--midi-through", "coreaudio"], "built without CoreAudio"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(song: HostSession, options: list[str], words: str) -> None:
    command = [*COMMAND, str(song.folder), "--null", "--quiet", "--osc-port", "0", *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode in (1, 2)
    assert words in " ".join(done.stderr.split()).replace(" │ ", " ")
    assert "Traceback" not in done.stderr
