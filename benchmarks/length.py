"""Peak memory and time of `separate` and `bounce` as songs grow: memory should be flat, time linear.

Runs the real command line in processes of their own and reads the kernel's account of each (peak resident memory).
A session of M minutes takes about M × 0.2 GiB of disk while it is made.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RATE = 44_100


@dataclass(frozen=True)
class Cost:
    minutes: float
    seconds: float
    cpu_seconds: float
    peak_mib: float


def write_song(path: Path, minutes: float) -> None:
    """A 16-bit stereo song: the demo's thirty seconds over and over, each time at another level."""
    import numpy as np
    import soundfile

    from plugin_host.demo.compose import compose

    verse = sum(compose().values()).T
    levels = np.random.default_rng(1)
    left = round(minutes * 60 * RATE)
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as song:
        while left > 0:
            part = verse[:left] * levels.uniform(0.5, 1.0)
            song.write(part)
            left -= len(part)


def run(minutes: float, *arguments: str) -> Cost:
    """Run `stemrack ARGUMENTS` to its end; RuntimeError with its output's place if it fails."""
    began = time.perf_counter()
    with Path(os.devnull).open("w") as nowhere:
        command = [sys.executable, "-c", "from plugin_host.cli import main; main()", *arguments]
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1)])
        _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"stemrack {' '.join(arguments)} ended with status {os.waitstatus_to_exitcode(status)}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(minutes, time.perf_counter() - began, cpu, usage.ru_maxrss / 1024)


def measure(minutes: float, folder: Path) -> tuple[Cost, Cost]:
    song, session, remix = folder / "song.wav", folder / "song.stemrack", folder / "remix.wav"
    # In a process of its own: a child's peak memory is never less than its parent's when it was started.
    writer = multiprocessing.get_context("spawn").Process(target=write_song, args=(song, minutes))
    writer.start()
    writer.join()
    separate = run(minutes, "separate", str(song), "-o", str(session), "--force")
    bounce = run(minutes, "bounce", str(session), "-o", str(remix), "--scene", "remaster", "--force")
    return separate, bounce


def print_table(title: str, costs: list[Cost]) -> None:
    """Processor time beside the clock: on a busy machine only the former says whether time is linear."""
    columns = ("minutes", "seconds", "× real time", "CPU s", "peak MiB", "peak / first", "CPU per minute / first")
    table = Table(*columns, title=title)
    first = costs[0]
    for cost in costs:
        pace = (cost.cpu_seconds / cost.minutes) / (first.cpu_seconds / first.minutes)
        figures = (cost.minutes, cost.seconds, cost.minutes * 60 / cost.seconds, cost.cpu_seconds, cost.peak_mib)
        ratios = (cost.peak_mib / first.peak_mib, pace)
        table.add_row(*(f"{figure:.1f}" for figure in figures), *(f"{ratio:.2f}" for ratio in ratios))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3, 30, 120])
    parser.add_argument("--folder", type=Path, help="where the files are made (default: a temporary folder)")
    chosen = parser.parse_args()
    pairs = []
    for minutes in chosen.minutes:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            os.environ["STEMRACK_CACHE"] = f"{folder}/cache"
            pairs.append(measure(minutes, Path(folder)))
    print_table("stemrack separate (dsp)", [separate for separate, _ in pairs])
    print_table("stemrack bounce --scene remaster", [bounce for _, bounce in pairs])


if __name__ == "__main__":
    main()
