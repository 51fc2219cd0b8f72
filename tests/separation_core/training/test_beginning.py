"""A run that begins with trained weights, and the averaged weights that a run keeps on its way."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from separation_core.errors import ModelError
from separation_core.models.networks import load_network
from separation_core.training.checkpoints import latest_checkpoint, read_checkpoint
from separation_core.training.log import read_log
from separation_core.training.loop import train
from separation_core.training.trainer import export_weights, trained_network


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
    for begin, complaint in (("default", "another network"), ("dsp", "no weights"), ("no such", "not a weights file")):
        with pytest.raises(ModelError, match=complaint):
            begun("refused", begin=Path(begin))
