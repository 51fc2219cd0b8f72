"""How exact MIDI clock and MTC are over real JACK MIDI: out of one process, into another, and down to the sound.

    python -m benchmarks.sync_clock [--seconds 20] [--starts 5] [--period 256] [--real-time]

The master is a process with a song that makes no sound and sends both (`SyncSender`). Messages: when they arrive
against when they were due, and what the decoders make of them. Sound: an engine plays clicks into the same JACK server
and follows the master (`SyncFollower`); a recording client takes down when the clicks are heard, a period later than it
is handed them, and where the master was then. "first" is what is heard in the second after a start or a jump, "settled"
from the third second on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.live_rig.jack_server import JackServer, Recorder, jack_client
from benchmarks.live_rig.playing import rig
from benchmarks.live_rig.sessions import RATE, rack, write_session
from benchmarks.live_rig.tables import show
from benchmarks.midi_jack import server
from plugin_host.control.midi.rtmidi_ports import open_system
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.control.sync.follower import FollowSettings, SyncFollower
from plugin_host.control.sync.listening import SyncInput
from plugin_host.control.sync.midi_clock_in import MidiClockIn
from plugin_host.control.sync.mtc_in import MtcIn
from plugin_host.control.sync.sender import SendSettings, SyncOutput, SyncSender
from plugin_host.control.sync.timecode import TimecodeRate
from plugin_host.desk.desk import Desk
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix import transport as t
from plugin_host.mix.presets import find_library
from plugin_host.mix.state import plain_mix

TEMPO = 120.0
FPS = TimecodeRate.PAL
SONG_SECONDS = 600
CLICK_SECONDS = 0.5
SETTLED_SECONDS = 3.0
RUN_SECONDS = 8.0
POLL_SECONDS = 0.001


def master() -> None:
    """The master's process. stdin: "play SECONDS", "stop", "end"; stdout: when the song's beginning was, or is."""
    mix, frames = plain_mix(("nothing",)), SONG_SECONDS * RATE
    desk = Desk(SilentEngine(mix, frames=frames, rate=RATE), mix, frames=frames, rate=RATE)
    desk.do(t.SetTempo(TEMPO))
    output = SyncOutput(open_system("jack"), "", print)
    with closing(SyncSender(desk, RATE, output, SendSettings(clock=True, mtc=True, rate=FPS))) as sender:
        sender.start()
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            word, _, place = line.strip().partition(" ")
            if word == "end":
                return
            desk.do_all((t.Seek(float(place) * RATE), t.Play()) if word == "play" else (t.Pause(),))
            print(json.dumps(time.monotonic() - desk.status().song_frame / RATE), flush=True)


@dataclass
class Master:
    """The process, and when its song began."""

    process: subprocess.Popen[str]
    began: float = 0.0

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self.began = json.loads(self.process.stdout.readline())

    def place(self, now: float) -> float:
        return now - self.began


@contextmanager
def a_master() -> Iterator[Master]:
    command = [sys.executable, "-m", "benchmarks.sync_clock", "--master"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if json.loads(process.stdout.readline()) != "ready":
            raise SystemExit("the master did not start")
        try:
            yield Master(process)
        finally:
            process.stdin.write("end\n")
            process.stdin.close()


def wire_up(client: Any, into: int) -> None:
    """Connect the master's port with so many of ours, when they are there."""
    until = time.monotonic() + 10.0
    while time.monotonic() < until:
        sources = client.get_ports("sync out", is_midi=True, is_output=True)
        targets = client.get_ports("sync in", is_midi=True, is_input=True)
        if sources and len(targets) == into:
            for target in targets:
                client.connect(sources[0], target)
            return
        time.sleep(0.05)
    raise SystemExit("the ports did not come")


@dataclass
class Heard:
    """What was made of one kind of message. lateness, errors: in seconds, one for each message, or look."""

    what: str
    lateness: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    tempos: list[float] = field(default_factory=list)


def messages(seconds: float) -> list[Heard]:
    """The decoders' places against the master's, for so long."""
    clock, code = Heard("MIDI clock"), Heard(f"MTC {FPS.title}")
    clock_in, mtc_in = MidiClockIn(), MtcIn()
    with a_master() as leader, closing(SyncInput(open_system("jack"), "", time.monotonic)) as port:
        port.receive()
        with jack_client(JackServer(os.environ["JACK_DEFAULT_SERVER"], 0, False), "wires") as client:
            wire_up(client, 1)
            settle(port, 1.0)
            leader.tell("play 0")
            until = time.monotonic() + seconds
            while (now := time.monotonic()) < until:
                for arrival in port.receive():
                    for decoder in (clock_in, mtc_in):
                        decoder.hear(arrival.message, arrival.seconds)
                    note_lateness(arrival.seconds - leader.began, arrival.message.type, clock, code)
                if now - leader.began > 2.0:
                    clock.errors.append(clock_in.beats_at(now) * 60 / TEMPO - leader.place(now))
                    code.errors.append((mtc_in.seconds_at(now) or 0.0) - leader.place(now))
                    clock.tempos.append((clock_in.tempo or 0.0) / TEMPO - 1)
                    code.tempos.append(mtc_in.speed - 1)
                time.sleep(POLL_SECONDS)
    return [clock, code]


def settle(port: SyncInput, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        port.receive()
        time.sleep(POLL_SECONDS)


def note_lateness(since: float, kind: str, clock: Heard, code: Heard) -> None:
    """Messages are on a grid: by how much was this one late on it?"""
    if since < 2.0:
        return
    if kind == "clock":
        clock.lateness.append(late_on(since, 60 / TEMPO / 24))
    elif kind == "quarter_frame":
        code.lateness.append(late_on(since, 1 / float(4 * FPS.frames_a_second)))


def late_on(seconds: float, grid: float) -> float:
    return seconds - grid * np.floor((seconds + 0.2 * grid) / grid)


def clicks(number: int, first: int, count: int) -> np.ndarray:
    """A sample in the song and in every stem, twice a second."""
    at = np.arange(first, first + count) % round(CLICK_SECONDS * RATE)
    return np.tile(np.where(at == 0, 0.5, 0.0), (2, 1))


def sounds(source: str, session: Any, period: int, starts: int) -> dict[str, np.ndarray]:
    """By how many seconds clicks are late on the master: after the first start, after later ones, and settled."""
    name = os.environ["JACK_DEFAULT_SERVER"]
    found: dict[str, list[float]] = {"first start": [], "later starts": [], "settled": []}
    with jack_client(JackServer(name, period, False), "recorder") as client, a_master() as leader:
        settings = {"output": "jack", "device": name, "buffer": period}
        with rig(session, rack(1, chain=(), limiter=True), **settings) as playing:
            playing.desk.do(t.SetTempo(TEMPO))
            table = ParameterTable(playing.desk, find_library(check_effect), frames=session.frames, rate=RATE)
            recorder = Recorder(client, RUN_SECONDS + 4)
            recorder.listen_to("stemrack:master_L")
            with closing(SyncFollower(table.host, lambda: open_system("jack"), FollowSettings())) as follower:
                follower.follow(source)
                follower.start()
                wire_up(client, 1)
                time.sleep(1.0)
                for number in range(starts):
                    heard = one_run(leader, recorder, client, 10.0 + 20 * number)
                    start = "first start" if number == 0 else "later starts"
                    found[start] += [late for since, late in heard if since < 1.0]
                    found["settled"] += [late for since, late in heard if since > SETTLED_SECONDS]
    return {what: np.array(late) for what, late in found.items()}


def one_run(leader: Master, recorder: Recorder, client: Any, place: float) -> list[tuple[float, float]]:
    """Play for a while from a place: (seconds since the start, how late) for each click."""
    begin = recorder.now
    leader.tell(f"play {place}")
    began, started = leader.began, time.monotonic()
    clocks = clock_pairs(client, RUN_SECONDS)
    samples, frames = recorder.since(begin)
    leader.tell("stop")
    time.sleep(1.0)
    loud = np.flatnonzero((samples[1:-1] > 0.2) & (samples[1:-1] >= samples[:-2]) & (samples[1:-1] > samples[2:])) + 1
    nearest = np.minimum(np.searchsorted(clocks[:, 0], frames[loud]), len(clocks) - 1)
    times = clocks[nearest, 1] + (frames[loud] + recorder.period) / RATE
    return [(when - started, late_click(when - began)) for when in times]


def clock_pairs(client: Any, seconds: float) -> np.ndarray:
    """Again and again (a frame of the server, when its frame 0 was): the server's clock stumbles with its xruns."""
    pairs, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        frame = int(client.frame_time)
        pairs.append((frame, min(time.monotonic() - int(client.frame_time) / RATE for _ in range(20))))
        time.sleep(0.02)
    return np.array(pairs)


def late_click(place: float) -> float:
    return float(place - CLICK_SECONDS * np.round(place / CLICK_SECONDS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--period", type=int, default=256)
    parser.add_argument("--real-time", action="store_true", help="run JACK in real time")
    parser.add_argument("--master", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.master:
        master()
    else:
        measure(args)


def measure(args: argparse.Namespace) -> None:
    with (
        server(args.period, real_time=args.real_time, synchronous=False) as (title, watch),
        tempfile.TemporaryDirectory() as folder,
    ):
        print_messages(messages(args.seconds), title)
        session = write_session(Path(folder) / "clicks.stemrack", 200.0, stems=("vocals",), sound=clicks)
        heard = {source: sounds(source, session, args.period, args.starts) for source in ("midi-clock", "mtc")}
        print_sounds(heard, f"{title}; {watch.count} xruns")


def print_messages(heard: list[Heard], title: str) -> None:
    columns = ("", "messages", "late p50 ms", "jitter p50", "p99", "place p50", "p99 (abs.)", "tempo p50 %", "p99")
    table = Table(*columns, title=f"messages; {title}")
    for each in heard:
        late, errors, tempos = (
            1000 * np.array(each.lateness),
            1000 * np.array(each.errors),
            100 * np.array(each.tempos),
        )
        jitter = np.abs(late - np.median(late))
        figures = (
            np.median(late), *np.quantile(jitter, (0.5, 0.99)), np.median(errors), np.quantile(np.abs(errors), 0.99),
        )  # fmt: skip
        shares = np.quantile(np.abs(tempos), (0.5, 0.99))
        table.add_row(
            each.what, str(len(late)), *(f"{value:.2f}" for value in figures), *(f"{value:.3f}" for value in shares)
        )
    show(table)


def print_sounds(heard: dict[str, dict[str, np.ndarray]], title: str) -> None:
    table = Table("", "", "clicks", "late p50 ms", "p5", "p95", title=f"what is heard against the master; {title}")
    for source, parts in heard.items():
        for part, late in parts.items():
            figures = 1000 * np.quantile(late, (0.5, 0.05, 0.95)) if len(late) else np.full(3, np.nan)
            table.add_row(source, part, str(len(late)), *(f"{value:.2f}" for value in figures))
    show(table)


if __name__ == "__main__":
    main()
