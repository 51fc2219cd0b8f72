"""Writing so that a killed process or a power cut leaves the old state or the new one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from separation_core.errors import WriteFailed


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one line naming `path`, the reason and the remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise WriteFailed(f"cannot write {path}: {reason}: free some space or choose another folder") from error


def write_text_durably(path: Path, text: str) -> None:
    """Replace `path` by `text` (UTF-8) through a temporary file in the same folder. `WriteFailed` names the path."""
    with write_errors(path):
        # Not `tempfile`: its files are for one user only, and a session may be shared.
        temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
        try:
            with temporary.open("x", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` outlast a power cut, where the platform can open a folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
