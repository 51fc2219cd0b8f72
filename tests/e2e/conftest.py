"""A short song and the command line, run as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_host.demo.compose import RATE, compose

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def short_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds from the middle of the demo's song, as FLAC."""
    path = tmp_path_factory.mktemp("song") / "song.flac"
    mix = np.sum(list(compose().values()), axis=0)[:, 10 * RATE : 17 * RATE]
    soundfile.write(path, mix.T, RATE, "PCM_24")
    return path


@pytest.fixture
def stemrack(tmp_path: Path) -> Run:
    """Run `stemrack ARGUMENTS` in the test's folder; its presets and cache are the test's own."""
    return runner(tmp_path)


@pytest.fixture(scope="session")
def separated(short_song: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The short song's session, made once through the command line; copy it before changing anything."""
    folder = tmp_path_factory.mktemp("separated")
    done = runner(folder)("separate", str(short_song), "-o", "song.stemrack")
    assert done.returncode == 0, done.stderr
    return folder / "song.stemrack"


def runner(folder: Path) -> Run:
    environment = os.environ | {"STEMRACK_CACHE": str(folder / "cache"), "STEMRACK_PRESETS": str(folder / "own")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from plugin_host.cli import main; main()", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder, env=environment, timeout=240
        )

    return run
