"""`stemrack separate` as it is typed: one song, several, folders, parts; what is printed and how it ends."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from plugin_host.cli.app import app
from plugin_host.cli.times import seconds
from separation_core.errors import ModelError

RATE = 8000
Run = Callable[..., Result]


def _write(path: Path, frames: int, seed: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, (frames, 2)), RATE, subtype="PCM_24")
    return path


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two songs of one and two seconds and one that is none, in a folder; the current folder is beside it."""
    monkeypatch.setenv("STEMRACK_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = tmp_path / "album"
    _write(folder / "one.wav", RATE, 1)
    _write(folder / "two.wav", 2 * RATE, 2)
    (folder / "no song.wav").write_text("la la la\n" * 9, encoding="ascii")
    return folder


@pytest.fixture
def separate() -> Run:
    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["separate", *map(str, arguments)])

    return run


def test_a_session_found_elsewhere_is_told_with_its_folder(
    album: Path, separate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert separate(album / "one.wav", "-m", "dsp").exit_code == 0
    session = Path("one.stemrack").absolute()
    monkeypatch.chdir(album)
    done = separate("one.wav", "-m", "dsp")
    assert not Path("one.stemrack").exists()
    assert f"found again: {session}\n" in done.stdout


def test_a_folder_gives_a_session_of_each_song_and_counts_the_failed(album: Path, separate: Run) -> None:
    done = separate(album, "-o", "out")
    assert done.exit_code == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["one.stemrack", "two.stemrack"]
    told = done.stderr.splitlines()
    assert len(told) == 2
    assert told[0].startswith(f"stemrack: {album / 'no song.wav'}")
    assert told[1] == "stemrack: 1 of 3 songs could not be separated"
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["2/3", "one.wav"], ["3/3", "two.wav"]]
    assert all("drums, bass, other, vocals" in line for line in lines)


def test_of_several_songs_the_one_that_failed_is_named(album: Path, separate: Run) -> None:
    soundfile.write(album / "nine.wav", np.zeros((100, 9)), RATE)
    told = separate(album / "one.wav", album / "nine.wav", "-o", "out").stderr.splitlines()
    assert told[0].startswith(f"stemrack: {album / 'nine.wav'}: the song has 9 channels")


def test_several_songs_as_json_are_a_list(album: Path, separate: Run) -> None:
    done = separate(album / "two.wav", album / "no song.wav", album / "one.wav", "--json")
    two, failed, one = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (two["frames"], one["frames"], one["found_again"]) == (2 * RATE, RATE, False)
    assert (failed["source"], set(failed)) == (str(album / "no song.wav"), {"source", "error", "seconds"})
    again = separate(album / "two.wav", album / "one.wav", "--json")
    assert again.exit_code == 0
    assert [entry["found_again"] for entry in json.loads(again.stdout)] == [True, True]


def test_one_song_is_as_it_always_was(album: Path, separate: Run) -> None:
    done = separate(album / "one.wav", "-o", "mine.stemrack", "--json")
    summary = json.loads(done.stdout)
    assert (done.exit_code, Path(summary["session"]).name, summary["start"]) == (0, "mine.stemrack", 0)
    assert "found again" in separate(album / "one.wav", "-o", "mine.stemrack").stdout


def test_the_device_is_named(album: Path, separate: Run) -> None:
    assert " on cpu" in separate(album / "one.wav", "--device", "cpu").stdout
    again = json.loads(separate(album / "one.wav", album / "two.wav", "--device", "cpu", "--json").stdout)
    assert [entry["device"] for entry in again] == ["cpu", "cpu"]


@pytest.mark.parametrize("wrong", [["--device", "cuda:99"], ["--device", "cpu", "--precision", "half"]])
def test_a_device_that_cannot_do_it_is_told_before_the_work(wrong: list[str], album: Path, separate: Run) -> None:
    done = separate(album / "one.wav", *wrong)
    assert isinstance(done.exception, ModelError)
    assert not list(Path.cwd().iterdir())


def test_recursive_goes_below_and_names_apart(album: Path, separate: Run) -> None:
    _write(album / "live" / "one.wav", RATE, 5)
    (album / "no song.wav").unlink()
    assert separate(album, "-r", "-o", "out").exit_code == 0
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == ["album-one.stemrack", "live-one.stemrack", "two.stemrack"]


@pytest.mark.skipif(sys.platform == "win32", reason="a path too long to be opened is made with Unix calls")
def test_a_folder_below_that_cannot_be_read_is_left_out_and_named(
    album: Path, separate: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album / "no song.wav").unlink()
    here = Path.cwd()
    monkeypatch.chdir(album)
    for _ in range(20):  # not even root can open what has a path of 5000 letters
        Path("a" * 250).mkdir()
        os.chdir("a" * 250)
    os.chdir(here)
    done = separate(album, "-r", "-o", "out", "--json")
    assert done.exit_code == 1
    told = done.stderr.splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"stemrack: {album / ('a' * 250)}")
    left_out, one, two = json.loads(done.stdout)
    assert left_out["source"].startswith(str(album / "a"))
    assert (one["frames"], two["frames"]) == (RATE, 2 * RATE)


def test_a_part_is_said_and_has_the_parts_length(album: Path, separate: Run) -> None:
    done = separate(album / "two.wav", "--from", "0:00.5", "--to", "1.25")
    assert done.exit_code == 0
    assert "the part from 0:00.5 to 0:01.2 of a song of 0:02.0" in done.stdout
    song, _ = soundfile.read("two-0.5s-1.25s.stemrack/song.wav")
    whole, _ = soundfile.read(album / "two.wav")
    np.testing.assert_allclose(song, whole[4000:10_000], atol=1e-7)
    summary = json.loads(separate(album / "two.wav", "--from", ".5", "--to", "0:1.25", "--json").stdout)
    assert (summary["start"], summary["frames"], summary["source_frames"], summary["found_again"]) == (
        4000,
        6000,
        2 * RATE,
        True,
    )


def test_a_folder_named_like_markup_is_shown_as_it_is(album: Path, separate: Run) -> None:
    assert "[bold] x.stemrack" in separate(album / "one.wav", "-o", "[bold] x.stemrack").stdout
    (album / "one.wav").rename("one [live].wav")
    for command in (["info", "one [live].wav"], ["check", "[bold] x.stemrack"]):
        assert CliRunner().invoke(app, command).stdout.startswith(command[1])
    drawn = CliRunner().invoke(app, ["picture", "[bold] x.stemrack"])
    assert "[bold] x.png: " in drawn.stdout


@pytest.mark.parametrize("text", ["1:2:3:4", "x", "", "-1", "nan", "inf", "1::2"])
def test_what_is_no_time_is_wrong_usage(text: str, album: Path, separate: Run) -> None:
    if text:
        done = separate(album / "one.wav", f"--to={text}")
        assert done.exit_code == 2
        assert "--to" in done.stderr
    with pytest.raises(Exception, match="give seconds"):
        seconds(text, "--to")


@pytest.mark.parametrize(
    ("text", "wanted"), [("83", 83.0), ("83.5", 83.5), ("1:23.5", 83.5), ("1:02:03", 3723.0), ("0", 0.0)]
)
def test_times_as_people_write_them(text: str, wanted: float) -> None:
    assert seconds(text, "--to") == wanted
