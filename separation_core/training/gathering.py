"""Add to a corpus folder what a plan names out of freely licensed sample libraries and SoundFonts.

The libraries lie in one folder, each as its `git clone` left it. Whatever is taken is resampled to 44.1 kHz, freed of
leading silence, cut, faded and levelled, and written as FLAC beside what the corpus has; the index follows at the end.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import soundfile

from separation_core.errors import ModelError, WriteFailed
from separation_core.sessions.durable import write_errors, write_text_durably
from separation_core.training.corpus import RATE, read_index
from separation_core.training.held_vowels import held_vowels
from separation_core.training.libraries import LICENCES, Library, read_plan
from separation_core.training.sound_fonts import find_sound_font, require_fluidsynth
from separation_core.training.takes import Audio, Record, Take, takes_of

PEAK = 0.7
SILENCE = 10 ** (-40 / 20)
TAIL = 10 ** (-60 / 20)
"""Below which share of its peak a recording has not begun, and has ended."""

FADE = 2000
LEFT_BEFORE = 64
"""Frames of silence that stay in front of a recording."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What became of a plan. added: recordings by source. missing: libraries that were not there, as "source: url".
    unreadable: how many files of a source could not be read."""

    added: dict[str, int]
    missing: tuple[str, ...]
    unreadable: dict[str, int]


def gather(
    libraries: Path, corpus: Path, *, plan: Path | None = None, tell: Callable[[str], object] = lambda _: None
) -> Gathered:
    """Add to the folder `corpus` what `plan` (default: the package's) names of the libraries in `libraries`.

    corpus: new, or with an index.json, whose records stay; an instrument, a kit or a singer's held notes that it has
    already are left as they are. tell: called with one line for each library. Raises ModelError for a broken plan or
    index, or where fluidsynth is needed and not installed; WriteFailed where the corpus cannot be written. Until the
    end the corpus has its old index.
    """
    wanted = read_plan(plan)
    if not libraries.is_dir():
        raise ModelError(f"{libraries} is not a folder: name the one that the libraries were cloned into")
    places = [(library, _place(libraries, library)) for library in wanted.library]
    for library, place in places:
        if library.sound_font and place:
            require_fluidsynth(place)
    old = _read_records(corpus)
    writer, unreadable = _Writer(corpus, old), Counter[str]()
    for library, place in places:
        if place is not None:
            writer.write(takes_of(library, place, old, unreadable))
            tell(f"{library.source}: {writer.added[library.source]} added")
    if wanted.held_vowels:
        vowels = held_vowels(corpus, old, wanted.held_vowels, unreadable)
        writer.write((record, clip, wanted.held_vowels.seconds) for record, clip in vowels)
    _finish(corpus, old, writer, wanted.library)
    missing = tuple(f"{library.source}: {library.url}" for library, place in places if place is None)
    return Gathered(dict(writer.added), missing, dict(unreadable))


def report(gathered: Gathered) -> str:
    """The summary as lines to read."""
    lines = [f"{sum(gathered.added.values())} recordings added"]
    lines += [f"{count} files of {source} cannot be read" for source, count in sorted(gathered.unreadable.items())]
    return "\n".join(lines + [f"not there: {library}" for library in gathered.missing])


def _place(libraries: Path, library: Library) -> Path | None:
    if library.sound_font:
        return find_sound_font(library.sound_font, libraries)
    folder = libraries / (library.folder or library.source)
    return folder if folder.is_dir() else None


def _read_records(corpus: Path) -> list[Record]:
    if not (corpus / "index.json").exists():
        return []
    read_index(corpus)  # for what it says of a broken one
    records: list[Record] = json.loads((corpus / "index.json").read_text(encoding="utf-8-sig"))
    return records


def _finish(corpus: Path, old: list[Record], writer: "_Writer", libraries: Iterable[Library]) -> None:
    if not writer.records:
        return
    notice = corpus / "LICENSES.md"
    text = notice.read_text(encoding="utf-8") if notice.exists() else "# Licences and attribution of the recordings\n"
    lines = [_licence_line(library) for library in libraries if writer.added[library.source]]
    text = "\n".join([text.rstrip("\n"), "", *(line for line in lines if line not in text)])
    write_text_durably(notice, text.rstrip("\n") + "\n")
    write_text_durably(corpus / "index.json", json.dumps(old + writer.records, indent=0))


def _licence_line(library: Library) -> str:
    terms = f"{library.licence} {LICENCES[library.licence]}".strip()
    return f"- {library.source}: {library.author}; {terms}; {library.url}; changed: cut, mixed, resampled, levelled"


class _Writer:
    """Writes takes as FLAC, each to a path that no record has, and keeps their records."""

    def __init__(self, corpus: Path, old: Sequence[Record]) -> None:
        self.records: list[Record] = []
        self.added: Counter[str] = Counter()
        self._corpus = corpus
        self._paths = {record["path"] for record in old}

    def write(self, takes: Iterable[Take]) -> None:
        for record, clip, seconds in takes:
            polished = polish(clip, seconds)
            if polished is not None:
                source = str(record.get("source", ""))
                self._write_file(record, polished, source)
                self.added[source] += 1

    def _write_file(self, record: Record, clip: Audio, source: str) -> None:
        path = self._new_path(record, source)
        with write_errors(self._corpus / path):
            (self._corpus / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            soundfile.write(self._corpus / path, clip.T, RATE, subtype="PCM_16")
        except soundfile.LibsndfileError as error:
            raise WriteFailed(f"cannot write {self._corpus / path} ({error}): free some space") from error
        self.records.append({"path": path, **record})

    def _new_path(self, record: Record, source: str) -> str:
        within = re.sub(r"[^\w.-]", "_", source)
        label = f"m{record['midi']:03d}" if "midi" in record else record.get("piece") or record["kind"]
        owner = record.get("kit") or record.get("inst") or record["singer"]
        start = f"{record['stem']}/{within}/{owner}/{label}"
        path = next(path for number in count() if (path := f"{start}_{number}.flac") not in self._paths)
        self._paths.add(path)
        return path


def polish(clip: Audio, seconds: float) -> Audio | None:
    """(channel, frame) without silence in front and behind, at most `seconds` long, faded out, its peak at 0.7; one
    channel where both are alike. None for silence."""
    peak = float(np.abs(clip).max(initial=0.0))
    if not 1e-4 < peak < np.inf:
        return None
    loudest = np.abs(clip).max(axis=0)
    start = max(0, int(np.argmax(loudest > peak * SILENCE)) - LEFT_BEFORE)
    cut = clip[:, start : start + int(seconds * RATE)]
    end = int(np.flatnonzero(loudest[start : start + cut.shape[1]] > peak * TAIL)[-1]) + 1
    cut = cut[:, : max(end, 256)].copy()
    fade = min(FADE, cut.shape[1] // 4)
    cut[:, cut.shape[1] - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    if len(cut) == 2 and np.abs(cut[0] - cut[1]).max() < 1e-4 * peak:
        cut = cut[:1]
    return cut * np.float32(PEAK / np.abs(cut).max())
