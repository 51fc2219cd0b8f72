"""Killed at any moment, a job leaves nothing, something resumable or a complete session, never half of one."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from separation_core.errors import NotASession
from separation_core.sessions.locking import lock_path
from separation_core.sessions.store import open_session, partial_path

MakeSong = Callable[..., Path]

KILLS = 12
REPEATED_KILLS = 5
FORCED_KILLS = 6
RATE = 11_025
FRAMES = 12 * RATE


@dataclass(frozen=True)
class Undisturbed:
    """What a job gives that nobody kills: its files, and how often it reported."""

    files: dict[str, bytes]
    reports: int


@pytest.fixture(scope="module")
def song(make_shared_song: MakeSong) -> Path:
    return make_shared_song(frames=FRAMES, rate=RATE)


@pytest.fixture(scope="module")
def undisturbed(runner: Any, song: Path) -> Undisturbed:
    folder = song.parent / "whole" / "a.stemrack"
    return Undisturbed(reports=len(runner.run(song, folder)) - 1, files=_samples(folder))


def _samples(folder: Path) -> dict[str, bytes]:
    """Every file of a complete session but the manifest, which holds the time, and the user's mix."""
    open_session(folder)
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".toml"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _kill_after(runner: Any, song: Path, folder: Path, reports: int, delay: float, *, force: bool = False) -> None:
    """Kill a job `delay` seconds after so many progress reports, or find it ended before."""
    job, step = runner.start(song, folder, force=force), {}
    for _ in range(reports):
        step = runner.next()
        if "status" in step:
            return
    time.sleep(delay)
    with suppress(ProcessLookupError):  # it was just done
        os.kill(job, signal.SIGKILL)
    runner.finish()


def _state(folder: Path, expected: dict[str, bytes]) -> str:
    if folder.exists():
        assert _samples(folder) == expected
        return "complete"
    with pytest.raises(NotASession):
        open_session(folder)
    return "partial" if partial_path(folder).exists() else "absent"


def test_a_killed_job_is_never_half_done_and_goes_on_with_the_same_samples(
    runner: Any, song: Path, undisturbed: Undisturbed, fast_folder: Path
) -> None:
    expected, states, chance = undisturbed.files, set(), np.random.default_rng(1)
    for kill in range(KILLS):
        folder = fast_folder / f"kill{kill}" / "a.stemrack"
        _kill_after(runner, song, folder, round(undisturbed.reports * kill / (KILLS - 1)), chance.uniform(0, 0.02))
        states.add(_state(folder, expected))
        assert all("error" not in step for step in runner.run(song, folder))
        assert _samples(folder) == expected
        # Killed between the last rename and letting go, the empty lock file stays; it holds nobody up.
        assert {path.name for path in folder.parent.iterdir()} <= {folder.name, lock_path(folder).name}
        shutil.rmtree(folder)
        lock_path(folder).unlink(missing_ok=True)
    assert "partial" in states


def test_a_job_killed_again_and_again_goes_forward(
    runner: Any, song: Path, undisturbed: Undisturbed, fast_folder: Path
) -> None:
    folder = fast_folder / "killed" / "a.stemrack"
    for kill in range(REPEATED_KILLS):
        _kill_after(runner, song, folder, undisturbed.reports * kill // REPEATED_KILLS, 0.01)
    assert all("error" not in step for step in runner.run(song, folder))
    assert _samples(folder) == undisturbed.files


def test_a_killed_redo_leaves_the_old_session_or_the_new_one(runner: Any, song: Path, fast_folder: Path) -> None:
    folder, chance = fast_folder / "redone" / "a.stemrack", np.random.default_rng(2)
    reports = len(runner.run(song, folder)) - 1
    expected = _samples(folder)
    (folder / "mix.toml").write_text("mine", encoding="ascii")
    for kill in range(FORCED_KILLS):
        early = FORCED_KILLS - 1 - kill
        _kill_after(runner, song, folder, reports - early, chance.uniform(0, 0.02), force=True)
        assert _samples(folder) == expected
        assert (folder / "mix.toml").read_text(encoding="ascii") == "mine"
    assert all("error" not in step for step in runner.run(song, folder, force=True))
    assert (folder / "mix.toml").read_text(encoding="ascii") == "mine"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("share", [0.3, 1.2, 5.0])
def test_a_full_disk_is_told_and_what_was_done_is_kept(
    runner: Any, song: Path, undisturbed: Undisturbed, fast_folder: Path, share: float
) -> None:
    """share: of a decoded song, the largest file that may be written; beyond 1 the raw stems are what fails."""
    folder = fast_folder / "full" / "a.stemrack"
    told = runner.run(song, folder, largest_file=int(share * FRAMES * 8))
    errors = [step for step in told if "error" in step]
    assert [error["error"] for error in errors] == (["WriteFailed"] if share < 2 else [])
    assert all("\n" not in error["text"] and str(folder.parent) in error["text"] for error in errors)
    assert partial_path(folder).exists() is (1 < share < 2)
    assert all("error" not in step for step in runner.run(song, folder))
    assert _samples(folder) == undisturbed.files


def test_memory_does_not_grow_with_the_song(runner: Any, make_song: MakeSong, fast_folder: Path) -> None:
    """Each further minute is 4 MB of decoded song and 12 MB of stems here; none of that may be held.

    Freed memory that piles up in between is given back in larger portions.
    """
    peaks = []
    for minutes in (1, 4):
        song = make_song(f"{minutes}.wav", frames=minutes * 60 * 8000, rate=8000)
        steps = runner.run(song, fast_folder / f"minutes{minutes}" / "a.stemrack")
        assert all("error" not in step for step in steps)
        peaks.append(steps[-1]["rss"] / 1024)
    assert peaks[1] < peaks[0] + 32
