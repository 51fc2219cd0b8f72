"""Which model is taken where none is named, and what is said of a quality's cost and gain."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from plugin_host.cli.app import app
from plugin_host.cli.model_choice import MODEL_VARIABLE
from separation_core.errors import ModelError
from separation_core.sessions.manifest import read_manifest
from separation_core.zoo.built_in import built_in
from separation_core.zoo.catalogue import catalogue

Separate = Callable[..., Result]


@pytest.fixture
def separate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Separate:
    """`stemrack separate song.wav` with more arguments, offline, without a model of anybody's."""
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STEMRACK_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("STEMRACK_OFFLINE", "1")
    monkeypatch.delenv(MODEL_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    soundfile.write(tmp_path / "song.wav", np.random.default_rng(1).normal(0, 0.1, (4000, 2)), 8000)
    return lambda *arguments: CliRunner().invoke(app, ["separate", "song.wav", *arguments])


def test_without_a_name_the_default_is_taken(separate: Separate) -> None:
    done = separate()
    assert done.exit_code == 0
    assert done.stderr == ""
    assert read_manifest(Path("song.stemrack")).model.name == built_in().default


def test_a_usual_model_that_cannot_be_had_is_given_up_in_one_line(
    separate: Separate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, "htdemucs_ft")
    done = separate()
    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("STEMRACK_MODEL=htdemucs_ft: f7e0c4bc-ba3fe64a.th is not on this machine")
    assert line.endswith("going on with the default model")
    assert read_manifest(Path("song.stemrack")).model.name == built_in().default


def test_a_usual_model_that_cannot_be_kept_is_given_up_too(
    separate: Separate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (member,) = catalogue()["htdemucs"].members
    (tmp_path / "cache" / "models" / f".{member.checkpoint.file}.lock").mkdir(parents=True)  # nobody can lock that
    monkeypatch.setenv("STEMRACK_OFFLINE", "")
    monkeypatch.setenv(MODEL_VARIABLE, "htdemucs")
    done = separate()
    assert done.exit_code == 0
    assert done.stderr.startswith("STEMRACK_MODEL=htdemucs: cannot write ")
    assert read_manifest(Path("song.stemrack")).model.name == built_in().default


def test_a_usual_model_in_a_folder_that_is_none_is_given_up_too(
    separate: Separate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("no folder")
    monkeypatch.setenv(MODEL_VARIABLE, "htdemucs")
    done = separate()
    assert done.exit_code == 0
    assert done.stderr.startswith(f"STEMRACK_MODEL=htdemucs: {tmp_path}/cache/models cannot be looked into")
    assert read_manifest(Path("song.stemrack")).model.name == built_in().default


@pytest.mark.parametrize("usual", ["", "dsp"])
def test_a_model_that_was_asked_for_is_never_replaced(
    usual: str, separate: Separate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, usual)
    done = separate("-m", "htdemucs")
    assert isinstance(done.exception, ModelError)
    assert not Path("song.stemrack").exists()


def test_a_usual_model_that_does_not_exist_is_an_error(separate: Separate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, "htdemuks")
    done = separate()
    assert isinstance(done.exception, ModelError)
    assert str(done.exception).startswith("STEMRACK_MODEL=htdemuks: ")  # nobody typed that name here
    assert "did you mean htdemucs" in str(done.exception)


def test_a_usual_model_that_is_here_is_taken(separate: Separate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODEL_VARIABLE, "dsp+dsp:max")
    assert separate().exit_code == 0
    assert read_manifest(Path("song.stemrack")).model.name == "dsp+dsp:max"


def test_a_quality_says_its_cost_and_its_gain(separate: Separate) -> None:
    done = separate("-m", "dsp", "--quality", "high")
    assert "quality high: 3 × the computing of normal; measured gain +0.00 dB" in done.stderr
    settings = read_manifest(Path("song.stemrack")).model.settings
    assert (settings["overlap"], settings["shifts"], settings["augment"]) == (0.5, 2, False)


def test_a_gain_that_nobody_measured_is_not_made_up(separate: Separate) -> None:
    done = separate("-m", "dsp+dsp", "-q", "best", "--no-augment", "--shifts", "1")
    assert "quality best: 1.5 × the computing of normal; nobody has measured what dsp+dsp gains by it" in done.stderr
    settings = read_manifest(Path("song.stemrack")).model.settings
    assert (settings["overlap"], settings["shifts"], settings["augment"]) == (0.5, 1, False)
    other = separate("-m", "dsp", "-q", "high", "--overlap", "0.25")
    assert "quality high: 2 × the computing of normal; nobody has measured what dsp gains by it" in other.stderr
