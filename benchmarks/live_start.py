"""Start time and memory of the live host as songs grow: the start should be short, memory flat.

`command line` is `stemrack play` from the start of the process to the line that says it plays. `engine` is from the
request for an engine to its `Ready`, in a process that has loaded the host's modules. Both are medians of a few runs,
each in fresh processes. `peak` is the engine process's largest resident memory after it played for some seconds with a
seek to a random place every fifth of a second, 6 stems × 4 effects, at the pace of a clock.
The sessions are mostly silent: holes in the files, which take no room on the disk and are read as any sample is.
"""

import argparse
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.live_rig.playing import rig
from benchmarks.live_rig.sessions import CHAIN, RATE, rack, write_session
from benchmarks.live_rig.tables import show
from plugin_host.mix.mix_file import write_mix
from plugin_host.mix.transport import Play, Seek
from plugin_host.stems.open_session import open_for_host

SOUNDING_SECONDS = 20.0
SEEK_SECONDS = 0.2
READY_LINE = b"from a control to the ear"
MIX_FILE = "mix.toml"


@dataclass(frozen=True)
class Cost:
    """seconds: of the engine's start. peak_mib: of the engine's process, when it was ready and in the end."""

    seconds: float
    ready_mib: float
    peak_mib: float


def play_and_seek(folder: Path, seconds: float) -> Cost:
    """In a process of its own; see above."""
    session = open_for_host(folder)
    began = time.perf_counter()
    with rig(session, rack(6)) as playing:
        started, ready = time.perf_counter() - began, peak_mib(playing.engine.pid)
        playing.desk.do(Play())
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(SEEK_SECONDS)
            playing.desk.do(Seek(random.randrange(session.frames)))  # noqa: S311 - no secret
        return Cost(started, ready, peak_mib(playing.engine.pid))


def peak_mib(pid: int) -> float:
    """Largest resident memory of a process so far, by Linux's account."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found, "this system does not tell the peak memory of a process"
    return int(found[1]) / 1024


def fresh_cost(folder: Path, seconds: float) -> Cost:
    command = [sys.executable, "-m", "benchmarks.live_start", "--one", str(folder), "--seconds", str(seconds)]
    return Cost(**json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def command_line_start(folder: Path) -> float:
    """Seconds from the start of `stemrack play` until it says that it plays."""
    options = ["play", str(folder), "--null", "--quiet", "--start", "--osc-port", "0"]
    script = Path(sys.executable).with_name("stemrack")
    assert script.exists(), f"{script} is not installed: pip install -e ."
    command = [str(script), *options]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.readline()
    seconds = time.perf_counter() - began
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    process.wait()
    assert READY_LINE in said, f"stemrack play said: {(said + rest).decode()}"
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0, 180.0], help="lengths of the sessions")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of play")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(play_and_seek(chosen.one, chosen.seconds).__dict__))
        return
    columns = ("minutes", "command line s", "engine s", "ready MiB", "peak MiB", "peak / first")
    table = Table(*columns, title=f"stemrack play, 6 stems × {len(CHAIN)} effects, {RATE} Hz, medians")
    first = 0.0
    for minutes in chosen.minutes:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "song.stemrack"
            write_session(folder, 60 * minutes, sounding=SOUNDING_SECONDS)
            write_mix(folder / MIX_FILE, rack(6))
            costs = [fresh_cost(folder, chosen.seconds) for _ in range(chosen.runs)]
            line = statistics.median(command_line_start(folder) for _ in range(chosen.runs))
        engine, ready, peak = (
            statistics.median(getattr(cost, what) for cost in costs) for what in ("seconds", "ready_mib", "peak_mib")
        )
        first = first or peak
        figures = (f"{line:.2f}", f"{engine:.2f}", f"{ready:.0f}", f"{peak:.0f}", f"{peak / first:.2f}")
        table.add_row(f"{minutes:g}", *figures)
    show(table)


if __name__ == "__main__":
    main()
