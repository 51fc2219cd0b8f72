"""Whatever goes wrong ends as one line on stderr and the right exit code."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

STEMRACK = [sys.executable, "-c", "from plugin_host.cli import main; main()"]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*STEMRACK, *arguments], capture_output=True, text=True, check=False, cwd=cwd, timeout=120)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["separate", "nowhere.wav"], "nowhere.wav"),
        (["separate", "text.wav"], "text.wav"),
        (["separate", "."], "text.wav"),
        (["separate", "text.wav", "-m", "no-such-model"], "no-such-model"),
        (
            ["bounce", "nothing.stemrack"],
            "nothing.stemrack is not a session: it has no session.toml; `stemrack separate SONG` makes one",
        ),
        (["check", "text.wav"], "text.wav"),
        (["info", "text.wav"], "text.wav"),
        (["presets", "karaokee"], "did you mean 'karaoke'?"),
        (["presets", "warm-led"], "did you mean 'warm-lead'?"),
        (["presets", "nothing-like-it"], "wide, wide-chorus"),
        (["effects", "compresor"], "did you mean compressor"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(arguments: list[str], named: str, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is no sound at all\n" * 100)
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("stemrack: ")
    assert done.stderr.count("\n") == 1
    assert named in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["separate"],
        ["frobnicate"],
        ["separate", "song.wav", "--sum", "maybe"],
        ["separate", "song.wav", "--channels", "left"],
        ["separate", "song.wav", "--channels", "²,1"],
        ["bounce", "song.stemrack", "--format", "mp3"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take only names in Unicode")
@pytest.mark.parametrize("encoding", ["ascii", "utf-8:strict"])
def test_what_a_terminal_cannot_show_is_no_error(encoding: str, tmp_path: Path) -> None:
    song = tmp_path / os.fsdecode(b"caf\xe9.wav")
    soundfile.write(os.fsencode(song), np.zeros((8000, 2)), 8000, format="WAV")
    environment = os.environ | {"PYTHONIOENCODING": encoding, "STEMRACK_CACHE": str(tmp_path)}
    done = subprocess.run(
        [*STEMRACK, "separate", song, song, "-m", "dsp"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=environment,
    )  # one line for each song holds an arrow and the name
    assert done.stderr == b""
    assert done.returncode == 0
    assert b"caf\\udce9.wav " in done.stdout


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run("--debug", "info", "nowhere.wav", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("stemrack: ")


@pytest.mark.parametrize("arguments", [["effects"], ["effects", "--json"], ["models", "show", "dsp", "--markdown"]])
def test_a_reader_that_goes_away_is_no_error(arguments: list[str], tmp_path: Path) -> None:
    command = subprocess.Popen([*STEMRACK, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.close()
    assert command.wait(timeout=60) == 0
    assert command.stderr.read() == b""
    command.stderr.close()
