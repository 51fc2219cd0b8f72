"""Meta-TasNet and Conv-TasNet: one channel through all stages, published code against ours, same weights, same run.

Without `--upstream` (a checkout of pfnet-research/meta-tasnet) only ours is timed. The published code decodes every
stage and returns all of them; ours gives the last one's sound, which is all that the published evaluation uses.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from separation_core.models.meta_tasnet import MetaTasnet
from separation_core.models.tasnet_config import MetaTasnetConfig

NAMES = ("meta-tasnet", "conv-tasnet")
Forward = Callable[[], torch.Tensor]


def config(name: str) -> MetaTasnetConfig:
    return MetaTasnetConfig(independent_params=name == "conv-tasnet")


def ours(name: str, mixes: list[torch.Tensor]) -> tuple[MetaTasnet, Forward]:
    network = MetaTasnet(config(name)).eval()
    return network, lambda: network.separate_rates([mix[0] for mix in mixes])


def published(name: str, upstream: Path, mixes: list[torch.Tensor]) -> tuple[Any, Forward]:
    sys.path.insert(0, str(upstream))
    from model.spectrogram import Spectrogram  # type: ignore[import-not-found]  # the checkout's package
    from model.tasnet import MultiTasNet  # type: ignore[import-not-found]

    # As published it does not run on today's PyTorch, whose stft gives complex numbers: the one function replaced.
    Spectrogram.calculate_mag = _log_power
    sizes = config(name)
    arguments = {field: getattr(sizes, field) for field in sizes.__slots__}
    network = MultiTasNet(argparse.Namespace(**arguments, dropout=0.0)).eval()
    for stage in network.stages:
        stage.encoder.spectrogram.mean.zero_()
        stage.encoder.spectrogram.std.fill_(1.0)
    return network, lambda: network.inference(mixes, n_chunks=1)[-1][:, :, 0]


def _log_power(self: Any, signal: torch.Tensor, db_conversion: bool = True) -> torch.Tensor:
    flat = signal.view(-1, signal.shape[-1])
    spectrum = torch.stft(flat, self.n_fft, self.hop, window=self.window, return_complex=True)
    return torch.log10(torch.view_as_real(spectrum).square().sum(-1) + 1e-8)


def timed(forward: Forward) -> tuple[float, float]:
    """Seconds on the clock and seconds of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    forward()
    return time.perf_counter() - clock, time.process_time() - processor


def peak(side: str, name: str, chosen: argparse.Namespace) -> str:
    """Peak memory of one pass in a process of its own, in GB."""
    command = [sys.executable, "-m", "benchmarks.models_tasnet", "--peak", side, "--seconds", str(chosen.seconds)]
    command += ["--threads", str(chosen.threads), name]
    if chosen.upstream:
        command += ["--upstream", str(chosen.upstream)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def print_peak(chosen: argparse.Namespace, mixes: list[torch.Tensor]) -> None:
    (name,) = chosen.names
    _, forward = ours(name, mixes) if chosen.peak == "ours" else published(name, chosen.upstream, mixes)
    forward()
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f}")


def peaks(name: str, chosen: argparse.Namespace) -> list[str]:
    """Published and ours, or ours alone."""
    return [peak(side, name, chosen) if side == "ours" or chosen.upstream else "" for side in ("published", "ours")]


def row(name: str, chosen: argparse.Namespace, mixes: list[torch.Tensor]) -> list[str]:
    network, mine = ours(name, mixes)
    if chosen.upstream is None:
        mine()
        clock = statistics.median(timed(mine)[0] for _ in range(chosen.runs))
        return [name, "", f"{clock:.2f}", "", "", ""]
    source, theirs = published(name, chosen.upstream, mixes)
    network.load_state_dict(source.state_dict())
    wanted, got = theirs(), mine()
    error = float((got - wanted).norm() / wanted.norm())
    pairs = [(timed(theirs), timed(mine)) for _ in range(chosen.runs)]
    (clock, processor), (our_clock, our_processor) = (
        [statistics.median(pair[side][kind] for pair in pairs) for kind in range(2)] for side in range(2)
    )
    ratios = [f"{clock / our_clock:.2f}", f"{processor / our_processor:.2f}"]
    return [name, f"{clock:.2f}", f"{our_clock:.2f}", *ratios, f"{error:.1e}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", choices=["published", "ours"], help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", default=list(NAMES), help=", ".join(NAMES))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    mixes = [torch.randn(1, 1, chosen.seconds * rate) for rate in MetaTasnetConfig().rates]
    with torch.inference_mode():
        if chosen.peak:
            print_peak(chosen, mixes)
            return
        title = f"TasNets, {chosen.seconds} s mono, {chosen.threads} threads, medians of {chosen.runs} interleaved runs"
        columns = ["network", "published s", "ours s", "× faster", "× less CPU", "error", "published GB", "ours GB"]
        table = Table(*columns, title=title)
        # Memory first: a process counts its parent's peak as its own.
        memory = {name: peaks(name, chosen) for name in chosen.names}
        for name in chosen.names:
            table.add_row(*row(name, chosen, mixes), *memory[name])
        Console().print(table)


if __name__ == "__main__":
    main()
