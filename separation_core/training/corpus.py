"""The training material: many short recordings, and how they are held in memory.

A corpus is a folder with an `index.json`: one record per recording with its `path`, `stem`, `source` and `licence`,
and, where it has them, `kind` ("sung", "speech", "shout", "whisper"), `midi`, `inst`, `layer`, `kit`, `piece`,
`singer`, `key` and `bpm`. A packed corpus (see `packing`) adds `start` and `frames`: its recordings lie one after
another in a few long files.

Decoded once, the whole corpus is one flat int16 array on disk that every rendering process maps: no process decodes
twice, none holds a copy. Rendering needs numpy and scipy only, so a worker starts without PyTorch.
"""

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints
from uuid import uuid4

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from separation_core.errors import ModelError, SongUnreadable
from separation_core.sessions.durable import write_errors

RATE = 44100
STEMS = ("drums", "bass", "other", "vocals")
FULL_SCALE = 32767
FEWEST_FRAMES = 64
"""Of a recording: less is not heard, and a note that is played higher would vanish."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One recording of the corpus, as its index describes it; fields that it has no value for are None."""

    path: str
    stem: str
    source: str = ""
    kind: str | None = None
    midi: int | None = None
    inst: str | None = None
    layer: str | None = None
    kit: str | None = None
    piece: str | None = None
    singer: str | None = None
    key: str | None = None
    bpm: float | None = None
    start: int | None = None
    frames: int | None = None


_KINDS = get_type_hints(Sample)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one decoded recording lies in the flat array: `frames` frames of `channels` interleaved from `offset`."""

    offset: int
    frames: int
    channels: int


class Corpus:
    """Samples and their audio. Cheap to open: the audio stays on disk until touched."""

    def __init__(self, samples: tuple[Sample, ...], places: tuple[Place, ...], audio: NDArray[np.int16]) -> None:
        self.samples = samples
        self._places = places
        self._audio = audio

    def __len__(self) -> int:
        return len(self.samples)

    def is_whole(self) -> bool:
        """Whether there is as much audio as the recordings have."""
        return sum(place.frames * place.channels for place in self._places) == self._audio.size

    def duration(self, index: int) -> float:
        """Length of one recording in seconds."""
        return self._places[index].frames / RATE

    def audio(self, index: int) -> NDArray[np.float32]:
        """One recording as (channel, frame) float32 in [-1, 1], at 44.1 kHz, with one or two channels."""
        place = self._places[index]
        flat = self._audio[place.offset : place.offset + place.frames * place.channels]
        return flat.reshape(place.frames, place.channels).T.astype(np.float32) / np.float32(FULL_SCALE)

    def mono(self, index: int) -> NDArray[np.float32]:
        """One recording as (frame,) float32: the mean of its channels."""
        return np.asarray(self.audio(index).mean(axis=0), dtype=np.float32)


def read_index(folder: Path) -> tuple[Sample, ...]:
    """Read a corpus folder's index. Raises ModelError naming what is wrong with it."""
    try:
        records = json.loads((folder / "index.json").read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ModelError(
            f"{folder} is not a corpus folder (no readable index.json): name the folder it is in"
        ) from error
    except ValueError as error:
        raise ModelError(f"{folder / 'index.json'} is not JSON ({error}): restore it") from error
    if not isinstance(records, list):
        raise ModelError(f"{folder / 'index.json'} holds no list of recordings: restore it")
    return tuple(_sample(record, folder) for record in records)


def _sample(record: Any, folder: Path) -> Sample:
    if not isinstance(record, Mapping):
        raise ModelError(f"{folder / 'index.json'}: {record!r} is no record of a recording: restore it")
    known = {field.name for field in fields(Sample)}
    try:
        sample = Sample(**{name: value for name, value in record.items() if name in known})
    except TypeError as error:
        raise ModelError(f"{folder / 'index.json'}: a recording without path or stem ({error}): restore it") from error
    _check_types(sample, folder)
    if sample.stem not in STEMS:
        raise ModelError(f"{folder / 'index.json'}: stem {sample.stem!r} is none of {', '.join(STEMS)}: correct it")
    if "\0" in sample.path or not (folder / sample.path).resolve().is_relative_to(folder.resolve()):
        raise ModelError(f"{folder / 'index.json'}: {sample.path!r} lies outside the corpus folder: correct it")
    return sample


def _check_types(sample: Sample, folder: Path) -> None:
    where = f"{folder / 'index.json'}: {sample.path!r}"
    for name, kind in _KINDS.items():
        value = getattr(sample, name)
        whole_tempo = name == "bpm" and type(value) is int
        if not isinstance(value, kind) and not whole_tempo:
            raise ModelError(f"{where} has {name} {value!r}, which is of the wrong type: correct it")
    if min(sample.start or 0, sample.frames or 0) < 0:
        raise ModelError(f"{where} has a start or frames below 0: correct it")


def read_clip(path: Path) -> NDArray[np.float32]:
    """Read one file as (channel, frame) float32 at 44.1 kHz, of more than two channels the first two."""
    try:
        block, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SongUnreadable(f"{path} cannot be read as audio: restore it or leave it out of the folder") from error
    clip = first_channels(block)
    if rate != RATE:
        clip = np.asarray(resample_poly(clip, RATE, rate, axis=1), dtype=np.float32)
    return clip


def first_channels(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a file gave, (frame, channel), as (one or two channels, frame); what is no finite number is silence."""
    return np.nan_to_num(np.asarray(block.T[:2], dtype=np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def decode_corpus(folder: Path, cache: Path) -> Path:
    """Decode a corpus folder into `cache` (two files there) unless that was done before; returns `cache`.

    Takes 105 minutes of material to about 0.7 GB. Threads decode in parallel; the result appears atomically. Raises
    ModelError for a broken index or a recording of next to nothing, SongUnreadable for a damaged one, WriteFailed.
    """
    if _is_whole(cache):
        return cache
    with write_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
    samples = read_index(folder)
    files = sorted({sample.path for sample in samples})
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        clips = dict(zip(files, threads.map(lambda name: _as_int16(read_clip(folder / name)), files), strict=True))
    pieces = [_cut(clips[sample.path], sample) for sample in samples]
    for sample, piece in zip(samples, pieces, strict=True):
        if piece.shape[1] < FEWEST_FRAMES:
            told = f"{folder / sample.path} has {piece.shape[1]} frames where the index says"
            raise ModelError(f"{told}, too few to be played: take it out of index.json")
    with write_errors(cache):
        _write_cache(cache, samples, pieces)
    return cache


def _is_whole(cache: Path) -> bool:
    """Whether a corpus was decoded there and nothing of it is lost, as systems clear old files out of /tmp."""
    try:
        corpus = open_corpus(cache)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return corpus.is_whole()


def _as_int16(clip: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.rint(clip * FULL_SCALE), -FULL_SCALE, FULL_SCALE), dtype=np.int16)


def _cut(clip: NDArray[np.int16], sample: Sample) -> NDArray[np.int16]:
    start = sample.start or 0
    end = clip.shape[1] if sample.frames is None else start + sample.frames
    return clip[:, start:end]


def _write_cache(cache: Path, samples: Iterable[Sample], pieces: list[NDArray[np.int16]]) -> None:
    offsets = np.cumsum([0, *(piece.size for piece in pieces)]).tolist()
    flat = np.concatenate([piece.T.ravel() for piece in pieces]) if pieces else np.zeros(0, np.int16)
    places = [[offset, piece.shape[1], piece.shape[0]] for offset, piece in zip(offsets, pieces, strict=False)]
    records = [{field.name: getattr(sample, field.name) for field in fields(Sample)} for sample in samples]
    text = json.dumps({"places": places, "samples": records})
    # Names of its own, as another training may be decoding the same corpus.
    audio, index = (cache / f"{uuid4().hex}.partial{suffix}" for suffix in (".npy", ".json"))
    try:
        np.save(audio, flat)
        index.write_text(text, encoding="utf-8")
        audio.replace(cache / "audio.npy")
        index.replace(cache / "places.json")
    finally:
        audio.unlink(missing_ok=True)
        index.unlink(missing_ok=True)


def open_corpus(cache: Path) -> Corpus:
    """Open what `decode_corpus` wrote; the audio is mapped, not read."""
    record = json.loads((cache / "places.json").read_text(encoding="utf-8"))
    samples = tuple(Sample(**sample) for sample in record["samples"])
    places = tuple(Place(*place) for place in record["places"])
    return Corpus(samples, places, np.load(cache / "audio.npy", mmap_mode="r"))
