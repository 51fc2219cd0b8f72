"""Files of weights that users made themselves: found whatever their length is, and named where they are no model."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from separation_core.errors import ModelError
from separation_core.models.networks import build_network, save_network
from separation_core.zoo.checkpoint_file import open_checkpoint
from separation_core.zoo.load import get_model, load_separator
from separation_core.zoo.materialise import blueprint

SIZES = {"width": 8, "growth": 4, "paths": 1, "hidden": 8}


def test_a_header_may_have_any_length(tmp_path: Path) -> None:
    path, begins = tmp_path / "weights.safetensors", set()
    for more in range(0, 256, 8):
        save_file({"w": torch.ones(2)}, path, metadata={"note": "x" * more})
        begins.add(path.read_bytes()[0])
        assert set(open_checkpoint(path).content) == {"w"}
    assert 0x80 in begins, "where a pickle begins, too"


@pytest.mark.parametrize("change", [{"rate": -1}, {"rate": 400_000}, {"hop": 0}, {"hop": 5000}])
def test_weights_that_claim_what_cannot_be_are_refused(tmp_path: Path, change: dict[str, int]) -> None:
    path = tmp_path / "weights.safetensors"
    save_network(path, build_network("dual-path-unet", SIZES))
    with safe_open(path, "pt") as file:
        header = dict(file.metadata())
    header["config"] = json.dumps({**json.loads(header["config"]), **change})
    save_file(load_file(path), path, metadata=header)
    with pytest.raises(ModelError, match=r"weights\.safetensors claims|absurd|at most"):
        blueprint(path)


def test_a_file_in_place_of_a_name_is_told_how_it_becomes_a_model(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.touch()
    for use in (load_separator, get_model):
        with pytest.raises(ModelError, match="`stemrack models add`"):
            use(str(path))
    with pytest.raises(ModelError, match="did you mean"):
        load_separator("stemrack_v2")
    with pytest.raises(ModelError, match="no model is called"):
        load_separator("a\0b" + "x" * 5000)
