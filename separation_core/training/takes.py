"""What a library gives: notes and strokes out of files named by a plan, or played from a SoundFont."""

import re
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from separation_core.errors import ModelError, SongUnreadable
from separation_core.training.corpus import RATE, read_clip
from separation_core.training.libraries import DrumPrograms, Instrument, Kit, Library, Loop, Programs, Voice
from separation_core.training.sound_fonts import render_notes

Audio = NDArray[np.float32]
Record = dict[str, Any]
Take = tuple[Record, Audio, float]
"""A corpus record without its path, the audio as it was recorded, and the seconds to cut it to."""

SEED = 1
TAKES_OF_A_NOTE = 2
DRUM_VELOCITY = 100
SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
ACCIDENTALS = {"": 0, "#": 1, "s": 1, "-": 1, "b": -1}


def takes_of(library: Library, place: Path, old: Sequence[Record], unreadable: Counter[str]) -> Iterator[Take]:
    """All that the library in `place`, a folder or a SoundFont, gives, but for the instruments and kits in `old`.

    Files that cannot be read are counted under the library's source. The same library gives the same every time.
    """
    had = {_owner(record) for record in old if record.get("source") == library.source}
    labels = {"source": library.source, "license": library.licence}
    recordings = _Recordings(library, place, unreadable)
    for instrument in library.instruments:
        if instrument.name not in had:
            yield from _notes(instrument, labels, recordings)
    for kit in library.kits:
        if had.isdisjoint(kit.names()):
            yield from _strokes(kit, labels, recordings)
    for loop in library.loops:
        if loop.name not in had:
            yield from _loops(loop, labels, recordings)
    for voice in library.voices:
        yield from _voices(voice, labels, recordings, had)
    for programs in library.programs:
        for program in programs.programs:
            if programs.instrument(program) not in had:
                yield from _rendered_notes(programs, program, labels, place)
    for drums in library.drum_programs:
        if had.isdisjoint(map(drums.kit, drums.programs)):
            yield from _rendered_strokes(drums, labels, place)


def _owner(record: Record) -> str | None:
    """The instrument, kit or singer that a recording belongs to."""
    return record.get("inst") or record.get("kit") or record.get("singer")


def midi_number(note: str) -> int | None:
    """Of a note's name as files have it: "c4" is 60, as are "C4" and "60"; "F#3", "fs3", "f-3", "gb3" are alike."""
    if note.isdecimal():
        return int(note)
    match = re.fullmatch(r"([a-gA-G])([#sb-]?)(\d)", note)
    return 12 * (int(match[3]) + 1) + SEMITONES[match[1].lower()] + ACCIDENTALS[match[2]] if match else None


class _Recordings:
    """The files of one library, by their paths in it."""

    def __init__(self, library: Library, folder: Path, unreadable: Counter[str]) -> None:
        self.library = library
        self._folder = folder
        self._broken: set[str] = set()
        self._unreadable = unreadable
        recorded = library.instruments or library.kits or library.loops or library.voices
        found = folder.rglob("*") if recorded else ()
        self.paths = sorted(path.relative_to(folder).as_posix() for path in found)

    def random(self, name: str) -> np.random.Generator:
        """The same for the same library and name, whichever other libraries there are."""
        return np.random.default_rng([SEED, zlib.crc32(f"{self.library.source} {name}".encode())])

    def read(self, path: str) -> Audio | None:
        try:
            return read_clip(self._folder / path)
        except SongUnreadable:
            if path not in self._broken:
                self._unreadable[self.library.source] += 1
            self._broken.add(path)
            return None

    def mix(self, path: str, gains: dict[str, float]) -> Audio | None:
        """What the microphones of `gains` heard of the stroke that `path` is one recording of."""
        if not gains:
            return self.read(path)
        if self.library.microphone not in path:
            where = f"{self.library.source}: {path} has no {self.library.microphone!r}"
            raise ModelError(f"{where} that other microphones could take the place of: correct the plan")
        heard = [(self.read(path.replace(self.library.microphone, part)), gain) for part, gain in gains.items()]
        clips = [clip * np.float32(gain) for clip, gain in heard if clip is not None]
        if not clips:
            return None
        mixed = np.zeros((2, max(clip.shape[1] for clip in clips)), np.float32)
        for clip in clips:
            mixed[:, : clip.shape[1]] += clip
        return mixed


def _notes(instrument: Instrument, labels: Record, recordings: _Recordings) -> Iterator[Take]:
    found: dict[int, list[str]] = defaultdict(list)
    for path in recordings.paths:
        match = instrument.files.search(path)
        named = midi_number(match[1] or "") if match else None
        if named is not None and 0 <= named + instrument.semitones <= 127:
            found[named + instrument.semitones].append(path)
    random = recordings.random(instrument.name)
    each = max(1, min(TAKES_OF_A_NOTE, instrument.most // max(1, len(found))))
    for midi in _spread(sorted(found), instrument.most):
        for path in random.permutation(found[midi])[:each]:
            clip = recordings.read(str(path))
            if clip is not None:
                record = {"stem": instrument.stem, **labels, "midi": midi, "inst": instrument.name}
                yield record, clip, instrument.seconds


def _spread(notes: list[int], most: int) -> list[int]:
    """At most so many of them, from the lowest to the highest."""
    chosen = np.linspace(0, len(notes) - 1, min(most, len(notes)))
    return [notes[int(index)] for index in chosen]


def _strokes(kit: Kit, labels: Record, recordings: _Recordings) -> Iterator[Take]:
    for piece, pattern in (kit.pieces or recordings.library.pieces).items():
        random = recordings.random(f"{kit.name} {piece}")
        shares = _shares(kit, pattern, recordings.paths, random)
        for name in kit.names():
            gains = {part: float(random.uniform(gain[0], gain[-1])) for part, gain in kit.microphones.items()}
            for clip in _deal(shares, gains, recordings):
                yield {"stem": "drums", **labels, "piece": piece, "kit": name}, clip, kit.seconds


def _shares(kit: Kit, pattern: re.Pattern[str], paths: Sequence[str], random: np.random.Generator) -> deque[list[str]]:
    """The files of one piece, shuffled: all as one share, or a share for each of the kits that they are dealt to."""
    groups: dict[str, list[str]] = defaultdict(list)
    matches = [match for match in map(pattern.search, paths) if match]
    for index in random.permutation(len(matches)):
        match = matches[index]
        group = groups[match[1] if pattern.groups else match.string if kit.count else ""]
        if len(group) < kit.most:
            group.append(match.string)
    return deque(groups.values() if kit.count else [[path for group in groups.values() for path in group]])


def _deal(shares: deque[list[str]], gains: dict[str, float], recordings: _Recordings) -> list[Audio]:
    """The clips of the next share that can be read; the shares go round."""
    for _ in range(len(shares)):
        clips = [clip for path in shares[0] if (clip := recordings.mix(path, gains)) is not None]
        shares.rotate(-1)
        if clips:
            return clips
    return []


def _loops(loop: Loop, labels: Record, recordings: _Recordings) -> Iterator[Take]:
    found = [path for path in recordings.paths if loop.files.search(path)]
    for path in recordings.random(loop.name).permutation(found)[: loop.most]:
        clip = recordings.read(str(path))
        if clip is not None:
            yield {"stem": "drums", **labels, "piece": "loop", "kit": loop.name}, clip, loop.seconds


def _voices(voice: Voice, labels: Record, recordings: _Recordings, had: set[str | None]) -> Iterator[Take]:
    singers: dict[str, list[str]] = defaultdict(list)
    for match in filter(None, map(voice.files.search, recordings.paths)):
        part = re.sub(r"[^\w.-]", "_", match[1]) if match.re.groups else ""
        singers[f"{voice.name}_{part}" if part else voice.name].append(match.string)
    for singer, paths in singers.items():
        chosen = recordings.random(singer).permutation(paths)[: voice.most] if singer not in had else ()
        for path in chosen:
            clip = recordings.read(str(path))
            for said in _parts(clip, voice.seconds) if clip is not None else ():
                yield {"stem": "vocals", **labels, "kind": voice.kind, "singer": singer}, said, voice.seconds


def _parts(clip: Audio, seconds: float) -> list[Audio]:
    """All of a long recording in parts of at most so many seconds, alike in length."""
    count = max(1, round(clip.shape[1] / RATE / seconds))
    return np.array_split(clip, count, axis=1)


def _rendered_notes(programs: Programs, program: int, labels: Record, font: Path) -> Iterator[Take]:
    keys = np.linspace(programs.lowest, programs.highest, programs.notes).astype(int).tolist()
    notes = [(key, programs.velocities[place % len(programs.velocities)]) for place, key in enumerate(keys)]
    kind = {"kind": programs.kind} if programs.kind else {}
    for key, clip in zip(keys, render_notes(font, program, notes, seconds=programs.seconds), strict=True):
        record = {"stem": programs.stem, **labels, **kind, "midi": key, "inst": programs.instrument(program)}
        yield record, clip, programs.seconds


def _rendered_strokes(drums: DrumPrograms, labels: Record, font: Path) -> Iterator[Take]:
    strokes = [
        (piece, key, velocity)
        for piece, keys in drums.keys.items()
        for key in keys
        for velocity in drums.velocities.get(piece, (DRUM_VELOCITY,))
    ]
    seen = set()
    for program in drums.programs:
        notes = [(key, velocity) for _, key, velocity in strokes]
        clips = render_notes(font, program, notes, seconds=drums.seconds, drums=True)
        for (piece, key, velocity), clip in zip(strokes, clips, strict=True):
            # Kits share samples: what an earlier kit played alike is not taken again.
            mark = (key, velocity, round(float(np.abs(clip).sum()), 1))
            if mark not in seen:
                yield {"stem": "drums", **labels, "piece": piece, "kit": drums.kit(program)}, clip, drums.seconds
            seen.add(mark)
