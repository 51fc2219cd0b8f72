"""A disk that refuses: no permission to write or read, and one that another program fills up half way."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from separation_core.sessions.store import open_session, partial_path

MakeSong = Callable[..., Path]
NOBODY = 65534
"""Whom jobs run as where the tests' own user, root, is denied nothing."""


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that anybody may enter and write to."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)  # noqa: S103, PTH101  another user is to work in it
        yield Path(folder)


@pytest.fixture
def user() -> int | None:
    """The user that jobs run as: None for the tests' own."""
    return NOBODY if os.geteuid() == 0 else None


def _public(song: Path, folder: Path) -> Path:
    copy = shutil.copy(song, folder / "song.wav")
    return Path(copy)


def test_a_folder_that_may_not_be_written_is_told(
    runner: Any, make_song: MakeSong, shared_folder: Path, user: int | None
) -> None:
    denied = shared_folder / "denied"
    denied.mkdir()
    denied.chmod(0o555)
    told = runner.run(_public(make_song(), shared_folder), denied / "a.stemrack", user=user)
    (error,) = (step for step in told if "error" in step)
    assert error["error"] == "WriteFailed"
    assert str(denied) in error["text"]
    assert "\n" not in error["text"]
    assert list(denied.iterdir()) == []


def test_a_song_that_may_not_be_read_is_told(
    runner: Any, make_song: MakeSong, shared_folder: Path, user: int | None
) -> None:
    song = _public(make_song(), shared_folder)
    song.chmod(0)
    told = runner.run(song, shared_folder / "out" / "a.stemrack", user=user)
    (error,) = (step for step in told if "error" in step)
    assert (error["error"], str(song) in error["text"]) == ("SongUnreadable", True)


def test_a_session_in_a_folder_that_may_only_be_read_is_found_again(
    runner: Any, make_song: MakeSong, shared_folder: Path, user: int | None
) -> None:
    song, folder = _public(make_song(), shared_folder), shared_folder / "mine" / "a.stemrack"
    assert all("error" not in step for step in runner.run(song, folder))
    for path in [folder.parent, *folder.parent.rglob("*")]:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    told = runner.run(song, folder, user=user)
    assert all("error" not in step and step.get("step") != "separate" for step in told)
    for path in [folder.parent, *folder.parent.rglob("*")]:
        path.chmod(0o755)


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no small disk can be mounted here: that takes Linux and its administrator")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(disk: Path) -> Path:
    """Write zeros until the disk is full."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while stream.write(bytes(1 << 12)):
                pass
        except OSError:
            return filler
    raise AssertionError("the disk has no end")


def test_a_disk_that_fills_up_stops_the_job_which_goes_on_when_there_is_room(
    runner: Any, make_song: MakeSong, tmp_path: Path
) -> None:
    song = make_song(frames=12 * 11_025, rate=11_025)
    with _small_disk(tmp_path / "disk", 16) as disk:
        folder = disk / "out" / "a.stemrack"
        job = runner.start(song, folder)
        while runner.next()["step"] != "resample":
            pass
        os.kill(job, signal.SIGSTOP)
        filler = _fill(disk)
        os.kill(job, signal.SIGCONT)
        (error,) = (step for step in runner.finish() if "error" in step)
        assert error["error"] == "WriteFailed"
        assert "\n" not in error["text"]
        assert partial_path(folder).exists()
        filler.unlink()
        told = runner.run(song, folder)
        assert all("error" not in step and step.get("step") != "decode" for step in told)
        assert open_session(folder).stem_names == ("bass", "vocals", "other")


def test_a_disk_that_is_too_small_is_told_before_the_work(runner: Any, make_song: MakeSong, tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk", 3) as disk:
        told = runner.run(make_song(frames=12 * 11_025, rate=11_025), disk / "a.stemrack")
    (error,) = (step for step in told if "error" in step)
    assert error["error"] == "WriteFailed"
    assert "MB needed" in error["text"]
    assert not any(step.get("step") == "decode" for step in told)


def test_a_disk_that_takes_not_even_the_lock_is_told(runner: Any, make_song: MakeSong, tmp_path: Path) -> None:
    told = runner.run(make_song(), tmp_path / "a.stemrack", largest_file=1)
    (error,) = (step for step in told if "error" in step)
    assert error["error"] == "WriteFailed"
    assert not (tmp_path / ".a.stemrack.lock").exists()


LOOK_FOR_SONGS = """
import os, sys
from pathlib import Path
from separation_core.errors import SongUnreadable
from separation_core.jobs.songs import find_songs
if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
try:
    find_songs([Path(sys.argv[1])], recursive=True)
except SongUnreadable as error:
    print(error)
"""


def test_a_folder_that_may_not_be_entered_is_told(make_song: MakeSong, shared_folder: Path, user: int | None) -> None:
    _public(make_song(), shared_folder)
    (shared_folder / "lost+found").mkdir(mode=0)
    arguments = [shared_folder] if user is None else [shared_folder, str(user)]
    told = subprocess.run([sys.executable, "-c", LOOK_FOR_SONGS, *arguments], stdout=subprocess.PIPE, check=True)
    assert b"lost+found: Permission denied: check the folder's permissions" in told.stdout
