"""SCNet: forward pass of one segment, published code against ours, same random weights, same run.

Without `--upstream` (a checkout of starrytong/SCNet) only ours is timed.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.models_roformer import timed
from separation_core.models.scnet import Scnet, ScnetConfig

SIZES: dict[str, tuple[dict[str, Any], ScnetConfig]] = {
    "scnet": ({}, ScnetConfig()),
    "scnet-large": (
        {"dims": [4, 64, 128, 256], "band_SR": [0.225, 0.372, 0.403]},
        ScnetConfig(dims=(4, 64, 128, 256), band_shares=(0.225, 0.372, 0.403)),
    ),
}


def ours(name: str) -> Scnet:
    return Scnet(SIZES[name][1]).eval()


def published(name: str, upstream: Path) -> torch.nn.Module:
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(upstream))
    from scnet.SCNet import SCNet  # type: ignore[import-not-found]  # the checkout's package

    network: torch.nn.Module = SCNet(**SIZES[name][0]).eval()
    return network


def peak(side: str, chosen: argparse.Namespace, name: str) -> str:
    """Peak memory of one forward pass in a process of its own, in GB."""
    command = [sys.executable, "-m", "benchmarks.models_scnet", "--peak", side, "--seconds", str(chosen.seconds)]
    command += ["--threads", str(chosen.threads), name]
    if chosen.upstream:
        command += ["--upstream", str(chosen.upstream)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def print_peak(chosen: argparse.Namespace, mix: torch.Tensor) -> None:
    (name,) = chosen.names
    network = ours(name) if chosen.peak == "ours" else published(name, chosen.upstream)
    network(mix)
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f}")


def speed(name: str, chosen: argparse.Namespace, mix: torch.Tensor) -> list[str]:
    mine = ours(name)
    if chosen.upstream is None:
        clock = statistics.median(timed(mine, mix)[0] for _ in range(chosen.runs))
        return ["", f"{clock:.2f}", "", "", ""]
    theirs = published(name, chosen.upstream)
    mine.load_state_dict(theirs.state_dict())
    wanted, got = theirs(mix), mine(mix)
    error = float((got - wanted).norm() / wanted.norm())
    pairs = [(timed(theirs, mix), timed(mine, mix)) for _ in range(chosen.runs)]
    (clock, processor), (our_clock, our_processor) = (
        [statistics.median(pair[side][kind] for pair in pairs) for kind in range(2)] for side in range(2)
    )
    ratios = [f"{clock / our_clock:.2f}", f"{processor / our_processor:.2f}"]
    return [f"{clock:.2f}", f"{our_clock:.2f}", *ratios, f"{error:.1e}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=7.8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", choices=["published", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", default=["scnet"], help=", ".join(SIZES))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    mix = torch.randn(1, 2, round(chosen.seconds * 44100))
    with torch.inference_mode():
        if chosen.peak:
            print_peak(chosen, mix)
            return
        # First, while this process is small: a child's peak is never less than its parent's when it was started.
        sides = ["published", "ours"] if chosen.upstream else ["ours"]
        memory = {name: [peak(side, chosen, name) for side in sides] for name in chosen.names}
        title = f"SCNet, {chosen.seconds} s, {chosen.threads} threads, medians of {chosen.runs} interleaved runs"
        columns = ["network", "published s", "ours s", "× faster", "× less CPU", "error"]
        table = Table(*columns, *(f"{side} GB" for side in sides), title=title)
        for name in chosen.names:
            table.add_row(name, *speed(name, chosen, mix), *memory[name])
        Console().print(table)


if __name__ == "__main__":
    main()
