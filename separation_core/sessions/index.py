"""Finding a session again by what is in it: a per-user index from content key to session folders.

It is a cache: one small file for each (key, folder), replaced atomically, so that writers never meet. Entries that
lead nowhere are passed over (their disk may be back tomorrow), and where the cache cannot be written sessions are just
not found again from other folders.
"""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from platformdirs import user_cache_path

from separation_core.errors import SeparationError
from separation_core.sessions.durable import write_text_durably
from separation_core.sessions.store import Session, open_session

CACHE_VARIABLE = "STEMRACK_CACHE"
"""Environment variable that puts the cache into another folder."""


def cache_folder() -> Path:
    """`STEMRACK_CACHE` where set, else the platform's cache folder for this user."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else user_cache_path("stemrack", appauthor=False)


def remember(session: Session) -> None:
    """Note where the session lies; a cache that cannot be written is no reason to fail."""
    folder = str(session.folder)
    entries = _entries(session.manifest.key)
    name = sha256(os.fsencode(folder)).hexdigest()[:32]
    with suppress(OSError, SeparationError, UnicodeError):
        entries.mkdir(parents=True, exist_ok=True)
        write_text_durably(entries / name, folder)


def find(key: str) -> Session | None:
    """A complete session with that content key, the latest noted first; None where there is none any more."""
    for entry in _newest_first(_entries(key)):
        session = _session_at(entry, key)
        if session:
            return session
    return None


def _entries(key: str) -> Path:
    return cache_folder() / "sessions" / key


def _newest_first(entries: Path) -> list[Path]:
    try:
        found = [(entry.stat().st_mtime_ns, entry) for entry in entries.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return []
    return [entry for _, entry in sorted(found, reverse=True)]


def _session_at(entry: Path, key: str) -> Session | None:
    try:
        session = open_session(Path(entry.read_text(encoding="utf-8")))
    except (OSError, UnicodeError, ValueError, SeparationError):
        return None
    return session if session.manifest.key == key else None
