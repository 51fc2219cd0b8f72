"""Peak memory and processor time a minute of `separate` with htdemucs-size random weights, as songs grow.

The weights are added to the zoo as a user's own; the real command line runs in a process of its own. `--small` takes
a network of the same segments but far fewer sums, to see in reasonable time whether memory stays flat.
A session of M minutes takes about M × 0.2 GiB of disk while it is made.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.length import Cost, print_table, run, write_song

NAME = "random-htdemucs"
SMALLER = {"channels": 16, "bottom_channels": 128, "t_layers": 1}


def add_random_checkpoint(folder: Path, changes: dict[str, Any]) -> None:
    """Have the zoo know a network of htdemucs's published sizes, less `changes`, with random weights."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "parity"))
    from demucs_recipe import FULL, fill
    from safetensors.torch import save_file

    from separation_core.models.htdemucs import HTDemucs, HTDemucsConfig
    from separation_core.zoo.added import add_checkpoint

    network = HTDemucs(HTDemucsConfig.from_published({**FULL["htdemucs"][0], **changes}))
    fill(network)
    path = folder / f"{NAME}.safetensors"
    # Published files are in half precision too.
    save_file({key: tensor.half().contiguous() for key, tensor in network.state_dict().items()}, path)
    add_checkpoint(path, name=NAME)


def in_own_process(function: Any, *arguments: Any) -> None:
    """Run something big elsewhere: a child's peak memory is never less than its parent's when it was started."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{function.__name__} ended with status {process.exitcode}")


def measure(minutes: float, folder: Path) -> Cost:
    song, session = folder / "song.wav", folder / "song.stemrack"
    in_own_process(write_song, song, minutes)
    return run(minutes, "separate", str(song), "-o", str(session), "-m", NAME, "--device", "cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[3, 60])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="a far cheaper network of equal segments")
    parser.add_argument("--folder", type=Path, help="where the files are made (default: a temporary folder)")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    costs = []
    for minutes in chosen.minutes:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            os.environ |= {"STEMRACK_CACHE": f"{folder}/cache", "STEMRACK_MODELS": f"{folder}/models"}
            in_own_process(add_random_checkpoint, Path(folder), SMALLER if chosen.small else {})
            costs.append(measure(minutes, Path(folder)))
    size = "smaller than htdemucs" if chosen.small else "htdemucs-size"
    print_table(f"stemrack separate, {size}, random weights, {chosen.threads} threads", costs)


if __name__ == "__main__":
    main()
