"""Every `stemrack` line of docs/listen.md works as it stands, and makes the files that the page names."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from plugin_host.cli.app import app

pytest.importorskip("matplotlib", reason="the optional extra `plots` is not installed")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "listen.md"
RATE = 22050


def shown_commands(text: str) -> list[list[str]]:
    """The `stemrack` commands of the shell blocks; those inside a loop are indented, and left out."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return [shlex.split(line)[1:] for line in blocks.splitlines() if line.startswith("stemrack ")]


def test_the_commands_make_what_the_page_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STEMRACK_PRESETS", str(tmp_path / "own"))
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.flac", np.random.default_rng(1).normal(0, 0.1, (6 * RATE, 2)), RATE)
    text = PAGE.read_text(encoding="utf-8")
    for command in shown_commands(text):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (command, done.output, done.exception)
    named = re.findall(r"(?m)^\| `(listen[^`]*)` \|", text)
    assert len(named) >= 5
    assert [name for name in named if not Path(name).exists()] == []
    assert Path("listen-stems.webp").stat().st_size < 200_000
