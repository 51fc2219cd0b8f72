"""`stemrack separate --without`: which stems the session has, and how that is told."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from plugin_host.cli.app import app
from separation_core.errors import ModelError


@pytest.fixture(autouse=True)
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two songs of a second, in the current folder."""
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        noise = np.random.default_rng(len(name)).normal(0, 0.1, (8000, 2))
        soundfile.write(f"{name}.wav", noise, 8000, subtype="PCM_24")


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_song_without_voice_and_drums() -> None:
    done = _run("separate", "one.wav", "-m", "dsp", "--without", "vocals, drums")
    assert done.exit_code == 0
    assert "model dsp, without drums,vocals\n" in done.stdout
    assert sorted(path.name for path in Path("one.stemrack/stems").iterdir()) == ["bass.wav", "other.wav"]
    total = sum(soundfile.read(path)[0] for path in Path("one.stemrack/stems").iterdir())
    np.testing.assert_allclose(total, soundfile.read("one.wav")[0], atol=1e-6)
    again = json.loads(_run("separate", "one.wav", "-m", "dsp", "--without", "drums,vocals", "--json").stdout)
    assert (again["without"], again["found_again"]) == (["drums", "vocals"], True)
    told = _run("info", "one.stemrack").stdout
    assert "without drums,vocals" in told.splitlines()[0]
    assert json.loads(_run("info", "one.stemrack", "--json").stdout)["settings"]["without"] == "drums,vocals"


def test_several_songs() -> None:
    done = _run("separate", "one.wav", "two.wav", "-m", "dsp", "--without", "vocals", "-o", "songs", "--json")
    assert [entry["without"] for entry in json.loads(done.stdout)] == [["vocals"], ["vocals"]]
    assert len(list(Path("songs").glob("*/stems/*.wav"))) == 6


def test_nothing_named_leaves_nothing_out() -> None:
    summary = json.loads(_run("separate", "one.wav", "-m", "dsp", "--without", "", "--json").stdout)
    assert (summary["without"], len(summary["stems"])) == ([], 4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--without", "choir"], "dsp has no stem 'choir' to leave out: choose from drums, bass, other, vocals"),
        (["--without", "vocals,"], "dsp has no stem '' to leave out: choose from drums, bass, other, vocals"),
        (["--without", "drums,bass,other,vocals"], "drums, bass, other, vocals are all stems of dsp: leave one"),
        (["--without", "drums", "--sum", "off"], "--without drums: --sum off shares nothing"),
        (["--without", "drums", "--two-stems", "bass"], "--without drums cannot go with --two-stems bass"),
    ],
)
@pytest.mark.parametrize("named", [["one.wav"], ["one.wav", "two.wav"]])
def test_what_cannot_be_left_out_is_one_line_before_the_work(named: list[str], wrong: list[str], said: str) -> None:
    done = _run("separate", *named, "-m", "dsp", *wrong)
    assert isinstance(done.exception, ModelError)
    assert str(done.exception).startswith(said)
    assert "\n" not in str(done.exception)
    assert not list(Path().glob("*.stemrack*"))
