"""Using what was prepared before in another folder: a copy instead of hours of separation."""

import os
import shutil
from pathlib import Path

from separation_core.jobs.watch import Stage, Watch
from separation_core.sessions.durable import sync_folder, write_errors
from separation_core.sessions.manifest import write_manifest
from separation_core.sessions.store import Session


def session_bytes(session: Session) -> int:
    """Bytes of the session's song and stems."""
    return sum(path.stat().st_size for path in _files(session))


def copy_session(session: Session, folder: Path, watch: Watch) -> None:
    """Copy song, stems and, last, the manifest into `folder`; what users added to the session stays behind."""
    done, total = 0, session_bytes(session)
    for path in _files(session):
        _copy_durably(path, folder / path.relative_to(session.folder))
        done += path.stat().st_size
        watch.step(Stage.COPY, done, total)
    write_manifest(folder, session.manifest)


def _copy_durably(source: Path, target: Path) -> None:
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        with target.open("rb+") as stream:
            os.fsync(stream.fileno())
        sync_folder(target.parent)


def _files(session: Session) -> list[Path]:
    return [session.song_path, *(session.stem_path(name) for name in session.stem_names)]
