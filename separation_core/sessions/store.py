"""Session folders on disk: opened with every file checked, put in place in one step, recovered after a kill.

Beside `NAME.stemrack` there may lie, only while a job runs or after it was killed:
`NAME.stemrack.partial`    the next session being built; a rerun goes on from it
`.NAME.stemrack.previous`  the session being replaced by `--force`, until the new one is in place
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from separation_core.audio.reading import describe_song
from separation_core.errors import AudioError, ManifestInvalid, NotASession
from separation_core.sessions.durable import sync_folder, write_errors
from separation_core.sessions.locking import writer_lock
from separation_core.sessions.manifest import MANIFEST_NAME, Manifest, StemRecord, read_manifest

STEMS_FOLDER = "stems"
SONG_FILE = "song.wav"
_OURS = frozenset({MANIFEST_NAME, SONG_FILE, STEMS_FOLDER})


@dataclass(frozen=True, slots=True)
class Session:
    """A complete session. `folder` is absolute; all its files are stereo, at one rate and of one length."""

    folder: Path
    manifest: Manifest

    @property
    def stem_names(self) -> tuple[str, ...]:
        """The stems in the model's order."""
        return tuple(stem.name for stem in self.manifest.stems)

    @property
    def song_path(self) -> Path:
        """The song as decoded: stereo float32 at its own rate."""
        return self.folder / self.manifest.song.file

    def stem_path(self, name: str) -> Path:
        """The file of one stem; `NotASession` lists the stems there are."""
        for stem in self.manifest.stems:
            if stem.name == name:
                return self.folder / stem.file
        raise NotASession(f"{self.folder} has no stem {name!r}: there are {', '.join(self.stem_names)}")


def open_session(folder: Path) -> Session:
    """The session at `folder`, its manifest checked field by field and against the headers of its files.

    Errors: `NotASession`, `ManifestInvalid`, `ManifestTooNew`; `SessionBusy` where a replacement that was cut short
    must be recovered first and another process is at it.
    """
    folder = folder.absolute()
    if previous_path(folder).exists():
        with writer_lock(folder):
            recover(folder)
    session = Session(folder, _read(folder))
    for record in (session.manifest.song, *session.manifest.stems):
        problem = file_problem(session, record)
        if problem:
            raise ManifestInvalid(f"{folder / MANIFEST_NAME}: {problem}; separate the song again with --force")
    return session


def file_problem(session: Session, record: StemRecord) -> str:
    """What is wrong with one file of a session, judged by its place and header; empty where nothing is."""
    path = session.folder / record.file
    if not path.resolve().is_relative_to(session.folder.resolve()):
        return f"{record.file} is a link that leads out of the session folder"
    if not path.is_file():
        return f"{record.file} is missing or not a file"
    try:
        info = describe_song(path)
    except AudioError as error:
        return f"{record.file} cannot be read: {error}"
    found, wanted = (info.channels, info.rate, info.frames), (2, session.manifest.rate, record.frames)
    if found != wanted:
        return f"{record.file} has (channels, rate, frames) {found} where the manifest says {wanted}"
    return ""


def partial_path(folder: Path) -> Path:
    """Where the next session for `folder` is built."""
    return folder.with_name(f"{folder.name}.partial")


def previous_path(folder: Path) -> Path:
    """Where the session in `folder` waits while the next one takes its place.

    Hidden, so that it is never a copy somebody made by hand: `recover` removes it.
    """
    return folder.with_name(f".{folder.name}.previous")


def put_in_place(folder: Path) -> None:
    """Make the finished partial folder the session at `folder`; call under its `writer_lock`.

    What users keep in the old session (their mix, bounces) moves to the new one. Killed at any point, `recover`
    leads back to the old session or on to the new one.
    """
    partial = partial_path(folder)
    with write_errors(folder):
        _sync_tree(partial)
        if folder.is_dir():
            if any(folder.iterdir()):
                folder.rename(previous_path(folder))
            else:
                folder.rmdir()
        partial.rename(folder)
        sync_folder(folder.parent)
        recover(folder)


def recover(folder: Path) -> None:
    """Finish or undo a replacement that was cut short; nothing where none was. Call under the `writer_lock`."""
    previous = previous_path(folder)
    if not previous.exists():
        return
    with write_errors(folder):
        if folder.exists():
            _keep_what_users_added(previous, folder)
            shutil.rmtree(previous)
        else:
            previous.rename(folder)
        sync_folder(folder.parent)


def _keep_what_users_added(old: Path, new: Path) -> None:
    for entry in old.iterdir():
        if entry.name not in _OURS and not os.path.lexists(new / entry.name):
            entry.rename(new / entry.name)
    sync_folder(new)


def _sync_tree(folder: Path) -> None:
    for inner in folder.iterdir():
        if inner.is_dir():
            sync_folder(inner)
    sync_folder(folder)


def _read(folder: Path) -> Manifest:
    try:
        return read_manifest(folder)
    except NotASession as error:
        if partial_path(folder).is_dir():
            raise NotASession(
                f"{folder} is not finished: run the same separate command again and it goes on where it stopped"
            ) from error
        raise
