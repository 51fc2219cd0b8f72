"""Published checkpoints on this machine: found, fetched once by whoever asks first, and known to be the right ones.

Files lie in the platform's cache folder for this user (`STEMRACK_CACHE` overrides it), under the publisher's name.
Beside each lies a stamp with its checksum, size and time, so that a gigabyte is hashed once and not on every use. An
unfinished download has another name and is renamed only when its checksum fits.
"""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from separation_core.errors import Cancelled, ModelError, WriteFailed
from separation_core.sessions.durable import sync_folder, write_errors, write_text_durably
from separation_core.sessions.index import CACHE_VARIABLE, cache_folder
from separation_core.zoo.cards import CheckpointCard
from separation_core.zoo.transfer import Cancel, Progress, TransferLimits, download, forget

OFFLINE_VARIABLE = "STEMRACK_OFFLINE"
"""Environment variable that forbids downloads, unless it is empty or 0."""
_BLOCK = 1 << 20


class NotDownloadedError(ModelError):
    """A checkpoint that is not on this machine and cannot be fetched now."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What hashing a file anew said.

    ok: it is what was published. first: nobody published a checksum, and it is as it was when it came here. missing:
    not here. damaged: `sha256` is not the one expected.
    """

    file: str
    state: Literal["ok", "first", "missing", "damaged"]
    sha256: str = ""


def checkpoints_folder() -> Path:
    """Where downloaded checkpoints lie; it need not exist yet."""
    return cache_folder() / "models"


def is_offline() -> bool:
    """Whether the environment forbids downloads."""
    return os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0")


def find(card: CheckpointCard) -> Path | None:
    """The checkpoint's file if it is here and known to be the right one; a file without a stamp is hashed once.

    Raises ModelError for a file that cannot be read, NotDownloadedError for a folder that cannot be looked into.
    """
    path = checkpoints_folder() / card.file
    if not _is_file(path):
        return None
    digest = _stamped(path)
    if digest is None:
        digest = sha256_of(path)
        # A file that someone put here is as good as a downloaded one if its checksum fits, and nothing otherwise.
        if not (card.sha256 or card.sha256_prefix) or not card.accepts(digest):
            return None
        with suppress(WriteFailed):  # a cache that others keep may be read-only: then it is hashed at every use
            _stamp(path, digest)
    return path if card.accepts(digest) else None


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError as error:  # no permission, or a file where the folder should be
        remedy = f"check its permissions, or name another cache folder in {CACHE_VARIABLE}"
        raise NotDownloadedError(f"{path.parent} cannot be looked into ({error.strerror}): {remedy}") from error


def digest_of(path: Path) -> str:
    """SHA-256 of a file that `find` or `fetch` gave."""
    return _stamped(path) or sha256_of(path)


def fetch(
    card: CheckpointCard,
    *,
    offline: bool | None = None,
    limits: TransferLimits | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Path:
    """The checkpoint's file, downloaded if it is not here; of several processes one downloads and the others wait.

    offline: never download; None asks the environment. Raises NotDownloadedError saying why no address gave the right
    file, WriteFailed, and Cancelled (what came is kept for the next try).
    """
    found = find(card)
    if found:
        return found
    if is_offline() if offline is None else offline:
        raise NotDownloadedError(f"{card.file} is not on this machine and stemrack is offline: {_by_hand(card)}")
    folder = checkpoints_folder()
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f".{card.file}.lock", cancelled):
        return find(card) or _download(card, folder / card.file, limits, progress, cancelled)


def adopt(card: CheckpointCard, source: Path) -> Path:
    """Put a local copy of the checkpoint where a download would have put it. The caller has checked its checksum."""
    folder = checkpoints_folder()
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f".{card.file}.lock", None):
        path, partial = folder / card.file, _partial(folder / card.file)
        forget(partial)
        with write_errors(path), source.open("rb") as original, partial.open("wb") as copy:
            shutil.copyfileobj(original, copy, _BLOCK)
        finish(partial, path, sha256_of(partial))
        return path


def verify(card: CheckpointCard) -> Verification:
    """Hash the checkpoint's file anew and compare it with the published checksum, else with its stamp."""
    path = checkpoints_folder() / card.file
    if not _is_file(path) or not (card.sha256 or card.sha256_prefix):
        return verify_stamp(path)
    digest = sha256_of(path)
    return Verification(card.file, "ok" if card.accepts(digest) else "damaged", digest)


def verify_stamp(path: Path) -> Verification:
    """Hash a file anew and compare it with its stamp."""
    if not path.is_file():
        return Verification(path.name, "missing")
    digest = sha256_of(path)
    return Verification(path.name, "first" if _stamp_of(path).get("sha256") == digest else "damaged", digest)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises ModelError for what is no file, or cannot be read."""
    if path.exists() and not path.is_file():
        # Opening a pipe would wait for ever, and a device may never end.
        raise ModelError(f"{path} is a folder, pipe or device, not a file: name a checkpoint")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): check its name and permissions") from error


def _download(
    card: CheckpointCard, path: Path, limits: TransferLimits | None, progress: Progress | None, cancelled: Cancel | None
) -> Path:
    partial, troubles = _partial(path), []
    for url in card.urls:
        try:
            download(url, partial, size=card.size, limits=limits, progress=progress, cancelled=cancelled)
            digest = sha256_of(partial)
            if card.accepts(digest):
                finish(partial, path, digest)
                return path
            forget(partial)
            troubles.append(f"{url} gives other bytes (SHA-256 {digest[:8]}…)")
        except Cancelled:
            raise
        except ModelError as error:
            troubles.append(str(error))
    raise NotDownloadedError(f"cannot download {card.file}: {'; '.join(troubles)}: {_by_hand(card)}")


def _by_hand(card: CheckpointCard) -> str:
    # Only a checksum tells that a file is this one.
    named = "" if card.sha256 else ", which gives it a name of its own"
    return f"fetch {card.urls[0]} by hand and give it to `stemrack models add`{named}, or choose another model"


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def finish(partial: Path, path: Path, digest: str) -> None:
    """Rename a whole file to its name and stamp it; a killed process leaves all of it or nothing."""
    with write_errors(path):
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    forget(partial)
    _stamp(path, digest)


def _stamp_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.stamp")


def _stamp(path: Path, digest: str) -> None:
    state = path.stat()
    stamp = {"sha256": digest, "size": state.st_size, "mtime_ns": state.st_mtime_ns}
    write_text_durably(_stamp_path(path), json.dumps(stamp))


def _stamp_of(path: Path) -> dict[str, object]:
    with suppress(OSError, ValueError):
        stamp = json.loads(_stamp_path(path).read_text(encoding="utf-8"))
        if isinstance(stamp, dict):
            return stamp
    return {}


def _stamped(path: Path) -> str | None:
    """The checksum in the file's stamp, None where there is none or the file was touched since."""
    stamp, state = _stamp_of(path), path.stat()
    fresh = (stamp.get("size"), stamp.get("mtime_ns")) == (state.st_size, state.st_mtime_ns)
    return str(stamp["sha256"]) if fresh and stamp.get("sha256") else None


@contextmanager
def _locked(path: Path, cancelled: Cancel | None) -> Iterator[None]:
    """Be the only process that fetches this file; wait for another one that does, as long as that takes.

    The lock is the operating system's and goes with a killed process. Its file stays: it is empty, and removing it
    while another process waits for it would let two in.
    """
    lock = FileLock(path)
    with write_errors(path):
        while True:
            if cancelled and cancelled():
                raise Cancelled("download stopped; the same command goes on from here")
            with suppress(Timeout):
                lock.acquire(timeout=0.5)
                break
    try:
        yield
    finally:
        lock.release()
