"""`stemrack models` and its commands, over a catalogue that needs no network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from click.testing import Result
from typer.testing import CliRunner

from plugin_host.cli import models
from separation_core.errors import ModelError
from separation_core.models.scnet import Scnet, ScnetConfig
from separation_core.zoo.built_in import built_in
from separation_core.zoo.catalogue import catalogue

PAGE = Path(__file__).resolve().parents[3] / "docs" / "default-model.md"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STEMRACK_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("STEMRACK_OFFLINE", "1")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    models.register(app)
    return CliRunner().invoke(app, ["models", *arguments])


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    network = Scnet(ScnetConfig(dims=(4, 8, 8), conv_depths=(1, 1, 1), paths=2))
    path = tmp_path / "my_scnet.ckpt"
    torch.save(network.state_dict(), path)
    return path


def test_the_list_names_every_model_with_its_licence_and_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    text = run().output
    for name, card in catalogue().items():
        line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
        assert ("non-commercial" in line) == (card.commercial_use == "no")
        assert ("use not stated" in line) == (card.commercial_use == "unstated")
        assert not card.scores or card.scores[0].definition in line or "MDX" in line
    assert "dsp" in text
    assert "only numbers of the same definition" in text


def test_the_list_as_json_has_the_cards_in_full() -> None:
    listed: list[dict[str, Any]] = json.loads(run("--json").output)
    by_name = {entry["name"]: entry for entry in listed}
    assert set(by_name) == {*built_in().cards, *catalogue()}
    assert [name for name, entry in by_name.items() if entry.get("default")] == [built_in().default]
    bag = by_name["htdemucs_ft"]
    assert bag["here"] is False
    assert bag["members"][0]["weights"] == [1.0, 0.0, 0.0, 0.0]
    assert bag["members"][0]["checkpoint"]["sha256"].startswith("ba3fe64a")


def test_a_model_of_ones_own_comes_and_goes(checkpoint: Path) -> None:
    added = run("add", str(checkpoint), "--stems", "a, b,c,d")
    assert added.exit_code == 0
    assert "my_scnet: scnet, a, b, c, d" in added.output
    assert "my_scnet" in run().output
    assert json.loads(run("show", "my_scnet", "--json").output)["stems"] == ["a", "b", "c", "d"]
    assert "as it came" in run("verify").output
    assert run("remove", "my_scnet").exit_code == 0
    assert "my_scnet" not in run().output


def test_a_file_that_is_not_as_it_was_is_told(checkpoint: Path, tmp_path: Path) -> None:
    run("add", str(checkpoint), "--name", "mine")
    stored = tmp_path / "models" / "mine.safetensors"
    data = bytearray(stored.read_bytes())
    data[-1] ^= 1
    stored.write_bytes(data)
    verified = run("verify")
    assert verified.exit_code == 1
    assert "damaged" in verified.output
    assert f"`stemrack models add {checkpoint.name} --name mine` takes it again" in verified.output
    assert json.loads(run("verify", "--json").output)["mine"][0]["state"] == "damaged"


def test_verifying_a_named_model_that_is_not_here_is_exit_code_1() -> None:
    missing = run("verify", "htdemucs")
    assert missing.exit_code == 1
    assert "not here" in missing.output
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_card_can_be_shown(name: str) -> None:
    shown = run("show", name)
    assert shown.exit_code == 0
    assert catalogue()[name].members[0].checkpoint.file.split("-")[0] in shown.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", "htdemucs"], "offline"),
        (["get", "htdemuc"], "did you mean htdemucs"),
        (["show", "htdemuc"], "did you mean htdemucs"),
        (["verify", "htdemuc"], "did you mean htdemucs"),
        (["remove", "htdemucs"], "no model of yours"),
        (["add", "nowhere.ckpt"], "nowhere.ckpt"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments: list[str], said: str) -> None:
    failed = run(*arguments)
    assert isinstance(failed.exception, ModelError)
    assert said in str(failed.exception)
    assert "\n" not in str(failed.exception)


def test_a_built_in_model_is_already_here() -> None:
    assert "built in" in run("get", "dsp").output
    assert "dsp: ✓ built in" in run("verify", "dsp").output


def test_the_default_can_be_shown_by_either_name() -> None:
    name = built_in().default
    assert run("show", "default", "--json").output == run("show", name, "--json").output
    assert json.loads(run("show", name, "--json").output)["licence"].startswith("CC-BY-4.0")
    assert f"{name} (default)" in run().output
    shown = run("show", "default").output
    assert all(text in shown for text in ("MDX SDR", "real time", "Limits", "Made from"))


def test_the_page_of_the_default_model_is_current() -> None:
    current = PAGE.read_text(encoding="utf-8") == run("show", "default", "--markdown").output
    assert current, "write it anew: stemrack models show default --markdown > docs/default-model.md"


def test_only_built_in_models_have_a_page() -> None:
    failed = run("show", "htdemucs", "--markdown")
    assert isinstance(failed.exception, ModelError)


def test_listing_loads_no_torch() -> None:
    code = (
        "import sys, typer\nfrom plugin_host.cli import models\napp = typer.Typer()\napp.callback()(lambda: None)\n"
        "models.register(app)\ntry:\n    app(['models'])\nexcept SystemExit:\n    pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr


def test_a_file_in_the_folders_place_is_told_once_and_the_rest_is_listed(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    (tmp_path / "models").write_text("no folder")
    for arguments in ((), ("--json",)):
        done = run(*arguments)
        assert done.exit_code == 0
        assert all(name in done.stdout for name in ("dsp", *catalogue()))
        cache, own = done.stderr.splitlines()
        assert cache.startswith(f"{tmp_path}/cache/models cannot be looked into")
        assert own.startswith(f"{tmp_path}/models, for models of yours, cannot be listed")
    assert [entry["here"] for entry in json.loads(done.stdout) if entry["kind"] == "published"] == [False] * len(
        catalogue()
    )


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_model_is_shown_where_its_file_cannot_be_read(more: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    shown = run("show", "htdemucs", *more)
    assert shown.exit_code == 0
    assert "htdemucs" in shown.stdout
    assert shown.stderr.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="this system has no user ids")
def test_what_one_may_not_look_into_is_told_and_the_rest_is_listed(tmp_path: Path) -> None:
    code = (  # run twice: another user may be unable to load what the first time loads
        "import os, sys\n"
        "from typer.testing import CliRunner\n"
        "from plugin_host.cli.app import app\n"
        "CliRunner().invoke(app, ['models'])\n"
        "os.getuid() or os.setuid(65534)\n"
        "done = CliRunner().invoke(app, ['models'])\n"
        "sys.stdout.write(done.stdout), sys.stderr.write(done.stderr), sys.exit(done.exit_code)"
    )
    for folder in (tmp_path / "cache" / "models", tmp_path / "models"):
        folder.mkdir(parents=True)
        folder.chmod(0)
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    finally:
        for folder in (tmp_path / "cache" / "models", tmp_path / "models"):
            folder.chmod(0o755)
    assert done.returncode == 0
    assert "htdemucs" in done.stdout
    assert [line.partition(" cannot be ")[2].partition(":")[0] for line in done.stderr.splitlines()] == [
        "looked into (Permission denied)",
        "listed (Permission denied)",
    ]


def test_an_unknown_model_is_shown_the_nearest_of_all_there_are() -> None:
    failed = run("show", "stemrack_v2")
    assert isinstance(failed.exception, ModelError)
    assert "did you mean stemrack_v1" in str(failed.exception)
