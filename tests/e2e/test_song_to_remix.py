"""The main job through the real command line: song → session → remix → files that hold what they promise."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Run = Callable[..., subprocess.CompletedProcess[str]]


def read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


@pytest.fixture
def session(separated: Path, tmp_path: Path) -> Path:
    """A session of the test's own."""
    return Path(shutil.copytree(separated, tmp_path / "song.stemrack"))


def test_stems_sum_to_the_song(session: Path, short_song: Path) -> None:
    stems = [read(path) for path in sorted((session / "stems").iterdir())]
    assert len(stems) == 4
    assert np.abs(np.sum(stems, axis=0) - read(short_song)).max() < 1e-6


def test_the_same_song_is_found_again(session: Path, short_song: Path, stemrack: Run) -> None:
    again = stemrack("separate", str(short_song), "-o", "song.stemrack", "--json")
    assert json.loads(again.stdout)["found_again"] is True


def test_check_finds_the_session_sound_and_a_damaged_one_broken(session: Path, stemrack: Run) -> None:
    assert stemrack("check", str(session)).returncode == 0
    stem = session / "stems" / "bass.wav"
    samples, rate = soundfile.read(stem, dtype="float32")
    soundfile.write(stem, samples * 0.5, rate, "FLOAT")
    done = stemrack("check", str(session), "--json")
    assert done.returncode == 1
    assert any("miss the song" in finding["message"] for finding in json.loads(done.stdout)["findings"])


def test_a_plain_bounce_is_the_song_and_karaoke_is_not(
    session: Path, short_song: Path, stemrack: Run, tmp_path: Path
) -> None:
    plain = stemrack("bounce", str(session), "-o", "plain.wav", "--plain", "--no-limiter")
    assert plain.returncode == 0, plain.stderr
    song = read(short_song)
    assert np.abs(read(tmp_path / "plain.wav")[:, : song.shape[1]] - song).max() < 1e-6
    karaoke = stemrack("bounce", str(session), "-o", "karaoke.wav", "--scene", "karaoke", "--no-limiter")
    assert karaoke.returncode == 0, karaoke.stderr
    vocals = read(session / "stems" / "vocals.wav")
    assert np.abs(read(tmp_path / "karaoke.wav")[:, : song.shape[1]] - (song - vocals)).max() < 1e-6


def test_faders_are_kept_with_save(session: Path, stemrack: Run, tmp_path: Path) -> None:
    done = stemrack("bounce", str(session), "--gain", "bass=-6", "--mute", "vocals", "--save", "-o", "a.wav", "--json")
    assert done.returncode == 0, done.stderr
    again = stemrack("bounce", str(session), "-o", "b.wav")
    assert again.returncode == 0, again.stderr
    assert np.array_equal(read(tmp_path / "a.wav"), read(tmp_path / "b.wav"))
    assert "muted" in stemrack("info", str(session)).stdout


def test_nothing_is_overwritten_unless_asked(session: Path, stemrack: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(b"precious")
    done = stemrack("bounce", str(session), "-o", "mine.wav")
    assert (done.returncode, (tmp_path / "mine.wav").read_bytes()) == (1, b"precious")
    assert stemrack("bounce", str(session), "-o", "mine.wav", "--force").returncode == 0


def test_a_broken_mix_names_file_line_and_field(session: Path, stemrack: Run) -> None:
    (session / "mix.toml").write_text('format = 1\n\n[[tracks]]\nstem = "vocals"\ngain_db = "loud"\n')
    done = stemrack("bounce", str(session), "-o", "x.wav")
    assert done.returncode == 1
    assert "mix.toml, line 5" in done.stderr
    assert "gain_db" in done.stderr


def test_the_demo_makes_what_it_says(stemrack: Run, tmp_path: Path) -> None:
    done = stemrack("demo", "-o", "demo", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["sum_error"]["peak_db"] < -120
    assert set(result["sdr"]) == {"drums", "bass", "other", "vocals"}
    assert np.mean(list(result["sdr"].values())) > 1.0
    assert all((tmp_path / path).exists() for path in result["files"].values())
    assert (tmp_path / "demo" / "overview.png").read_bytes().startswith(b"\x89PNG")
