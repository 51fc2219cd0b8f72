"""The published SCNet (a checkout of starrytong/SCNet) against ours, same weights.

`--upstream PATH` prints relative error and times of full-size networks. With `--copy`, a checkout of
ZFTurbo/Music-Source-Separation-Training, "masked" is one of them, and `--write` makes the small fixtures anew.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scnet_recipe import FULL, MASKED, PLAIN, TINY, fill, song

from separation_core.models.scnet import Scnet
from separation_core.zoo.architectures import configure

FIXTURES = Path(__file__).with_name("fixtures")
STEMS = ("drums", "bass", "other", "vocals")


def ours(settings: dict[str, Any]) -> Scnet:
    return Scnet(configure("scnet", settings, tuple(settings.get("sources", STEMS)))).eval()


def both(name: str) -> tuple[torch.nn.Module, Scnet]:
    """The published network and ours."""
    if name == "masked":
        from models.scnet.scnet_masked import SCNet as Masked

        return Masked().eval(), ours({"masked": True, "spectrogram_normalised": False})
    from scnet.SCNet import SCNet

    return SCNet(**FULL[name]).eval(), ours({**FULL[name], "spectrogram_normalised": True})


def compare(name: str, seconds: float) -> None:
    theirs, mine = both(name)
    mine.load_state_dict(theirs.state_dict())
    mix = song(2, round(44100 * seconds))
    with torch.inference_mode():
        began = time.perf_counter()
        wanted = theirs(mix)
        between = time.perf_counter()
        got = mine(mix)
        ended = time.perf_counter()
    error = float((got - wanted).norm() / wanted.norm())
    times = f"published {between - began:.2f} s, ours {ended - between:.2f} s"
    sys.stdout.write(f"{name}: relative error {error:.1e}, {times}\n")


def answer(network: torch.nn.Module, channels: int) -> np.ndarray:
    fill(network)
    with torch.inference_mode():
        return np.asarray(network.eval()(song(channels)))


def write_fixtures() -> None:
    from models.scnet.scnet import SCNet as Copy
    from models.scnet.scnet_masked import SCNet as Masked
    from scnet.SCNet import SCNet

    stems = {name: answer(SCNet(**settings), settings.get("audio_channels", 2)) for name, settings in TINY.items()}
    stems |= {f"{name} plain": answer(Copy(**TINY[name]), 2) for name in PLAIN}
    stems |= {name: answer(Masked(**settings), 2) for name, settings in MASKED.items()}
    np.savez_compressed(FIXTURES / "scnet.npz", **stems)
    digests = {name: key_digest(SCNet(**settings)) for name, settings in FULL.items()}
    digests["masked"] = key_digest(Masked())
    (FIXTURES / "scnet_keys.json").write_text(json.dumps(digests, indent=1) + "\n")


def key_digest(network: torch.nn.Module) -> dict[str, Any]:
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items()}
    text = json.dumps(sorted(shapes.items()))
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"parameters": parameters, "keys": len(shapes), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--copy", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("names", nargs="*", default=list(FULL), help=", ".join([*FULL, "masked"]))
    chosen = parser.parse_args()
    sys.path[:0] = [str(path) for path in (chosen.upstream, chosen.copy) if path]
    if chosen.write:
        write_fixtures()
        return
    for name in chosen.names:
        compare(name, chosen.seconds)


if __name__ == "__main__":
    main()
