"""A run that begins with trained weights, the averaged weights that it keeps on its way, and their normalisations."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from separation_core.errors import ModelError
from separation_core.models.networks import build_network, load_network, save_network
from separation_core.training.checkpoints import latest_checkpoint, read_checkpoint
from separation_core.training.data import whole_songs
from separation_core.training.log import read_log
from separation_core.training.loop import train
from separation_core.training.recipe import load_recipe
from separation_core.training.settling import SECONDS, SEED, settle_weights
from separation_core.training.trainer import export_weights, trained_network, training_notes

SMALL_BANDS = {"window": 1024, "hop": 256, "folds": [[512, 4]], "widths": [8, 16], "depth": 1}
SMALL_SCNET = {"dims": [4, 8], "paths": 2, "expand": 1}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def begun(recipe_file: Path, corpus_folder: Path, tmp_path: Path):
    """Train by the recipe, with changes, into a folder by its name; `begin`: from what."""

    def run(name: str, *changes: str, begin: Path | None = None, minutes: float | None = None) -> Path:
        train(
            recipe_file, tmp_path / name, data={"corpus": corpus_folder}, begin=begin, minutes=minutes, changes=changes,
            workers=0, cache=tmp_path / "cache", quiet=True, device="cpu",
        )  # fmt: skip
        return tmp_path / name

    return run


def _distance(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    """Between the learned weights; what normalisations have counted changes at any rate."""
    names = [name for name in one if "running" not in name and one[name].is_floating_point()]
    return sum(float((one[name] - other[name]).square().sum()) for name in names) ** 0.5


def test_a_run_begins_with_the_weights_of_another(begun, tmp_path: Path) -> None:
    first = begun("first")
    weights = trained_network(first).state_dict()
    exported = load_network(first / "weights.safetensors", name="x").state_dict()
    still = begun("still", "optimiser.rate = 1e-12", begin=first / "weights.safetensors")
    assert _distance(trained_network(still).state_dict(), exported) < 1e-6
    assert _distance(trained_network(begun("afresh", "optimiser.rate = 1e-12")).state_dict(), weights) > 0.1
    # The average does not forget what it began with: it lags behind the network as far as the recipe says.
    begun("onward", "optimiser.average = 0.999", "schedule.steps = 4", begin=first, minutes=1e-6)
    onward = begun("onward", "optimiser.average = 0.999", "schedule.steps = 4", begin=tmp_path / "gone")
    found = latest_checkpoint(onward)
    assert found
    state = read_checkpoint(found)
    assert state.facts["step"] == 4
    assert 0 < _distance(state.average, weights) < 0.01 * _distance(state.network, weights)
    assert [event["weights"] for event in read_log(onward) if event["event"] == "begin"] == [str(first)]


def test_weights_kept_on_the_way_are_averaged_like_runs(begun, tmp_path: Path) -> None:
    run = begun("kept", "report.keep = 3")
    kept = [run / f"weights-{step:08d}.safetensors" for step in (3, 6)]
    assert sorted(run.glob("weights-*")) == kept
    export_weights(kept[0], tmp_path / "mean", others=[kept[1], run])
    parts = [trained_network(place).state_dict() for place in (*kept, run)]
    assert _distance(parts[0], parts[1]) > 0.01
    for name, tensor in load_network(tmp_path / "mean", name="x").state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, sum(part[name] for part in parts) / 3, atol=1e-3, rtol=1e-3)


def test_what_cannot_be_begun_with_is_named(begun, tmp_path: Path) -> None:
    assert trained_network(Path("default")).spec.stems
    for begin, complaint in (("default", "another network"), ("dsp", "no weights"), ("no such", "No such file")):
        with pytest.raises(ModelError, match=complaint):
            begun("refused", begin=Path(begin))


def test_normalisations_are_settled_on_songs_as_they_are(
    recipe_file: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    network = build_network("band-unet", SMALL_BANDS)
    torch.nn.init.normal_(network.exit.weight, std=0.3)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.running_mean += 7
    save_network(tmp_path / "off", network, notes={"recipe": "made", "step": "5"})
    data, cache = {"corpus": corpus_folder}, tmp_path / "cache"
    settle_weights(recipe_file, tmp_path / "off", tmp_path / "settled", data=data, cache=cache, songs=6)
    settled = load_network(tmp_path / "settled", name="x")
    assert training_notes(tmp_path / "settled") == {"recipe": "made", "step": "5", "settled": "6"}
    songs = whole_songs(load_recipe(recipe_file), data, cache, SEED, 6, SECONDS)
    mixes = torch.from_numpy(np.stack([song.sum(axis=0) for song in songs]))
    with torch.inference_mode():
        wanted = network.train()(mixes)  # by the statistics of these very songs
        before = trained_network(tmp_path / "off")(mixes)
        far, near = (float((each - wanted).square().mean()) for each in (before, settled(mixes)))
    assert near < 0.1 * far
    save_network(tmp_path / "scnet", build_network("scnet", SMALL_SCNET))
    for name, count, complaint in (("off", 0, "1 or more"), ("scnet", 1, "no normalisations")):
        with pytest.raises(ModelError, match=complaint):
            settle_weights(recipe_file, tmp_path / name, tmp_path / "x", data=data, cache=cache, songs=count)
