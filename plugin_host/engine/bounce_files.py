"""Where a bounce goes: safe names, and nothing of the session written over."""

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from plugin_host.errors import BounceError
from plugin_host.mix.state import Mix
from separation_core.audio.writing import SampleFormat

LONGEST_NAME = 60


class TrackFiles(StrEnum):
    """Which per-track files a bounce writes beside the mix.

    wet: each track as it goes into the master (chain, gain, pan, polarity, mute, solo); together they sum to what the
    master chain hears. dry: the stems as they are. All have the length and the start of the mix.
    """

    NONE = "none"
    WET = "wet"
    DRY = "dry"
    BOTH = "both"


def mix_target(out: Path, fmt: SampleFormat, protected: Iterable[Path]) -> Path:
    """`out` if a mix in this format may be written there; `BounceError` if not."""
    extension = f".{fmt.extension}"
    if out.is_dir():
        raise BounceError(f"{out} is a directory: name a file, such as {out / f'remix{extension}'}")
    if out.suffix.lower() != extension:
        raise BounceError(f"{out}: {fmt.value} is written as {extension}: name it {out.stem}{extension}")
    if not out.parent.is_dir():
        raise BounceError(f"{out}: there is no folder {out.parent}: make it first")
    return unprotected(out, protected)


def track_folder(out: Path) -> Path:
    """The folder beside the mix file that takes the per-track files."""
    return out.with_name(f"{out.stem}-tracks")


def track_targets(out: Path, mix: Mix, fmt: SampleFormat, *, dry: bool, protected: Iterable[Path]) -> list[Path]:
    """One path per track: numbered, so that no two names can meet, and safe on every file system."""
    folder, protected = track_folder(out), list(protected)
    if folder.exists() and not folder.is_dir():
        raise BounceError(f"{folder} is a file: move it away, the tracks go into a folder of that name")
    ending = f"-dry.{fmt.extension}" if dry else f".{fmt.extension}"
    paths = [folder / f"{number:02d}-{safe_name(track.name)}{ending}" for number, track in enumerate(mix.tracks, 1)]
    return [unprotected(path, protected) for path in paths]


def safe_name(name: str) -> str:
    """A track's name as part of a file name: letters, digits, space, dot, dash and underscore, at most 60 long."""
    plain = unicodedata.normalize("NFC", name)
    return re.sub(r"[^\w .-]+", "_", plain)[:LONGEST_NAME].strip(" .") or "track"


def unprotected(path: Path, protected: Iterable[Path]) -> Path:
    """`path`, unless writing there would destroy one of the protected files (also through a link)."""
    for kept in protected:
        same = path.resolve() == kept.resolve() or (path.exists() and kept.exists() and path.samefile(kept))
        if same:
            raise BounceError(f"{path} is part of the session: choose another name to write to")
    return path
