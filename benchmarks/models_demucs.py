"""HTDemucs and Hybrid Demucs: one segment through the network, published code against ours, same weights, interleaved.

Every contestant is a process of its own, as the advice to the allocator (`inference.allocator`) is for a whole process;
each runs in turn. Without `--upstream` (a checkout of adefossez/demucs; needs einops and tqdm) only ours is timed.

On a machine that does other things as well, threads that wait for each other burn most of the time; with
OMP_WAIT_POLICY=PASSIVE in the environment they sleep instead, and the CPU time says what the work costs.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from separation_core.inference.allocator import keep_freed_memory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "parity"))
from demucs_recipe import FULL, fill, song
from upstream_demucs import find_upstream, ours, published

NAMES = ("htdemucs", "htdemucs_6s", "hdemucs_mmi")


@dataclass(frozen=True)
class Contestant:
    side: str
    advised: bool

    @property
    def title(self) -> str:
        return self.side + ("+" if self.advised else "")


class Worker:
    """One contestant's process."""

    def __init__(self, contestant: Contestant, name: str, chosen: argparse.Namespace) -> None:
        self.contestant = contestant
        self.runs: list[tuple[float, float]] = []
        command = [sys.executable, "-m", "benchmarks.models_demucs", name, "--work-as", contestant.side]
        command += ["--threads", str(chosen.threads), *(["--advised"] if contestant.advised else [])]
        command += ["--upstream", str(chosen.upstream)] if chosen.upstream else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def run(self) -> None:
        clock, processor = self.ask("run").split()
        self.runs.append((float(clock), float(processor)))

    def finish(self, folder: Path) -> tuple[np.ndarray, float]:
        """The output, and the peak memory in GB."""
        path = folder / f"{self.contestant.title}.npy"
        peak = float(self.ask(str(path)))
        self.process.wait()
        return np.load(path), peak

    @property
    def times(self) -> tuple[float, float]:
        """Median by the clock; least time of the processors, which others on the machine can only add to."""
        clock, processor = zip(*self.runs, strict=True)
        return statistics.median(clock), min(processor)


def work(chosen: argparse.Namespace) -> None:
    """Be a contestant: a run for every line "run", then the output to the path in the last line."""
    if chosen.advised:
        keep_freed_memory()
    (name,) = chosen.names
    settings, frames = FULL[name]
    if chosen.work_as == "published":
        find_upstream(chosen.upstream)
    network = (published if chosen.work_as == "published" else ours)(name, settings)
    fill(network)
    mix = song(2, frames)
    stems = mix
    with torch.inference_mode():
        while (question := sys.stdin.readline().strip()) == "run":
            clock, processor = time.perf_counter(), time.process_time()
            stems = network(mix)
            print(time.perf_counter() - clock, time.process_time() - processor, flush=True)
    np.save(question, stems.numpy())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, flush=True)


def rows(name: str, chosen: argparse.Namespace) -> list[list[str]]:
    sides = ["published", "ours"] if chosen.upstream else ["ours"]
    workers = [Worker(Contestant(side, advised), name, chosen) for side in sides for advised in (False, True)]
    for turn in range(chosen.runs + 1):
        for worker in workers:
            worker.run()
            if turn == 0:
                worker.runs.clear()
    with tempfile.TemporaryDirectory() as folder:
        results = [worker.finish(Path(folder)) for worker in workers]
    return [row(name, worker, workers[0], result, results[0]) for worker, result in zip(workers, results, strict=True)]


def row(
    name: str, worker: Worker, first: Worker, result: tuple[np.ndarray, float], wanted: tuple[np.ndarray, float]
) -> list[str]:
    error = float(np.linalg.norm(result[0] - wanted[0]) / np.linalg.norm(wanted[0]))
    ratios = [f"{wanted / own:.2f}" for wanted, own in zip(first.times, worker.times, strict=True)]
    times = [f"{own:.2f}" for own in worker.times]
    return [name, worker.contestant.title, *times, *ratios, f"{error:.1e}", f"{result[1]:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work-as", choices=["published", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("--advised", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", default=list(NAMES), help=", ".join(FULL))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.work_as:
        work(chosen)
        return
    title = (
        f"7.8 s (HTDemucs), 10 s (Hybrid), {chosen.threads} threads, OMP_WAIT_POLICY "
        f"{os.environ.get('OMP_WAIT_POLICY', 'not set')}, {chosen.runs} runs in turn; + advised"
    )
    table = Table(title=title)
    for column in ("model", "code", "s (median)", "CPU s (least)", "ratio", "CPU ratio", "relative error", "peak GB"):
        table.add_column(column, no_wrap=column == "code")
    for name in chosen.names:
        for cells in rows(name, chosen):
            table.add_row(*cells)
    Console().print(table)


if __name__ == "__main__":
    main()
