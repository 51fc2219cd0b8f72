"""Computing time of every published model relative to htdemucs, for the `cost` of the catalogue's cards.

One pass with random weights over a segment of each model's own length, context included; per second of song, a bag is
the sum of its members. Overlap is the same share for all, so it does not count. Medians.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from benchmarks.live_rig.tables import show
from separation_core.models.contract import Separator
from separation_core.zoo.architectures import architecture, as_separator, configure
from separation_core.zoo.cards import ModelCard
from separation_core.zoo.catalogue import catalogue

FIRST = "htdemucs"


def published_settings(card: ModelCard) -> dict[str, Any]:
    """What the card says, and for the Demucs family what its checkpoints hold."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "parity"))
    from demucs_recipe import FULL

    held = {"mdx_extra": "hdemucs_old", "htdemucs_ft": FIRST}.get(card.name, card.name)
    return {**FULL[held][0], **card.configuration} if held in FULL else dict(card.configuration)


def separator(card: ModelCard) -> Separator:
    """One member of the card's model, with random weights."""
    _, network_class = architecture(card.architecture).load()
    config = configure(card.architecture, published_settings(card), card.stems)
    network = network_class(config, name=card.name, version="random").eval()
    return as_separator(network, normalised=card.normalised)


def seconds_per_second(card: ModelCard, runs: int) -> float:
    """Seconds of computing for a second of song."""
    one = separator(card)
    spec = one.spec
    mix = 0.1 * torch.randn(1, spec.channels, spec.segment + 2 * spec.context)
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        one(mix)
        took.append(time.perf_counter() - began)
    return len(card.members) * statistics.median(took) * spec.rate / spec.segment


def main() -> None:
    cards = catalogue()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("names", nargs="*", default=list(cards), help=", ".join(cards))
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    table = Table("model", "s for a second of song", f"× {FIRST}", title=f"{chosen.threads} threads, random weights")
    with torch.inference_mode():
        unit = seconds_per_second(cards[FIRST], chosen.runs)
        for name in chosen.names:
            cost = seconds_per_second(cards[name], chosen.runs)
            table.add_row(name, f"{cost:.3f}", f"{cost / unit:.2f}")
    show(table)


if __name__ == "__main__":
    main()
