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
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from separation_core.errors import ModelError, SongUnreadable

RATE = 44100
STEMS = ("drums", "bass", "other", "vocals")
FULL_SCALE = 32767


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
        records = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{folder} is not a corpus folder (no readable index.json): name the folder it is in"
        ) from error
    except ValueError as error:
        raise ModelError(f"{folder / 'index.json'} is not JSON ({error}): restore it") from error
    if not isinstance(records, list):
        raise ModelError(f"{folder / 'index.json'} holds no list of recordings: restore it")
    return tuple(_sample(record, folder) for record in records)


def _sample(record: Mapping[str, Any], folder: Path) -> Sample:
    known = {field.name for field in fields(Sample)}
    try:
        sample = Sample(**{name: value for name, value in record.items() if name in known})
    except TypeError as error:
        raise ModelError(f"{folder / 'index.json'}: a recording without path or stem ({error}): restore it") from error
    if sample.stem not in STEMS:
        raise ModelError(f"{folder / 'index.json'}: stem {sample.stem!r} is none of {', '.join(STEMS)}: correct it")
    if not (folder / sample.path).resolve().is_relative_to(folder.resolve()):
        raise ModelError(f"{folder / 'index.json'}: {sample.path!r} lies outside the corpus folder: correct it")
    return sample


def read_clip(path: Path) -> NDArray[np.float32]:
    """Read one file as (channel, frame) float32 at 44.1 kHz, more than two channels mixed down to their first two."""
    try:
        block, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SongUnreadable(f"{path} cannot be read as audio: restore it or leave it out of the folder") from error
    clip = np.asarray(block.T[:2], dtype=np.float32)
    if rate != RATE:
        clip = np.asarray(resample_poly(clip, RATE, rate, axis=1), dtype=np.float32)
    return clip


def decode_corpus(folder: Path, cache: Path) -> Path:
    """Decode a corpus folder into `cache` (two files there) unless that was done before; returns `cache`.

    Takes 105 minutes of material to about 0.7 GB. Threads decode in parallel; the result appears atomically.
    """
    if (cache / "places.json").is_file():
        return cache
    cache.mkdir(parents=True, exist_ok=True)
    samples = read_index(folder)
    files = sorted({sample.path for sample in samples})
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        clips = dict(zip(files, threads.map(lambda name: _as_int16(read_clip(folder / name)), files), strict=True))
    pieces = [_cut(clips[sample.path], sample) for sample in samples]
    _write_cache(cache, samples, pieces)
    return cache


def _as_int16(clip: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.rint(clip * FULL_SCALE), -FULL_SCALE, FULL_SCALE), dtype=np.int16)


def _cut(clip: NDArray[np.int16], sample: Sample) -> NDArray[np.int16]:
    start = sample.start or 0
    end = clip.shape[1] if sample.frames is None else start + sample.frames
    return clip[:, start:end]


def _write_cache(cache: Path, samples: Iterable[Sample], pieces: list[NDArray[np.int16]]) -> None:
    offsets = np.cumsum([0, *(piece.size for piece in pieces)]).tolist()
    flat = np.concatenate([piece.T.ravel() for piece in pieces]) if pieces else np.zeros(0, np.int16)
    partial = cache / "audio.partial.npy"
    np.save(partial, flat)
    partial.replace(cache / "audio.npy")
    places = [[offset, piece.shape[1], piece.shape[0]] for offset, piece in zip(offsets, pieces, strict=False)]
    records = [{field.name: getattr(sample, field.name) for field in fields(Sample)} for sample in samples]
    text = json.dumps({"places": places, "samples": records})
    (cache / "places.partial.json").write_text(text, encoding="utf-8")
    (cache / "places.partial.json").replace(cache / "places.json")


def open_corpus(cache: Path) -> Corpus:
    """Open what `decode_corpus` wrote; the audio is mapped, not read."""
    record = json.loads((cache / "places.json").read_text(encoding="utf-8"))
    samples = tuple(Sample(**sample) for sample in record["samples"])
    places = tuple(Place(*place) for place in record["places"])
    return Corpus(samples, places, np.load(cache / "audio.npy", mmap_mode="r"))
