"""`stemrack picture`: a session as a picture, whole or in part, with or without a remix."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from plugin_host.cli.app import app
from plugin_host.errors import HostError

pytest.importorskip("matplotlib", reason="the optional extra `plots` is not installed")
RATE = 8000


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.wav", np.random.default_rng(1).normal(0, 0.1, (2 * RATE, 2)), RATE)
    assert CliRunner().invoke(app, ["separate", "song.wav", "-m", "dsp"]).exit_code == 0
    return Path("song.stemrack")


def draw(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["picture", *map(str, arguments)])


def size_of(path: Path) -> tuple[int, int]:
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return width, height


def test_song_and_stems_are_drawn_and_the_remix_below(session: Path) -> None:
    done = draw(session, "--width", 500)
    assert done.exit_code == 0, done.output
    assert "song.png" in done.stdout
    assert draw(session, "--remix", "song.wav", "-o", "more.png", "--width", 500).exit_code == 0
    (wide, five), (width, six) = size_of(Path("song.png")), size_of(Path("more.png"))
    assert wide == width == 500
    assert six == pytest.approx(five * 6 / 5, abs=2)


@pytest.mark.parametrize("name", ["x.jpg", "x.webp"])
def test_other_formats_and_parts(name: str, session: Path) -> None:
    assert draw(session, "-o", name, "--from", "0.5", "--to", "1", "--width", 400).exit_code == 0
    assert 2000 < Path(name).stat().st_size < 60_000


def test_a_file_that_is_there_is_not_written_over_unasked(session: Path) -> None:
    Path("song.png").write_text("the cover")
    refused = draw(session, "--width", 400)
    assert isinstance(refused.exception, HostError)
    assert "song.png is there already" in str(refused.exception)
    assert Path("song.png").read_text() == "the cover"
    assert draw(session, "--width", 400, "--force").exit_code == 0
    assert size_of(Path("song.png"))[0] == 400


ON_A_SMALL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
from plugin_host.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on files that Windows lacks")
@pytest.mark.parametrize("picture", ["song.png", "scores.png"])
def test_a_picture_there_is_no_room_for_leaves_the_old_one(picture: str, session: Path) -> None:
    Path(picture).write_text("the old one")
    before = sorted(Path().iterdir())
    command = ["picture", session, "--width", "400", "--force"]
    if picture == "scores.png":
        command = ["evaluate", session / "stems", session / "stems", "--no-museval", "-o", picture]
    failed = subprocess.run([sys.executable, "-c", ON_A_SMALL_DISK, *command], capture_output=True, check=False)
    assert failed.returncode == 1
    assert picture.encode() in failed.stderr.splitlines()[-1]
    assert Path(picture).read_text() == "the old one"
    assert sorted(Path().iterdir()) == before


def test_what_cannot_be_drawn_is_said(session: Path) -> None:
    assert draw(session, "--from", "9").exit_code == 2
    assert draw(session, "--from", "1", "--to", "1").exit_code == 2
    soundfile.write("fast.wav", np.zeros((100, 2)), 44100)
    for wrong in (("-o", "x.txt"), ("-o", "absent/x.png"), ("--remix", "fast.wav")):
        failed = draw(session, *wrong)
        assert isinstance(failed.exception, HostError), failed.output
