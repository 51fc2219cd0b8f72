"""The wheel carries everything: packages, presets, licence, models, and the command."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.sessions.manifest import read_manifest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return next(folder.glob("stemrack-*.whl"))


def test_the_wheel_holds_packages_presets_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {str(path.relative_to(ROOT / "presets")) for path in (ROOT / "presets").rglob("*.toml")}
    assert shipped
    assert {f"plugin_host/shipped_presets/{name}" for name in shipped} <= names
    assert {"separation_core/py.typed", "plugin_host/py.typed", "plugin_host/cli/app.py"} <= names
    zoo = ROOT / "separation_core" / "zoo"
    data = {str(path.relative_to(ROOT)) for path in (*zoo.glob("*.toml"), *zoo.glob("weights/*"))}
    assert data <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_presets_are_found_when_only_the_wheel_is_there(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import plugin_host, plugin_host.mix.presets as p; from pathlib import Path;"
        f"assert Path(plugin_host.__file__).is_relative_to({str(tmp_path)!r});"
        "print(len(p.find_library(lambda effect: None).files(p.PresetKind.SCENE)))"
    )
    environment = {"PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert int(done.stdout) >= 8


def test_its_weights_separate_where_nothing_else_is(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    soundfile.write(tmp_path / "song.wav", np.random.default_rng(1).normal(0, 0.1, (60_000, 2)), 48_000)

    def stemrack(*arguments: str) -> str:
        command = [sys.executable, "-c", "from plugin_host.cli import main; main()", *arguments]
        environment = os.environ | {"PYTHONPATH": str(site), "STEMRACK_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = json.loads(stemrack("separate", "song.wav", "--json"))
    assert (made["model"], made["rate"]) == ("stemrack_v1", 48_000)
    assert re.search(r" silent -\d+ dB$", read_manifest(Path(made["session"])).model.version)
    shown = stemrack("models", "show", "default", "--markdown")
    assert shown == (ROOT / "docs" / "default-model.md").read_text(encoding="utf-8")
    assert all(author in shown for author in ("Lars Muldjord", "Emanuel Rumpf", "Frank Wen"))
