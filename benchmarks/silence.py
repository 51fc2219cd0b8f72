"""Where to call a stem silent: what each threshold of `models.presence` does to a model's scores and to its leak.

`silence_db` in built_in.toml is chosen by this, on songs that are kept for choosing. The higher the threshold, the less
bleeds into stems that are silent in truth, until faint passages of stems that sound are lost and their scores fall.
Without a folder of songs, the demo's song is heard whole and with each of its stems left out.
"""

import argparse
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from plugin_host.demo.compose import RATE, compose
from separation_core.audio.frames import ArraySource
from separation_core.evaluation.metrics import Leak, mdx_sdr
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import Model
from separation_core.models.presence import silenced
from separation_core.training.corpus import STEMS
from separation_core.training.sources import find_songs, read_song
from separation_core.units import Hertz
from separation_core.zoo.load import load_separator

THRESHOLDS = (-60.0, -50.0, -45.0, -40.0, -35.0, -30.0, -25.0)
AUDIBLE_RMS = 0.01
"""A stem under -40 dBFS is not scored."""


def songs(folder: Path | None) -> Iterator[np.ndarray]:
    """True stems (stem, channel, frame), one song after the other."""
    if folder:
        yield from map(read_song, find_songs(folder))
        return
    true = compose()
    whole = np.stack([true[name] for name in STEMS])
    yield whole
    for place in range(len(STEMS)):
        yield np.stack([stem * (number != place) for number, stem in enumerate(whole)])


def separated(model: Model, mix: np.ndarray) -> np.ndarray:
    blocks = separate(model, ArraySource(mix, Hertz(RATE)), SeparationSettings())
    return np.concatenate(list(blocks), axis=-1)


def scores(true: np.ndarray, found: np.ndarray) -> Iterator[tuple[str, float]]:
    """("SDR" or "leak", dB) of each stem that can be judged."""
    mix = true.sum(axis=0)
    for stem, estimate in zip(true, found, strict=True):
        if not stem.any():
            leak = Leak()
            leak.add(mix, estimate)
            yield "leak", leak.decibels()
        elif np.sqrt(np.mean(stem**2)) > AUDIBLE_RMS:
            yield "SDR", mdx_sdr(stem, estimate)


def sweep(model: Model, folder: Path | None, thresholds: list[float]) -> Mapping[float | None, list[tuple[str, float]]]:
    """Scores of all songs by threshold; None: the model as it is."""
    found: dict[float | None, list[tuple[str, float]]] = {below: [] for below in (None, *thresholds)}
    for true in songs(folder):
        mix = true.sum(axis=0)
        raw = separated(model, mix)
        for below, kept in found.items():
            kept += scores(true, raw if below is None else gated(raw, mix, below))
    return found


def gated(raw: np.ndarray, mix: np.ndarray, below: float) -> np.ndarray:
    stems, heard = torch.from_numpy(raw)[None], torch.from_numpy(mix)[None]
    return silenced(stems, heard, Hertz(RATE), below)[0].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", type=Path, nargs="?", help="folder of songs with true stems")
    parser.add_argument("--model", default="default")
    parser.add_argument("--below", type=float, nargs="+", default=list(THRESHOLDS), metavar="DB")
    options = parser.parse_args()
    model = load_separator(options.model)
    table = Table("silent under, dB", "mean MDX SDR, dB", "mean leak, dB", title=f"silence of {model.spec.name}")
    for below, kept in sweep(model, options.songs, options.below).items():
        sdr, leak = ([value for kind, value in kept if kind == wanted] for wanted in ("SDR", "leak"))
        means = (f"{statistics.fmean(values):.2f}" if values else "" for values in (sdr, leak))
        table.add_row("as it is" if below is None else f"{below:g}", *means)
    Console().print(table)


if __name__ == "__main__":
    main()
