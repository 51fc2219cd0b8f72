"""The published HTDemucs and Hybrid Demucs (a checkout of adefossez/demucs) against ours, same weights.

`--upstream PATH` prints relative error and times of full-size networks; `--write` makes the small fixtures anew.
Needs einops and tqdm; what else the published package imports is not used here and replaced by empty modules.
"""

import argparse
import hashlib
import json
import random
import sys
import time
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from demucs_recipe import BAGS, EVERY, FULL, MEMBERS, SEED, SELDOM, TINY, fill, level, song

from separation_core.models.hdemucs import HDemucs, HDemucsConfig
from separation_core.models.htdemucs import HTDemucs, HTDemucsConfig

FIXTURES = Path(__file__).with_name("fixtures")
UNUSED = {
    "julius": None, "openunmix": None, "openunmix.filtering": "wiener", "dora": None, "dora.log": "fatal",
    "omegaconf": "OmegaConf",
}  # fmt: skip


def find_upstream(path: Path) -> None:
    """Make the checkout importable."""
    for name, member in UNUSED.items():
        sys.modules[name] = types.ModuleType(name)
        if member:
            setattr(sys.modules[name], member, None)
    sys.path.insert(0, str(path))


def published(name: str, settings: dict[str, Any]) -> torch.nn.Module:
    from demucs.hdemucs import HDemucs as PublishedHybrid
    from demucs.htdemucs import HTDemucs as PublishedTransformer

    kind = PublishedTransformer if name.startswith("ht") else PublishedHybrid
    return kind(**{**settings, "segment": Fraction(settings.get("segment", 10))}).eval()


def ours(name: str, settings: dict[str, Any]) -> HTDemucs | HDemucs:
    if name.startswith("ht"):
        return HTDemucs(HTDemucsConfig.from_published(settings)).eval()
    return HDemucs(HDemucsConfig.from_published(settings)).eval()


def compare(name: str) -> None:
    settings, frames = FULL[name]
    theirs, mine = published(name, settings), ours(name, settings)
    fill(theirs)
    mine.load_state_dict(theirs.state_dict())
    mix = song(2, frames)
    with torch.inference_mode():
        began = time.perf_counter()
        wanted = theirs(mix)
        between = time.perf_counter()
        got = mine(mix)
        ended = time.perf_counter()
    error = float((got - wanted).norm() / wanted.norm())
    times = f"published {between - began:.2f} s, ours {ended - between:.2f} s"
    sys.stdout.write(f"{name}: relative error {error:.1e}, {times}\n")


def write_fixtures() -> None:
    stems = {}
    for name, (settings, frames) in TINY.items():
        network = published(name, settings)
        fill(network)
        with torch.inference_mode():
            stems[name] = network(song(settings.get("audio_channels", 2), frames))[..., ::EVERY].numpy()
    np.savez_compressed(FIXTURES / "demucs.npz", **stems)
    procedures = {name: procedure(bag)[..., ::SELDOM].numpy() for name, bag in BAGS.items()}
    np.savez_compressed(FIXTURES / "demucs_procedure.npz", **procedures)
    digests = {name: key_digest(published(name, settings)) for name, (settings, _) in FULL.items()}
    (FIXTURES / "demucs_keys.json").write_text(json.dumps(digests, indent=1) + "\n")


def procedure(bag: dict[str, Any]) -> torch.Tensor:
    """What the published command makes of the recipe's song, (stem, channel, frame)."""
    from demucs.apply import BagOfModels, apply_model

    members = [published(kind, MEMBERS[kind]) for kind in bag["members"]]
    for place, member in enumerate(members):
        fill(member, SEED + place)
    (mix,) = level(song(2, bag["frames"]))
    mono = mix.mean(0)
    spread = mono.std() + 1e-8
    random.seed(SEED)
    stems = apply_model(
        BagOfModels(members, bag["weights"]),
        ((mix - mono.mean()) / spread)[None],
        shifts=bag.get("shifts", 0),
        overlap=bag.get("overlap", 0.25),
    )
    found: torch.Tensor = stems[0] * spread + mono.mean()
    return found


def key_digest(network: torch.nn.Module) -> dict[str, Any]:
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    text = json.dumps(sorted(shapes.items()))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"parameters": parameters, "keys": len(shapes), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*", default=list(FULL))
    chosen = parser.parse_args()
    find_upstream(chosen.upstream)
    if chosen.write:
        write_fixtures()
        return
    for name in chosen.names:
        compare(name)


if __name__ == "__main__":
    main()
