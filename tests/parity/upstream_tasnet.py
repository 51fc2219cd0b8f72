"""The published Meta-TasNet (a checkout of pfnet-research/meta-tasnet) against ours, same weights.

`--upstream PATH` prints relative errors and times of the full-size network, one pass and the whole procedure;
`--write` makes the small fixtures anew. The checkout's spectrogram is replaced: as published it does not run on today's
PyTorch, which gives complex spectra.
"""

import argparse
import hashlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tasnet_recipe import CHUNK_SECONDS, CHUNKS, FULL, SEED, STRIDE, TINY, fill, mixes, song

from separation_core.audio.frames import ArraySource
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.full_band import FullBand, FullBandWay
from separation_core.models.meta_tasnet import MetaTasnet
from separation_core.models.tasnet_config import MetaTasnetConfig

FIXTURES = Path(__file__).with_name("fixtures")


def published(settings: dict[str, Any]) -> Any:
    from model.spectrogram import Spectrogram
    from model.tasnet import MultiTasNet

    def power(self: Any, signal: torch.Tensor, db_conversion: bool = True) -> torch.Tensor:
        spectrum = torch.stft(
            signal.view(-1, signal.shape[-1]), self.n_fft, self.hop, window=self.window, return_complex=True
        )
        return torch.log10(torch.view_as_real(spectrum).square().sum(-1) + 1e-8)

    Spectrogram.calculate_mag = power
    network = MultiTasNet(argparse.Namespace(**settings)).eval()
    fill(network)
    return network


def ours(settings: dict[str, Any]) -> MetaTasnet:
    network = MetaTasnet(MetaTasnetConfig.from_published(settings)).eval()
    fill(network)
    return network


def published_procedure(network: Any, rates: list[torch.Tensor]) -> torch.Tensor:
    """Stems (stem, frame) of the mix (1, frame) at every rate, as evaluate.py makes them before gains are fitted."""
    normalised = [rate[None] / rate.std(dim=-1, keepdim=True) for rate in rates]
    stems: torch.Tensor = network.inference(normalised, n_chunks=CHUNKS)[-1][0, :, 0]
    return stems


def own_procedure(network: MetaTasnet, mix: torch.Tensor) -> torch.Tensor:
    """The same by our engine: hard cut, 8 s of context, levels of the whole song."""
    rate = network.config.rates[-1]
    config = replace(network.config, segment=mix.shape[-1] // CHUNKS, context=8 * rate)
    cut = MetaTasnet(config).eval()
    cut.load_state_dict(network.state_dict())
    levels = cut.levels(cut.pyramid(mix))
    separator = FullBand(cut.at_levels(levels[:, 0]), rate, 1, FullBandWay.CHANNELS, refit=False)
    blocks = separate(separator, ArraySource(mix.numpy(), rate), SeparationSettings(overlap=0.0, device="cpu"))
    return torch.from_numpy(np.concatenate(list(blocks), axis=-1)[:, 0]) / levels[-1]


def compare() -> None:
    theirs, mine = published(FULL), ours(FULL)
    inputs = mixes(FULL, 8 * 400)
    began = time.perf_counter()
    wanted = theirs.inference([mix[None] for mix in inputs], n_chunks=1)[-1][:, :, 0]
    between = time.perf_counter()
    got = mine.separate_rates(inputs)
    ended = time.perf_counter()
    error = float((got - wanted).norm() / wanted.norm())
    times = f"published {between - began:.2f} s, ours {ended - between:.2f} s for 8 s of one channel"
    sys.stdout.write(f"one pass: relative error {error:.1e}, {times}\n")
    mix = song(mine.config.rates[-1])
    wanted, got = published_procedure(theirs, mine.pyramid(mix)), own_procedure(mine, mix)
    error = float((got - wanted).norm() / wanted.norm())
    sys.stdout.write(f"whole procedure, {CHUNKS} chunks of {CHUNK_SECONDS} s: relative error {error:.1e}\n")


def write_fixtures() -> None:
    numbers = {}
    for name, settings in TINY.items():
        network = published(settings)
        stems = network.inference([mix[None] for mix in mixes(settings)], n_chunks=1)[-1][:, :, 0]
        numbers[name] = stems[..., ::STRIDE].numpy()
    for name in ("meta", "one"):
        rates = [song(settings_rate) for settings_rate in MetaTasnetConfig.from_published(TINY[name]).rates]
        numbers[f"{name}_procedure"] = published_procedure(published(TINY[name]), rates)[:, :: STRIDE * 13].numpy()
    np.savez_compressed(FIXTURES / "tasnet.npz", **numbers)
    (FIXTURES / "tasnet_keys.json").write_text(json.dumps(digests(), indent=1) + "\n")


def digests() -> dict[str, Any]:
    """How many keys and parameters the full-size networks have, and a hash of all keys with their shapes."""
    found = {}
    for name, settings in {"meta": FULL, "conv": {**FULL, "independent_params": True}}.items():
        with torch.device("meta"):
            state = build_bare(settings).state_dict()
        shapes = {key: list(tensor.shape) for key, tensor in state.items()}
        digest = hashlib.sha256(json.dumps(sorted(shapes.items())).encode()).hexdigest()
        parameters = sum(tensor.numel() for tensor in state.values())
        found[name] = {"keys": len(shapes), "parameters": parameters, "sha256": digest}
    return found


def build_bare(settings: dict[str, Any]) -> Any:
    from model.tasnet import MultiTasNet

    return MultiTasNet(argparse.Namespace(**settings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    sys.path.insert(0, str(chosen.upstream))
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    with torch.inference_mode():
        write_fixtures() if chosen.write else compare()


if __name__ == "__main__":
    main()
