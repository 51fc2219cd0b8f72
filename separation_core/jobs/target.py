"""What lies where a session shall be: the wanted session, nothing, or something that must not be touched."""

import os
from pathlib import Path

from separation_core.errors import NotASession, SessionError
from separation_core.jobs.part import Part
from separation_core.sessions.durable import write_errors
from separation_core.sessions.manifest import MANIFEST_NAME
from separation_core.sessions.store import Session, open_session, previous_path

LONGEST_NAME = 255
"""Bytes that the usual file systems allow."""
_ELSEWHERE = "choose another folder with -o (in evaluate, --keep)"


def session_name(song: str, part: Part) -> str:
    """The folder's name for the session of a song, such as "song.stemrack" or, for a part, "song-30s-60s.stemrack"."""
    return f"{song}-{part.label}.stemrack" if part.label else f"{song}.stemrack"


def session_folder(folder: Path) -> Path:
    """Where the session at `folder` lies: absolute, and where that is a link, what it leads to.

    `SessionError` where it has no name, as the root has none, or one that leaves no room for those of the files beside
    it.
    """
    folder = folder.absolute()
    if not folder.name:
        raise SessionError(f"{folder} cannot be a session: choose a folder in it with -o")
    if len(os.fsencode(previous_path(folder).name)) > LONGEST_NAME:
        raise SessionError(f"{folder.name} is too long a name for a session: choose a shorter one with -o")
    with write_errors(folder):
        return folder.resolve() if folder.is_symlink() else folder


def session_there(target: Path, key: str) -> Session | None:
    """The session at `target` where it has that content key, None where the place is free.

    `SessionError` where another session is there, `NotASession` where other files are.
    """
    with write_errors(target):
        refuse_foreign_files(target)
        if not (target / MANIFEST_NAME).exists() and not previous_path(target).exists():
            return None
    session = open_session(target)
    if session.manifest.key != key:
        raise SessionError(
            f"{target} holds a session of another song, part, model or settings: "
            f"{_ELSEWHERE}, remove this one, or let separate replace it with --force"
        )
    return session


def refuse_foreign_files(target: Path) -> None:
    """`NotASession` where `target` is a file or a folder of other things: those are never replaced."""
    if target.exists() and not target.is_dir():
        raise NotASession(f"{target} is a file: {_ELSEWHERE}")
    if target.is_dir() and not (target / MANIFEST_NAME).exists() and any(target.iterdir()):
        raise NotASession(f"{target} holds other files and no session: {_ELSEWHERE}")
