"""Which songs a listener means by files and folders, and what their sessions are called."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from separation_core.errors import SongUnreadable
from separation_core.sessions.manifest import MANIFEST_NAME

_UNCOMPRESSED = frozenset({".wav", ".wave", ".rf64", ".w64", ".bwf", ".aif", ".aiff", ".aifc", ".caf", ".au"})
_COMPRESSED = frozenset({".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2"})
_MEDIA = frozenset({".m4a", ".m4b", ".mp4", ".m4v", ".mov", ".aac", ".mka", ".mkv", ".webm", ".wma"})
SONG_SUFFIXES = _UNCOMPRESSED | _COMPRESSED | _MEDIA
"""What a file in a folder must end in, in any case, to be taken for a song; a file named by itself is always tried."""
_SESSION_SUFFIXES = (".stemrack", ".stemrack.partial")

LeaveOut = Callable[[Path, SongUnreadable], None]


def find_songs(
    paths: Iterable[Path], *, recursive: bool = False, leave_out: LeaveOut | None = None
) -> tuple[Path, ...]:
    """The songs that `paths` mean, each once, in the order of `paths`; those of a folder sorted by name.

    A file is a song, whether it is there or not. Of a folder it is the audio files right in it, or with `recursive`
    also those in the folders below; hidden files, links to folders and sessions are passed over. leave_out: called with
    each folder below that cannot be read, and why; then it is passed over too. SongUnreadable for any other folder that
    cannot be read, is a session, or holds no songs.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for song in _songs_in(path, leave_out, recursive=recursive) if path.is_dir() else (path,):
            found.setdefault(Path(os.path.realpath(song)), song)
    return tuple(found.values())


def _songs_in(folder: Path, leave_out: LeaveOut | None, *, recursive: bool) -> list[Path]:
    if (folder / MANIFEST_NAME).exists():
        raise SongUnreadable(f"{folder} is a session, not a song: give the song it was made from")
    songs = list(_walk(folder, leave_out, recursive=recursive))
    if not songs:
        remedy = "give another" if recursive else "give another, or --recursive to look into the folders below"
        raise SongUnreadable(f"{folder} is a folder without songs: {remedy}")
    return songs


def _walk(folder: Path, leave_out: LeaveOut | None, *, recursive: bool) -> Iterator[Path]:
    shown = [entry for entry in _entries(folder) if not entry.name.startswith(".")]
    for entry in shown:
        if Path(entry.name).suffix.lower() in SONG_SUFFIXES and _may_be_file(entry):
            yield folder / entry.name
    for entry in shown if recursive else ():
        below = folder / entry.name
        if not entry.is_dir(follow_symlinks=False) or _is_session(below):
            continue
        try:
            yield from _walk(below, leave_out, recursive=True)
        except SongUnreadable as error:
            if leave_out is None:
                raise
            leave_out(below, error)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in the folder, by name."""
    try:
        return sorted(os.scandir(folder), key=lambda entry: (entry.name.casefold(), entry.name))
    except OSError as error:
        raise SongUnreadable(f"{folder}: {error.strerror}: check the folder's permissions") from error


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle, say: why it cannot be read is told when its turn comes
        return True


def _is_session(folder: Path) -> bool:
    with suppress(OSError):  # of a folder that may not be entered its owner is told when it is walked
        return folder.name.endswith(_SESSION_SUFFIXES) or (folder / MANIFEST_NAME).exists()
    return False


def distinct_names(songs: Sequence[Path]) -> tuple[str, ...]:
    """A name for each song's session, no two alike, not even where case does not count.

    It is the file's name without its suffix; where songs share that, they keep the suffix (a.flac, a.mp3), and where
    they share that too, the folders above are put before it as far as need be (cd1-a, cd2-a).
    """
    detail = [0] * len(songs)
    while True:
        names = [_name(song, place, more) for place, (song, more) in enumerate(zip(songs, detail, strict=True))]
        count = Counter(name.casefold() for name in names)
        shared = [place for place, name in enumerate(names) if count[name.casefold()] > 1]
        if not shared:
            return tuple(names)
        for place in shared:
            detail[place] += 1


def _name(song: Path, place: int, detail: int) -> str:
    depth, with_suffix = divmod(detail, 2)
    above = song.absolute().parent.parts[1:]
    name = song.name if with_suffix else song.stem
    if depth > len(above):
        return f"{name}-{place + 1}"
    return "-".join((*above[len(above) - depth :], name))
