"""An empty path, as an unset variable of the shell gives, is told; it is not the working folder."""

from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from plugin_host.cli.app import app


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a song in it, which none of the commands here was asked to take."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.wav", [[0.0, 0.0]] * 8000, 8000)
    return tmp_path


def stemrack(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["separate", ""], "SONG"),
        (["separate", "song.wav", ""], "SONG"),
        (["separate", "song.wav", "-m", "dsp", "--output", ""], "--output"),
        (["separate", "song.wav", "-m", "dsp", "--output="], "--output"),
        (["bounce", ""], "SESSION"),
        (["bounce", "song.stemrack", "-o", ""], "--output"),
        (["play", "song.stemrack", "--capture", ""], "--capture"),
        (["picture", "song.stemrack", "--remix", ""], "--remix"),
        (["evaluate", "", "here"], "TRUTH"),
        (["demo", "-o", ""], "--output"),
        (["models", "add", ""], "FILE"),
        (["train", "export", "run", ""], "WEIGHTS"),
        (["train", "cpu", "--out", ""], "--out"),
        (["midi", "monitor", ""], "SESSION"),
    ],
)
def test_an_empty_path_is_wrong_usage_and_named(arguments: list[str], named: str, working_folder: Path) -> None:
    done = stemrack(*arguments)
    assert done.exit_code == 2
    told = done.stderr.partition("Invalid value for ")[2]
    assert named.casefold() in told.casefold()  # an argument's name is written large or small: that is typer's taste
    assert "the path is empty" in told
    assert [path.name for path in working_folder.iterdir()] == ["song.wav"]


def test_a_dot_is_the_working_folder() -> None:
    assert stemrack("separate", ".", "-m", "dsp").exit_code == 0


def test_what_may_be_empty_may_be_empty() -> None:
    texts = ("--two-stems", "", "--channels", "", "--from", "", "--to", "")
    assert stemrack("separate", "song.wav", "-m", "dsp", *texts).exit_code == 0


def test_help_is_given_all_the_same() -> None:
    done = stemrack("separate", "", "--help")
    assert done.exit_code == 0
    assert "SONG" in done.stdout
