"""The partial folder: where a session is built, and what is known to be finished in it."""

import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from separation_core.errors import SessionError
from separation_core.sessions.durable import write_errors, write_text_durably
from separation_core.sessions.manifest import read_manifest
from separation_core.sessions.store import SONG_FILE, STEMS_FOLDER, partial_path


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths inside `NAME.stemrack.partial`. Everything in `work` is removed before the session is put in place."""

    folder: Path

    @property
    def work(self) -> Path:
        """Intermediate files and the records of what is finished."""
        return self.folder / "work"

    @property
    def song(self) -> Path:
        """The decoded song, or the part of it that the session holds."""
        return self.folder / SONG_FILE

    @property
    def whole_song(self) -> Path:
        """All of the decoded song, where the session holds only a part."""
        return self.work / "whole-song.wav"

    @property
    def stems(self) -> Path:
        """The folder of finished stems."""
        return self.folder / STEMS_FOLDER

    @property
    def model_song(self) -> Path:
        """The song at the model's rate."""
        return self.work / "model-rate.wav"

    @property
    def raw_stems(self) -> Path:
        """The stems at the model's rate as they come out of the model."""
        return self.work / "stems.f32"

    def record(self, name: str, values: dict[str, Any]) -> None:
        """Note durably that a stage is finished, or how far it is."""
        write_text_durably(self.work / f"{name}.toml", tomli_w.dumps(values))

    def recorded(self, name: str) -> dict[str, Any]:
        """What was noted, empty where nothing was."""
        try:
            return tomllib.loads((self.work / f"{name}.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def is_complete(self, key: str) -> bool:
        """Whether the session was finished here and only has to be put in place."""
        try:
            return read_manifest(self.folder).key == key
        except SessionError:
            return False

    def bytes_used(self) -> int:
        """Bytes of all files in the partial folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def remove_work(self) -> None:
        """Drop the intermediate files."""
        with write_errors(self.work):
            if self.work.exists():
                shutil.rmtree(self.work)

    def discard(self) -> None:
        """Drop everything; the next run begins at the beginning."""
        with write_errors(self.folder):
            if self.folder.exists():
                shutil.rmtree(self.folder)


def open_workspace(folder: Path, key: str) -> Workspace:
    """The workspace for the session at `folder`: what an earlier run left for the same key, else an empty one."""
    space = Workspace(partial_path(folder))
    if not space.is_complete(key) and space.recorded("job").get("key") != key:
        space.discard()
        with write_errors(space.folder):
            space.work.mkdir(parents=True)
        space.record("job", {"key": key})
    _drop_temporary_files(space.folder)
    return space


def _drop_temporary_files(folder: Path) -> None:
    """Remove what a killed writer left: every temporary file is hidden, no file that counts is."""
    with write_errors(folder):
        for path in list(folder.rglob(".*")):
            if not path.is_dir():  # some network disks keep hidden folders of their own everywhere
                path.unlink()
