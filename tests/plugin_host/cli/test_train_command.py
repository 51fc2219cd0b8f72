"""`stemrack train`: a recipe is enough, and everything that the training package's own command can do."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from plugin_host.cli.app import app
from plugin_host.cli.train import train_app
from separation_core.errors import ModelError
from separation_core.training import __main__ as training_command

RATE = 44100
RECIPE = """
name = "least"
[network]
architecture = "scnet"
dims = [4, 8, 8]
conv_depths = [1, 1, 1]
paths = 2
[[data]]
kind = "stems"
folder = "mine"
[pool]
seconds = 1.0
slots = 2
songs_per_step = 0.5
[batch]
size = 1
seconds = 0.5
[loss]
windows = [512]
[schedule]
steps = 2
warmup = 1
[report]
log = 1
validate = 2
songs = 1
seconds = 0.5
"""


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Two songs of two seconds with two stems each."""
    random = np.random.default_rng(3)
    for song in ("one", "two"):
        (tmp_path / "songs" / song).mkdir(parents=True)
        for stem in ("bass", "vocals"):
            samples = random.normal(0, 0.1, (2 * RATE, 2))
            soundfile.write(tmp_path / "songs" / song / f"{stem}.wav", samples, RATE)
    return tmp_path / "songs"


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_a_recipe_is_trained_scored_exported_and_drawn(songs: Path, tmp_path: Path) -> None:
    (tmp_path / "least.toml").write_text(RECIPE, encoding="ascii")
    options = ("--out", tmp_path / "run", "--data", f"mine={songs}", "--workers", 0, "--device", "cpu")
    done = train(tmp_path / "least.toml", *options)
    assert done.exit_code == 0, done.output
    assert "step 2: finished" in done.stdout
    assert "mean" in train("score", tmp_path / "run", songs, "--as", "mono").stdout
    exported = tmp_path / "least.safetensors"
    assert "MiB" in train("export", tmp_path / "run", exported).stdout
    assert train("compact", tmp_path / "run", tmp_path / "small").exit_code == 0
    added = CliRunner().invoke(app, ["models", "add", str(exported), "--json"], env={"STEMRACK_MODELS": str(tmp_path)})
    assert json.loads(added.stdout)["architecture"] == "scnet"


def test_options_may_come_first(songs: Path, tmp_path: Path) -> None:
    done = train("--out", tmp_path / "run", "--data", f"mine={songs}", "no such recipe")
    assert isinstance(done.exception, ModelError)
    assert "no such recipe" in str(done.exception)


def test_what_cannot_be_trained_is_one_line(tmp_path: Path) -> None:
    assert train("tiny").exit_code == 2
    for command in (("score", tmp_path, tmp_path), ("export", tmp_path, tmp_path / "x"), ("plot", tmp_path, "x.png")):
        failed = train(*command)
        assert isinstance(failed.exception, ModelError), failed.output
        assert "\n" not in str(failed.exception)


def test_it_can_all_that_the_training_package_can() -> None:
    commands = {command.callback.__name__ for command in train_app.registered_commands if command.callback}
    offered = {"train" if name == "run" else name for name in commands}
    parser = training_command._parser()
    (choices,) = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    assert choices is not None
    assert offered == set(choices)
    help_text = train("run", "--help").stdout
    for action in choices["train"]._actions:
        for option in action.option_strings:
            assert option in help_text or option == "-h"
