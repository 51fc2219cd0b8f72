"""What lies where a session shall be: the wanted session, nothing, or something that must not be touched."""

from pathlib import Path

from separation_core.errors import NotASession, SessionError
from separation_core.jobs.part import Part
from separation_core.sessions.manifest import MANIFEST_NAME
from separation_core.sessions.store import Session, open_session, previous_path


def session_name(song: str, part: Part) -> str:
    """The folder's name for the session of a song, such as "song.stemrack" or, for a part, "song-30s-60s.stemrack"."""
    return f"{song}-{part.label}.stemrack" if part.label else f"{song}.stemrack"


def session_there(target: Path, key: str) -> Session | None:
    """The session at `target` where it has that content key, None where the place is free.

    `SessionError` where another session is there, `NotASession` where other files are.
    """
    refuse_foreign_files(target)
    if not (target / MANIFEST_NAME).exists() and not previous_path(target).exists():
        return None
    session = open_session(target)
    if session.manifest.key != key:
        raise SessionError(
            f"{target} holds a session of another song, part, model or settings: "
            "choose another folder with -o, or --force to replace it"
        )
    return session


def refuse_foreign_files(target: Path) -> None:
    """`NotASession` where `target` is a file or a folder of other things: those are never replaced."""
    if target.exists() and not target.is_dir():
        raise NotASession(f"{target} is a file: choose another folder with -o")
    if target.is_dir() and not (target / MANIFEST_NAME).exists() and any(target.iterdir()):
        raise NotASession(f"{target} holds other files and no session: choose another folder with -o")
