"""One writer at a time, across processes, and a killed writer's lock is free at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from separation_core.errors import SessionBusy, WriteFailed
from separation_core.sessions.locking import lock_path, writer_lock

HOLD = """
import sys
from pathlib import Path
from separation_core.sessions.locking import writer_lock
with writer_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_told_who_holds_it(tmp_path: Path) -> None:
    folder = tmp_path / "a.stemrack"
    with _holder(folder) as process:
        with (
            pytest.raises(SessionBusy, match=rf"a\.stemrack is being written by process {process.pid}"),
            writer_lock(folder),
        ):
            pass
        process.communicate("")
    with writer_lock(folder):
        assert lock_path(folder).is_file()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_holds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a.stemrack"
    with _holder(folder) as process:
        process.kill()
        process.wait()
    assert lock_path(folder).is_file()
    with writer_lock(folder):
        pass
    assert not lock_path(folder).exists()


def test_a_place_that_cannot_hold_a_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(WriteFailed, match="file"), writer_lock(tmp_path / "file" / "a.stemrack"):
        pass
