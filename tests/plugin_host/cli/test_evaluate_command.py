"""`stemrack evaluate` as a user runs it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import typer
from typer.testing import CliRunner, Result

from plugin_host.cli import evaluate
from separation_core.errors import SeparationError, SongUnreadable
from separation_core.models.classical import ClassicalSeparator
from separation_core.zoo.built_in import built_in

RATE = 16000


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Two songs of two seconds with two stems each."""
    random = np.random.default_rng(3)
    for song in ("one", "two"):
        (tmp_path / "true" / song).mkdir(parents=True)
        for stem in ("bass", "vocals"):
            samples = random.normal(0, 0.1, (2 * RATE, 2))
            soundfile.write(tmp_path / "true" / song / f"{stem}.wav", samples, RATE)
    return tmp_path / "true"


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    evaluate.register(app)
    return CliRunner().invoke(app, ["evaluate", *(str(argument) for argument in arguments)])


def test_estimates_are_told_as_tables_with_their_definitions(truth: Path) -> None:
    done = run(truth, truth)
    assert done.exit_code == 0, done.output
    for text in ("one", "two", "2 songs", "MDX SDR", "SIR", "BSSEval v4 as museval", "median over songs"):
        assert text in done.stdout


def test_json_and_files_hold_the_same(truth: Path, tmp_path: Path) -> None:
    done = run(truth, truth, "--no-museval", "--json", "-o", tmp_path / "s.json", "-o", tmp_path / "s.csv")
    found = json.loads(done.stdout)
    assert found == json.loads((tmp_path / "s.json").read_text())
    assert [song["name"] for song in found["songs"]] == ["one", "two"]
    assert "sir" not in found["summary"]["bass"]
    assert (tmp_path / "s.csv").read_text().count("\n") == 5


def test_a_model_separates_the_mixtures_here(truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    done = run(truth, "--model", "dsp", "--keep", tmp_path / "kept", "--no-museval", "--json")
    assert done.exit_code == 0, done.output
    stems = json.loads(done.stdout)["songs"][0]["stems"]
    assert set(stems) == {"drums", "bass", "other", "vocals"}
    assert set(stems["drums"]) == {"leak"}
    again = json.loads(run(truth, tmp_path / "kept", "--no-museval", "--json").stdout)
    assert again["songs"][0]["stems"] == stems


def test_where_another_session_is_kept_it_is_said_what_to_do(
    truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    keep = ("--model", "dsp", "--no-museval", "--keep", tmp_path / "kept")
    assert run(truth / "one", *keep).exit_code == 0
    refused = run(truth / "one", *keep, "--sum", "off")
    assert isinstance(refused.exception, SeparationError)
    assert "one.stemrack holds a session of another" in str(refused.exception)
    assert "in evaluate, --keep" in str(refused.exception)
    shutil.rmtree(tmp_path / "kept" / "one.stemrack")
    assert run(truth / "one", *keep, "--sum", "off").exit_code == 0


def test_songs_left_out_are_told(truth: Path, tmp_path: Path) -> None:
    (tmp_path / "est").mkdir()
    (truth / "one").rename(tmp_path / "est/one")
    (truth / "one").mkdir()
    for stem in (tmp_path / "est/one").iterdir():
        (truth / "one" / stem.name).write_bytes(stem.read_bytes())
    done = run(truth, tmp_path / "est", "--no-museval")
    assert done.exit_code == 0
    assert "1 of 2 songs have no estimates and are left out: two" in done.stderr


def test_a_song_that_is_no_sound_is_left_out_and_told(truth: Path, tmp_path: Path) -> None:
    shutil.copytree(truth, tmp_path / "est")
    broken = tmp_path / "est" / "one" / "bass.wav"
    broken.write_text("la la la")
    done = run(truth, tmp_path / "est", "--no-museval", "--json")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"left out: {broken}")
    assert [song["name"] for song in json.loads(done.stdout)["songs"]] == ["two"]
    shutil.rmtree(truth / "two")
    assert isinstance(run(truth, tmp_path / "est", "--no-museval").exception, SongUnreadable)


def test_a_mixture_that_is_no_sound_is_left_out_and_told(
    truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    (truth / "one" / "mixture.wav").write_text("la la la")
    done = run(truth, "-m", "dsp", "--no-museval", "--json")
    assert done.exit_code == 1
    assert [song["name"] for song in json.loads(done.stdout)["songs"]] == ["two"]


def test_memory_that_is_short_is_told(truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    answer, spec = ClassicalSeparator.__call__, ClassicalSeparator.spec

    def too_large(self: ClassicalSeparator, mix: torch.Tensor) -> torch.Tensor:
        if mix.shape[-1] == spec.segment + 2 * spec.context:
            raise torch.OutOfMemoryError
        return answer(self, mix)

    monkeypatch.setattr(ClassicalSeparator, "__call__", too_large)
    assert "too little memory" in run(truth, "-m", "dsp", "--no-museval").stderr


def test_names_of_stems_are_shown_as_they_are(truth: Path, tmp_path: Path) -> None:
    for song in ("one", "two"):
        (truth / song / "bass.wav").rename(truth / song / "[b] $^$.wav")
    done = run(truth, truth, "--no-museval", "-o", tmp_path / "scores.png")
    assert done.exit_code == 0
    assert "[b] $^$" in done.stdout
    assert (tmp_path / "scores.png").stat().st_size > 1000


@pytest.mark.parametrize("extra", [[], ["EST", "--model", "dsp"], ["EST", "--keep", "K"]])
def test_wrong_usage_is_exit_code_2(truth: Path, extra: list[str]) -> None:
    assert run(truth, *extra).exit_code == 2


def test_sessions_cannot_be_kept_in_a_file(truth: Path) -> None:
    done = run(truth, "--model", "dsp", "--keep", truth / "one" / "bass.wav")
    assert done.exit_code == 2
    assert "is a file" in done.stderr


def test_an_impossible_file_is_refused_before_the_work(truth: Path, tmp_path: Path) -> None:
    done = run(truth, truth, "-o", tmp_path / "scores.xls")
    assert isinstance(done.exception, SeparationError)
    assert "no known ending" in str(done.exception)


def test_groups_are_averaged_by_themselves(truth: Path) -> None:
    done = run(truth, truth, "--no-museval", "--group", "o", "--group", "tw")
    assert done.exit_code == 0
    assert "o…, 1 song" in done.stdout
    assert "tw…, 1 song" in done.stdout
    found = json.loads(run(truth, truth, "--no-museval", "--group", "o", "--json").stdout)
    one = found["songs"][0]["stems"]["bass"]["mdx_sdr"]
    assert found["groups"]["o"]["bass"]["mdx_sdr"] == {"mean": one, "median": one, "songs": 1}
    for song in ("one", "two"):  # told before any of them is looked at
        (truth / song / "bass.wav").write_text("la la la")
    assert run(truth, truth, "--group", "three").exit_code == 2


def test_what_is_hardly_heard_can_be_left_out(truth: Path, tmp_path: Path) -> None:
    # -45 dBFS: under the limit of -40, far above silence.
    soundfile.write(truth / "one" / "bass.wav", np.random.default_rng(5).normal(0, 10**-2.25, (2 * RATE, 2)), RATE)
    with_it = json.loads(run(truth, truth, "--no-museval", "--json").stdout)["songs"][0]["stems"]
    without = json.loads(run(truth, truth, "--no-museval", "--json", "--audible", "-40").stdout)
    assert set(with_it["bass"]) == {"mdx_sdr", "si_sdr"}
    assert without["songs"][0]["stems"] == with_it | {"bass": {}}
    assert "-40 dBFS" in without["audible"]
    assert without["summary"]["bass"]["mdx_sdr"]["songs"] == 1
    nothing = run(truth, truth, "--no-museval", "--audible", "0", "-o", tmp_path / "nothing.png")
    assert nothing.exit_code == 0


def test_a_models_quality_is_told(truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    done = run(truth, "--model", "default", "--no-museval", "--json", "--quality", "high")
    assert json.loads(done.stdout)["model"] == built_in().default
    assert json.loads(done.stdout)["settings"] == "--sum residual --overlap 0.5 --shifts 2 --precision auto"
    assert "quality high: 3 ×" in done.stderr
