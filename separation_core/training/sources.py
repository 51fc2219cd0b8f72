"""Where training songs come from: composed on the spot, or folders of real stems.

A source gives song number `n` of a stream as a pure function of the seed and `n`, whichever process asks: that is
what lets a resumed run see exactly the data that an undisturbed one would have seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from separation_core.errors import ModelError, SongUnreadable
from separation_core.sessions.manifest import MANIFEST_NAME
from separation_core.sessions.store import STEMS_FOLDER
from separation_core.training.corpus import RATE, STEMS, first_channels, open_corpus, read_clip
from separation_core.training.material import Material, sort_material
from separation_core.training.renderer import render_song

Audio = NDArray[np.float32]
EXTENSIONS = (
    ".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".caf", ".au", ".mp3",
)  # fmt: skip
ALIASES = {
    "drums": ("drums", "drum", "percussion"),
    "bass": ("bass",),
    "other": ("other", "others", "accompaniment", "guitar", "piano", "keys", "synth", "strings"),
    "vocals": ("vocals", "vocal", "voice", "vox"),
}
"""File names taken for each stem; several files of one stem in a folder are added up."""
SESSION_SUFFIXES = (".stemrack", ".stemrack.partial")
UNPARTED = np.iinfo(np.int16).min
"""What drums and bass of a song consist of whose accompaniment is known as a whole only: all of it is in `other`."""


class SongSource(Protocol):
    """Gives songs as (stem, 2, frame) float32 in the order of `STEMS`, drawn from a generator."""

    def song(self, rng: np.random.Generator, frames: int) -> Audio:
        """One song excerpt of exactly `frames` frames."""


@dataclass(frozen=True)
class ComposedSongs:
    """Songs composed and rendered from a decoded corpus (see `corpus.decode_corpus`)."""

    cache: Path
    held_out: bool = False

    @cached_property
    def _material(self) -> Material:
        return sort_material(open_corpus(self.cache), held_out=self.held_out)

    def song(self, rng: np.random.Generator, frames: int) -> Audio:
        """A new song; never the same twice from one generator."""
        return render_song(rng, self._material, frames / RATE)[..., :frames]


@dataclass(frozen=True)
class StemFolders:
    """Real songs: a folder with one folder per song, holding one file per stem; MUSDB18-HQ's `train` is one.

    Sessions are such folders too. A `mixture` file is ignored, a missing stem is silence. Files may be any that
    libsndfile reads, at any rate.
    """

    root: Path

    @cached_property
    def _songs(self) -> tuple[Path, ...]:
        return find_songs(self.root)

    def song(self, rng: np.random.Generator, frames: int) -> Audio:
        """A random excerpt of a random song; shorter songs are followed by silence."""
        folder = self._songs[int(rng.integers(len(self._songs)))]
        return read_excerpt(folder, rng.random(), frames)


def find_songs(root: Path) -> tuple[Path, ...]:
    """Song folders under `root` (or under its `train` folder). Raises ModelError when there is none."""
    base = root / "train" if (root / "train").is_dir() else root
    songs = (
        tuple(folder for folder in sorted(base.iterdir()) if folder.is_dir() and stem_files(folder))
        if base.is_dir()
        else ()
    )
    if not songs:
        names = ", ".join(f"{stem}.wav" for stem in STEMS)
        raise ModelError(f"no songs under {root}: it needs one folder per song with {names} in it")
    return songs


def stem_files(folder: Path) -> Mapping[str, Sequence[Path]]:
    """The audio files of each stem in a song folder or a session folder; stems without a file are left out."""
    inside = folder / STEMS_FOLDER
    is_session = (folder / MANIFEST_NAME).is_file() and inside.is_dir()
    files = [file for file in sorted((inside if is_session else folder).iterdir()) if file.suffix.lower() in EXTENSIONS]
    found = {stem: [file for file in files if file.stem.lower() in names] for stem, names in ALIASES.items()}
    return {stem: paths for stem, paths in found.items() if paths}


def read_excerpt(folder: Path, where: float, frames: int) -> Audio:
    """`frames` frames of a song folder's stems as (stem, 2, frames), from `where` in 0..1 of the possible starts."""
    out = np.zeros((len(STEMS), 2, frames), dtype=np.float32)
    files = stem_files(folder)
    # The same for all, as stems may differ in length and still begin together.
    start = max(_start(file, where, frames) for paths in files.values() for file in paths)
    for stem, paths in files.items():
        for file in paths:
            clip = _read_part(file, start, frames)
            out[STEMS.index(stem), :, : clip.shape[1]] += clip
    return out


def read_song(folder: Path) -> Audio:
    """All of a song folder as (stem, 2, frame); stems of unequal length are followed by silence."""
    clips = {stem: [read_clip(file) for file in paths] for stem, paths in stem_files(folder).items()}
    frames = max(clip.shape[1] for group in clips.values() for clip in group)
    if not frames:
        raise SongUnreadable(f"all stems in {folder} are empty: restore them or take the song out")
    out = np.zeros((len(STEMS), 2, frames), dtype=np.float32)
    for stem, group in clips.items():
        for clip in group:
            out[STEMS.index(stem), :, : clip.shape[1]] += clip
    return out


def _start(file: Path, where: float, frames: int) -> float:
    """Start in seconds, from `where` in 0..1 of those at which so many frames follow."""
    with _reading(file):
        info = soundfile.info(str(file))
    return float(where * max(0.0, info.frames / info.samplerate - frames / RATE))


def _read_part(file: Path, start: float, frames: int) -> Audio:
    """`frames` frames from `start` seconds on as (one or two channels, frame), fewer where the file ends before."""
    with _reading(file), soundfile.SoundFile(file) as reader:
        rate = reader.samplerate
        reader.seek(min(int(start * rate), reader.frames))
        block = reader.read(int(np.ceil(frames * rate / RATE)) + 1, dtype="float32", always_2d=True)
    clip = first_channels(block)
    if rate != RATE and clip.size:
        at = np.arange(frames) * (rate / RATE)
        clip = np.stack([np.interp(at, np.arange(row.size), row, right=0.0) for row in clip]).astype(np.float32)
    return clip[:, :frames]


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (soundfile.LibsndfileError, OSError) as error:
        raise SongUnreadable(f"{file} cannot be read as audio: restore it or take its song out") from error


@dataclass(frozen=True)
class Instrumentals:
    """Music without voices, any files in a folder or below it: nobody knows its stems, but that the voice is silent.

    Hidden files and sessions, which have voices among their stems, are passed over.
    Its drums and bass are not a number, as they are unknown.
    """

    root: Path

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        files = tuple(file for file in sorted(self.root.rglob("*")) if _is_music(file, self.root))
        if not files:
            raise ModelError(f"no music under {self.root}: it needs {', '.join(EXTENSIONS)} files without voices")
        return files

    def song(self, rng: np.random.Generator, frames: int) -> Audio:
        """A random excerpt of a random file; shorter ones are followed by silence."""
        file = self._files[int(rng.integers(len(self._files)))]
        out = np.zeros((len(STEMS), 2, frames), dtype=np.float32)
        clip = _read_part(file, _start(file, rng.random(), frames), frames)
        out[STEMS.index("other"), :, : clip.shape[1]] = clip
        out[[STEMS.index("drums"), STEMS.index("bass")]] = np.nan
        return out


def _is_music(file: Path, root: Path) -> bool:
    below = file.relative_to(root)
    if file.suffix.lower() not in EXTENSIONS or not file.is_file() or any(part[0] == "." for part in below.parts):
        return False
    folders = [root / folder for folder in below.parents]
    return not any(folder.name.endswith(SESSION_SUFFIXES) or (folder / MANIFEST_NAME).exists() for folder in folders)


@dataclass(frozen=True)
class MixedSources:
    """Several sources drawn by weight."""

    sources: tuple[SongSource, ...]
    weights: tuple[float, ...]

    def song(self, rng: np.random.Generator, frames: int) -> Audio:
        """A song from one of the sources."""
        odds = np.array(self.weights) / sum(self.weights)
        return self.sources[int(rng.choice(len(self.sources), p=odds))].song(rng, frames)


def song_number(source: SongSource, seed: int, number: int, frames: int) -> NDArray[np.int16]:
    """Song `number` of the stream with this seed as (stem, 2, frames) int16, scaled to the full range; what is not a
    number is `UNPARTED`."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
    song = source.song(rng, frames)
    peak = max(float(np.nanmax(np.abs(song))), 1e-6)
    return np.asarray(np.rint(np.nan_to_num(song * (32000 / peak), nan=UNPARTED)), dtype=np.int16)
