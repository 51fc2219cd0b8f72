"""The published RoFormers (a checkout of ZFTurbo/Music-Source-Separation-Training) against ours, same weights.

`--upstream PATH` prints relative error and times of full-size networks; `--write` makes the small fixtures anew.
Needs what the published code needs: einops, beartype, librosa, rotary-embedding-torch 0.3.5.
"""

import argparse
import hashlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from roformer_recipe import FULL, TINY, fill, song

from separation_core.models.bs_roformer import BsRoformer, BsRoformerConfig
from separation_core.models.mel_band_roformer import MelBandRoformer, MelBandRoformerConfig

FIXTURES = Path(__file__).with_name("fixtures")


def published(name: str, settings: dict[str, Any]) -> torch.nn.Module:
    from models.bs_roformer import BSRoformer, MelBandRoformer

    kind = BSRoformer if name.startswith("bs") else MelBandRoformer
    return kind(**settings).eval()


def ours(name: str, settings: dict[str, Any]) -> BsRoformer | MelBandRoformer:
    stems = tuple(f"stem {number}" for number in range(settings.get("num_stems", 1)))
    if name.startswith("bs"):
        return BsRoformer(BsRoformerConfig.from_published(settings, stems=stems)).eval()
    return MelBandRoformer(MelBandRoformerConfig.from_published(settings, stems=stems)).eval()


def compare(name: str, seconds: float) -> None:
    settings = FULL[name]
    theirs, mine = published(name, settings), ours(name, settings)
    fill(theirs)
    mine.load_state_dict(theirs.state_dict())
    mix = song(2, round(44100 * seconds / 441) * 441)
    with torch.inference_mode():
        began = time.perf_counter()
        wanted = theirs(mix)
        between = time.perf_counter()
        got = mine(mix)
        ended = time.perf_counter()
    got = got[..., : wanted.shape[-1]]
    error = float((got - wanted.view_as(got)).norm() / wanted.norm())
    times = f"published {between - began:.2f} s, ours {ended - between:.2f} s"
    sys.stdout.write(f"{name}: relative error {error:.1e}, {times}\n")


def write_fixtures() -> None:
    import librosa

    stems = {}
    for name, settings in TINY.items():
        network = published(name, settings)
        fill(network)
        with torch.inference_mode():
            stems[name] = network(song(network.audio_channels)).numpy()
    np.savez_compressed(FIXTURES / "roformer.npz", **stems)
    filters = {
        f"{rate}_{n_fft}_{count}": librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=count)
        for rate, n_fft, count in ((44100, 2048, 60), (8000, 256, 12))
    }
    np.savez_compressed(FIXTURES / "roformer_mel.npz", **filters)
    digests = {name: key_digest(published(name, settings)) for name, settings in FULL.items()}
    (FIXTURES / "roformer_keys.json").write_text(json.dumps(digests, indent=1) + "\n")


def key_digest(network: torch.nn.Module) -> dict[str, Any]:
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    text = json.dumps(sorted(shapes.items()))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"parameters": parameters, "keys": len(shapes), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("names", nargs="*", default=list(FULL))
    chosen = parser.parse_args()
    sys.path.insert(0, str(chosen.upstream))
    warnings.simplefilter("ignore")
    if chosen.write:
        write_fixtures()
        return
    for name in chosen.names:
        compare(name, chosen.seconds)


if __name__ == "__main__":
    main()
