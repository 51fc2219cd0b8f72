"""The RoFormers: forward pass of one segment, published code against ours, same random weights, same run.

Without `--upstream` (a checkout of ZFTurbo/Music-Source-Separation-Training, which needs einops, beartype, librosa and
rotary-embedding-torch) only ours is timed.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from separation_core.models.bs_roformer import BsRoformer, BsRoformerConfig
from separation_core.models.mel_band_roformer import MelBandRoformer, MelBandRoformerConfig

_SEGMENT = {"stereo": True, "time_transformer_depth": 1, "freq_transformer_depth": 1, "mask_estimator_depth": 2}
SIZES: dict[str, dict[str, Any]] = {
    "mel-kim": {**_SEGMENT, "dim": 384, "depth": 6, "num_bands": 60, "stft_hop_length": 441},
    "bs-musdb": {**_SEGMENT, "dim": 192, "depth": 6, "stft_hop_length": 512},
    "bs-viperx": {**_SEGMENT, "dim": 512, "depth": 12, "stft_hop_length": 441},
}
HOPS = 441 * 512
"""A whole number of hops of all networks: the published Mel-band RoFormer drops what is left over."""
Forward = Callable[[torch.Tensor], torch.Tensor]


def ours(name: str) -> BsRoformer | MelBandRoformer:
    if name.startswith("bs"):
        return BsRoformer(BsRoformerConfig.from_published(SIZES[name], stems=("vocals",))).eval()
    return MelBandRoformer(MelBandRoformerConfig.from_published(SIZES[name], stems=("vocals",))).eval()


def published(name: str, upstream: Path) -> torch.nn.Module:
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(upstream))
    from models import bs_roformer  # type: ignore[import-not-found]  # the checkout's package

    kind = bs_roformer.BSRoformer if name.startswith("bs") else bs_roformer.MelBandRoformer
    network: torch.nn.Module = kind(**SIZES[name]).eval()
    return network


def timed(forward: Forward, mix: torch.Tensor) -> tuple[float, float]:
    """Seconds on the clock and seconds of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    forward(mix)
    return time.perf_counter() - clock, time.process_time() - processor


def peak(side: str, chosen: argparse.Namespace, name: str) -> str:
    """Peak memory of one forward pass in a process of its own, in GB."""
    command = [sys.executable, "-m", "benchmarks.models_roformer", "--peak", side, "--seconds", str(chosen.seconds)]
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
        runs = [timed(mine, mix) for _ in range(chosen.runs)]
        clock = statistics.median(run[0] for run in runs)
        return ["", f"{clock:.2f}", "", "", ""]
    theirs = published(name, chosen.upstream)
    mine.load_state_dict(theirs.state_dict())
    wanted, got = theirs(mix), mine(mix)
    error = float((got - wanted.view_as(got)).norm() / wanted.norm())
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
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", choices=["published", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", default=["mel-kim", "bs-musdb"], help=", ".join(SIZES))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    mix = torch.randn(1, 2, round(chosen.seconds * 44100 / HOPS) * HOPS)
    with torch.inference_mode():
        if chosen.peak:
            print_peak(chosen, mix)
            return
        # First, while this process is small: a child's peak is never less than its parent's when it was started.
        sides = ["published", "ours"] if chosen.upstream else ["ours"]
        memory = {name: [peak(side, chosen, name) for side in sides] for name in chosen.names}
        title = f"RoFormers, {chosen.seconds} s, {chosen.threads} threads, medians of {chosen.runs} interleaved runs"
        columns = ["network", "published s", "ours s", "× faster", "× less CPU", "error"]
        table = Table(*columns, *(f"{side} GB" for side in sides), title=title)
        for name in chosen.names:
            table.add_row(name, *speed(name, chosen, mix), *memory[name])
        Console().print(table)


if __name__ == "__main__":
    main()
