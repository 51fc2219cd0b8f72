"""Whether a path leads to a file that can be opened at all, asked before any decoder touches it."""

import stat
from pathlib import Path

from separation_core.errors import SongUnreadable


def require_regular_file(path: Path) -> int:
    """Return the size in bytes of the readable, non-empty regular file at `path`; SongUnreadable says what it is.

    The kind is asked before opening: opening a pipe without a writer would wait for ever, and a device may never end.
    """
    try:
        status = path.stat()
        _refuse_other_kinds(path, status.st_mode)
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise SongUnreadable(f"{path} does not exist; check its name and folder") from None
    except PermissionError:
        raise SongUnreadable(f"{path} may not be read by this user; change its permissions or its owner") from None
    except OSError as error:
        raise SongUnreadable(f"{path} cannot be opened ({error.strerror}); check its name and folder") from None
    except ValueError as error:  # a NUL character in the name
        raise SongUnreadable(f"{str(path)!r} cannot name a file ({error}); check its name") from None
    if status.st_size == 0:
        raise SongUnreadable(f"{path} is empty (0 bytes); copy or export it again")
    return status.st_size


def _refuse_other_kinds(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise SongUnreadable(f"{path} is a folder, not a song; name one of the files in it")
    if not stat.S_ISREG(mode):
        raise SongUnreadable(f"{path} is a pipe, socket or device, not a file; save the audio to a file first")
