"""Whole songs on a GPU: × real time of the engine with full-size networks of random weights, and of the published code.

    python -m benchmarks.gpu --upstream demucs=CHECKOUT --upstream scnet=CHECKOUT --upstream roformer=CHECKOUT

For ours the song goes through `inference.separate`, in float32 one segment at a time, and as it comes (half precision,
batches, copies ahead). The published code hears the same segments one after the other, as its own procedures do, in
float32 and under autocast. Everything but the files is in the time: reading, copies, overlap-add.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks import models_roformer, models_scnet
from separation_core.audio.frames import ArraySource
from separation_core.inference.device import choose_device, device_title
from separation_core.inference.precision import Precision
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import Separator
from separation_core.units import Hertz

RATE = Hertz(44100)
OVERLAP = 0.25
_PARITY = Path(__file__).parents[1] / "tests" / "parity"


@dataclass(frozen=True)
class Contest:
    """ours and theirs make the networks, theirs given a checkout, which is called `project` on the command line."""

    project: str
    ours: Callable[[], torch.nn.Module]
    theirs: Callable[[Path], torch.nn.Module]


def _demucs_ours(name: str) -> torch.nn.Module:
    sys.path.insert(0, str(_PARITY))
    from demucs_recipe import FULL
    from upstream_demucs import ours

    return ours(name, FULL[name][0]).eval()


def _demucs_theirs(name: str, upstream: Path) -> torch.nn.Module:
    sys.path.insert(0, str(_PARITY))
    from demucs_recipe import FULL
    from upstream_demucs import find_upstream, published

    find_upstream(upstream)
    return published(name, FULL[name][0]).eval()


def _demucs(name: str) -> Contest:
    return Contest("demucs", lambda: _demucs_ours(name), lambda path: _demucs_theirs(name, path))


def _scnet(name: str) -> Contest:
    return Contest("scnet", lambda: models_scnet.ours(name), lambda path: models_scnet.published(name, path))


def _roformer(name: str) -> Contest:
    return Contest("roformer", lambda: models_roformer.ours(name), lambda path: models_roformer.published(name, path))


CONTESTS = {
    "htdemucs": _demucs("htdemucs"),
    "hdemucs_mmi": _demucs("hdemucs_mmi"),
    "scnet": _scnet("scnet"),
    "scnet-large": _scnet("scnet-large"),
    "mel-kim": _roformer("mel-kim"),
    "bs-viperx": _roformer("bs-viperx"),
}


@dataclass(frozen=True)
class Run:
    """One way to go through the song: its stems come in blocks (stem, channel, frame)."""

    title: str
    blocks: Callable[[], Iterator[np.ndarray]]


def our_runs(model: Separator, song: np.ndarray, device: str) -> list[Run]:
    def through(precision: Precision, batch: int | None) -> Callable[[], Iterator[np.ndarray]]:
        settings = SeparationSettings(overlap=OVERLAP, device=device, precision=precision, batch_size=batch)
        return lambda: separate(model, ArraySource(song, RATE), settings, note=print)

    return [
        Run("ours, float32, 1 segment", through(Precision.FLOAT32, 1)),
        Run("ours, float32", through(Precision.FLOAT32, None)),
        Run("ours, as it comes", through(Precision.AUTO, None)),
    ]


def their_runs(network: torch.nn.Module, segment: int, song: np.ndarray, device: torch.device) -> list[Run]:
    network = network.to(device)

    def through(half: bool) -> Iterator[np.ndarray]:
        hop = int(segment * (1 - OVERLAP))
        for start in range(0, song.shape[1] - segment + 1, hop):
            mix = torch.from_numpy(song[None, :, start : start + segment]).to(device)
            with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=half):
                yield network(mix)[0].float().cpu().numpy()

    runs = [Run("published, float32", lambda: through(False))]
    return [*runs, Run("published, autocast", lambda: through(True))] if device.type == "cuda" else runs


def measured(run: Run, seconds: float, device: torch.device) -> tuple[list[str], np.ndarray]:
    """Time, × real time and peak GPU memory of the second of two runs, and a bit of what it gave."""
    for warm in (True, False):
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        began = time.perf_counter()
        first = None
        for block in run.blocks():
            first = block if first is None else first
            if warm:
                break
        took = time.perf_counter() - began
    peak = f"{torch.cuda.max_memory_allocated(device) / 1e9:.2f}" if device.type == "cuda" else ""
    assert first is not None
    return [f"{took:.2f}", f"{seconds / took:.1f}", peak], first[..., : RATE // 2]


def rows(name: str, chosen: argparse.Namespace, device: torch.device, song: np.ndarray) -> Iterator[list[str]]:
    torch.manual_seed(0)
    contest = CONTESTS[name]
    ours = contest.ours().eval()
    segment = ours.spec.segment
    runs = our_runs(ours, song, chosen.device)
    reference: np.ndarray | None = None
    for run in runs:
        cells, given = measured(run, chosen.seconds, device)
        reference = given if reference is None else reference
        error = np.linalg.norm(given - reference) / np.linalg.norm(reference)
        yield [name, run.title, *cells, f"{20 * np.log10(error):.0f}" if error else ""]
    ours.to("cpu")
    upstream = dict(chosen.upstream or []).get(contest.project)
    if upstream:
        for run in their_runs(contest.theirs(upstream), segment, song, device):
            yield [name, run.title, *measured(run, chosen.seconds, device)[0], ""]


def _named_path(text: str) -> tuple[str, Path]:
    project, _, path = text.partition("=")
    return project, Path(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", type=_named_path, action="append", metavar="PROJECT=CHECKOUT")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("names", nargs="*", default=list(CONTESTS), help=", ".join(CONTESTS))
    chosen = parser.parse_args()
    device = choose_device(chosen.device)
    if device.type == "cpu" and chosen.device == "auto":
        print("there is no GPU here: give --device cpu, and a few --seconds, to try this on the CPU")
        return
    song = np.random.default_rng(1).normal(0, 0.1, (2, chosen.seconds * RATE)).astype(np.float32)
    table = Table(
        "network", "run", "s", "× real time", "peak GB", "dB from float32",
        title=f"{chosen.seconds} s on {device_title(device)}, torch {torch.__version__}",
    )  # fmt: skip
    for name in chosen.names:
        for cells in rows(name, chosen, device, song):
            table.add_row(*cells)
            print(*cells, sep="\t", flush=True)
    Console().print(table)


if __name__ == "__main__":
    main()
