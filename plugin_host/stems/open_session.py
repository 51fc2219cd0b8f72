"""A session folder as the host sees it: its stems by name, ready to be read in blocks."""

from dataclasses import dataclass
from pathlib import Path

from plugin_host.errors import HostError, MixError
from plugin_host.stems.reader import StemReader
from separation_core.errors import SeparationError
from separation_core.sessions.manifest import MANIFEST_NAME, read_manifest
from separation_core.sessions.store import Session, open_session
from separation_core.units import Frames, Hertz


@dataclass(frozen=True, slots=True)
class HostSession:
    """A session whose files are all stereo, at one rate (Hz) and of one length (frames). Holds no file open."""

    session: Session

    @property
    def folder(self) -> Path:
        """The session folder, absolute."""
        return self.session.folder

    @property
    def rate(self) -> Hertz:
        """Sample rate of every file."""
        return self.session.manifest.rate

    @property
    def frames(self) -> Frames:
        """Length of every file."""
        return self.session.manifest.frames

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the stems, in the model's order."""
        return self.session.stem_names

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that makes the session, and the song it came from: what must never be written over."""
        stems = (self.session.stem_path(name) for name in self.stems)
        source = Path(self.session.manifest.source.path)
        return (self.folder / MANIFEST_NAME, self.session.song_path, *stems, source)

    def open_stem(self, name: str) -> StemReader:
        """A reader of one stem, to be closed by the caller; `MixError` lists the stems there are."""
        if name not in self.stems:
            raise MixError(f"{self.folder} has no stem {name!r}: there are {', '.join(self.stems)}")
        return StemReader(self.session.stem_path(name), self.rate, self.frames)

    def open_song(self) -> StemReader:
        """A reader of the song as it was before it was separated, to be closed by the caller."""
        return StemReader(self.session.song_path, self.rate, self.frames)


def open_for_host(folder: Path) -> HostSession:
    """Open the session at `folder`; `HostError` where there is none, or one that is broken, newer or being written."""
    try:
        return HostSession(open_session(folder))
    except SeparationError as error:
        raise HostError(str(error)) from error


def reopen_for_host(folder: Path) -> HostSession:
    """As `open_for_host`, for a show that must go on: files that are missing or damaged are found when opened."""
    try:
        return HostSession(Session(folder.absolute(), read_manifest(folder)))
    except SeparationError as error:
        raise HostError(str(error)) from error
