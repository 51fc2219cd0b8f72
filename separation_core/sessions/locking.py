"""One writer per session: a lock file beside the folder, gone again when the writer is done."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import getpid
from pathlib import Path

from filelock import FileLock, Timeout

from separation_core.errors import SessionBusy
from separation_core.sessions.durable import write_errors


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Be the only writer of the session at `folder`, across processes. `SessionBusy` at once where there is another.

    The lock is the operating system's, so it goes with a killed process; its file only tells who holds it.
    """
    path = lock_path(folder)
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquired(path)
    try:
        with write_errors(path):
            path.write_text(f"{getpid()}\n", encoding="ascii")
        yield
    finally:
        # Removed while still held: whoever opened the old file meanwhile finds it unlinked and tries again. Windows
        # cannot remove an open file and keeps it, which does no harm.
        with suppress(OSError):
            path.unlink()
        lock.release()


def lock_path(folder: Path) -> Path:
    """Where the lock file of a session folder lies: beside it, hidden."""
    return folder.with_name(f".{folder.name}.lock")


def _acquired(path: Path) -> FileLock:
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise SessionBusy(
            f"{path.parent / path.name[1:].removesuffix('.lock')} is being written by {_holder(path)}: "
            "wait for it to finish, or choose another folder"
        ) from error
    return lock


def _holder(path: Path) -> str:
    try:
        return f"process {int(path.read_text(encoding='ascii'))}"
    except (OSError, ValueError):
        return "another process"
