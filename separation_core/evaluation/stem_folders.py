"""Which files are whose: folders of true stems, and the estimates that belong to them.

A song is a folder with one audio file per stem, named after it, and perhaps `mixture`, as in MUSDB18-HQ. A folder of
songs holds such folders, also one level deeper (`test/`, `train/`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from separation_core.errors import SeparationError
from separation_core.sessions.manifest import MANIFEST_NAME
from separation_core.sessions.store import open_session

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3", ".opus", ".m4a")
MIXTURE = "mixture"
USUAL_STEMS = ("drums", "bass", "other", "vocals")
IN_OTHER = ("guitar", "piano")
"""What six-stem models tell apart and four true stems do not: scored as part of other where no song has it."""
_SESSION = ".stemrack"
_DEEPEST = 3
_REST = "no_"
_ACCOMPANIMENT = "accompaniment"

Files = Mapping[str, tuple[Path, ...]]
"""Stem to the files whose sum it is; none at all is silence."""


@dataclass(frozen=True, slots=True)
class TrueSong:
    """A song whose stems are known. name: its folder's path below the one that was searched."""

    name: str
    stems: Mapping[str, Path]
    mixture: Path | None


@dataclass(frozen=True, slots=True)
class SongCase:
    """What is needed to score one song. true and estimates have the same stems in the same order."""

    name: str
    true: Files
    estimates: Files
    mixture: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def find_songs(folder: Path) -> tuple[TrueSong, ...]:
    """The songs in `folder`, which may itself be one, by name. SeparationError where there is none."""
    if not folder.is_dir():
        raise SeparationError(f"{folder} is not a folder: name the folder that holds the songs' true stems")
    songs = tuple(_songs_below(folder, folder, _DEEPEST))
    if not songs:
        raise SeparationError(f"{folder} holds no true stems: expected SONG/drums.wav, SONG/bass.wav and so on in it")
    return songs


def _songs_below(folder: Path, top: Path, deeper: int) -> Iterable[TrueSong]:
    files = dict(_stem_files(folder))
    mixture = files.pop(MIXTURE, None)
    if files:
        name = _own_name(folder) if folder == top else folder.relative_to(top).as_posix()
        yield TrueSong(name, files, mixture)
    elif deeper:
        for inner in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
            yield from _songs_below(inner, top, deeper - 1)


def _own_name(folder: Path) -> str:
    """Its name, also where it is given as "." or ".."."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name


def _stem_files(folder: Path) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        stem = path.stem.lower()
        if stem in found:
            raise SeparationError(f"{folder} has two files for {stem}, {found[stem].name} and {path.name}: keep one")
        found[stem] = path
    return found


def find_estimates(folder: Path, song: TrueSong, *, only_song: bool) -> Mapping[str, Path] | None:
    """The estimated stems of `song` below `folder`: a folder or a session of its name; None where there is none.

    only_song: `folder` itself may be the estimates, as there is no other song to mistake them for.
    """
    places = [folder / song.name, folder / Path(song.name).name]
    places += [place.with_name(place.name + _SESSION) for place in places]
    for place in ([folder] if only_song else []) + places:
        found = _stems_at(place)
        if found:
            return found
    return None


def _stems_at(place: Path) -> Mapping[str, Path]:
    if not place.is_dir():
        return {}
    if (place / MANIFEST_NAME).exists():
        return session_stems(place)
    return {stem: path for stem, path in _stem_files(place).items() if stem != MIXTURE}


def session_stems(folder: Path) -> Mapping[str, Path]:
    """The stems of a session; errors as in `open_session`."""
    session = open_session(folder)
    return {name.lower(): session.stem_path(name) for name in session.stem_names}


def stem_order(names: Iterable[str]) -> tuple[str, ...]:
    """Drums, bass, other and vocals first, the rest by the alphabet."""
    rank = {name: place for place, name in enumerate(USUAL_STEMS)}
    return tuple(sorted(set(names), key=lambda name: (rank.get(name, len(rank)), name)))


def make_case(
    song: TrueSong, estimates: Mapping[str, Path], known: Iterable[str], wanted: Iterable[str] | None = None
) -> SongCase:
    """Pair the true stems of `song` with its estimates.

    known: the stems that any song of the set has, so that one missing here is silent. wanted: the stems that are
    estimated anywhere in the set, so that one missing here was estimated as silence. As in `museval`, stems that
    nobody estimates are no source of interference. Estimates of `IN_OTHER` without true stems are added to other.
    SeparationError where true and estimated stems share no name.
    """
    known = set(known) | set(USUAL_STEMS)
    parts, folded = _folded({stem: (path,) for stem, path in estimates.items()}, known)
    wanted = set(_folded(dict.fromkeys(wanted or (), ()), known)[0]) | set(parts)
    true = {stem: _true_files(song, stem) for stem in stem_order(wanted) if stem in known or _is_rest(stem, song)}
    if not any(true.values()):
        raise SeparationError(
            f"{song.name}: true stems {', '.join(song.stems)} and estimates {', '.join(sorted(estimates))} have no "
            "name in common: rename the files"
        )
    warnings = [f"{song.name}: no estimate of {stem}, taken as silence" for stem in true if stem not in parts]
    warnings += [f"{song.name}: {stem} has no true stem and is scored as part of other" for stem in folded]
    unknown = sorted(set(parts) - set(true))
    warnings += [f"{song.name}: {stem} has no true stem anywhere in the set and is not scored" for stem in unknown]
    guesses = {stem: parts.get(stem, ()) for stem in true}
    mixture = (song.mixture,) if song.mixture else tuple(song.stems.values())
    return SongCase(song.name, true, guesses, mixture, tuple(warnings))


def _folded(parts: Files, known: Iterable[str]) -> tuple[Files, tuple[str, ...]]:
    """The parts with those of `IN_OTHER` that are not known added to other, and which these are."""
    folded = tuple(stem for stem in IN_OTHER if stem in parts and stem not in known)
    if not folded:
        return parts, ()
    kept = {stem: files for stem, files in parts.items() if stem not in folded}
    return kept | {"other": kept.get("other", ()) + tuple(file for stem in folded for file in parts[stem])}, folded


def make_cases(songs: Sequence[TrueSong], estimates: Path) -> tuple[tuple[SongCase, ...], tuple[str, ...]]:
    """All `songs` that have estimates below `estimates`, and the names of those that have none.

    SeparationError where no song has any.
    """
    if not estimates.is_dir():
        raise SeparationError(f"{estimates} is not a folder: name the folder that holds the separated songs")
    found = {song.name: find_estimates(estimates, song, only_song=len(songs) == 1) for song in songs}
    wanted = {stem for stems in found.values() for stem in stems or ()}
    if not wanted:
        raise SeparationError(
            f"{estimates} holds no estimates of {songs[0].name} or any other song: expected "
            f"{Path(songs[0].name).name}/vocals.wav or {Path(songs[0].name).name}{_SESSION} in it"
        )
    known = {stem for song in songs for stem in song.stems}
    cases = [make_case(song, stems, known, wanted) for song in songs if (stems := found[song.name])]
    return tuple(cases), tuple(name for name, stems in found.items() if not stems)


def _true_files(song: TrueSong, stem: str) -> tuple[Path, ...]:
    if stem in song.stems or not _is_rest(stem, song):
        return (song.stems[stem],) if stem in song.stems else ()
    return tuple(path for name, path in song.stems.items() if name != _left_out(stem))


def _is_rest(stem: str, song: TrueSong) -> bool:
    """Whether `stem` means everything but one stem, as two-stem separations name it."""
    return stem not in song.stems and (stem == _ACCOMPANIMENT or stem.startswith(_REST))


def _left_out(stem: str) -> str:
    return "vocals" if stem == _ACCOMPANIMENT else stem.removeprefix(_REST)
