"""How many times faster than real time the default separator runs, on one thread and on all."""

import argparse
import statistics
import time

import torch
from rich.console import Console
from rich.table import Table

from plugin_host.demo.compose import compose
from separation_core.zoo.load import load_separator


def pace(name: str, threads: int, runs: int) -> list[float]:
    """× real time of each run of one segment, the first run (warm-up) not counted."""
    torch.set_num_threads(threads)
    separator = load_separator(name)
    spec = separator.spec
    song = torch.from_numpy(sum(compose().values()))[None, :, : spec.segment + 2 * spec.context]
    paces = []
    with torch.inference_mode():
        for _ in range(runs + 1):
            began = time.perf_counter()
            separator(song)
            paces.append(song.shape[-1] / spec.rate / (time.perf_counter() - began))
    return paces[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="default")
    parser.add_argument("--runs", type=int, default=7)
    chosen = parser.parse_args()
    table = Table(
        "threads",
        "median × real time",
        "slowest",
        "fastest",
        title=f"separator {chosen.model}",
    )
    for threads in sorted({1, torch.get_num_threads()}):
        paces = pace(chosen.model, threads, chosen.runs)
        table.add_row(str(threads), f"{statistics.median(paces):.1f}", f"{min(paces):.1f}", f"{max(paces):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
