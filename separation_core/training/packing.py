"""Pack a corpus into a few small files, so that it can travel to the machine that trains.

Thousands of short files cost more in headers than in sound, so recordings of one kind are laid one after another,
with a pause between them, on long reels and encoded as Opus (RFC 6716), which keeps the full band at low rates.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from separation_core.errors import ModelError, WriteFailed
from separation_core.sessions.durable import write_errors
from separation_core.training.corpus import RATE, Sample, read_clip, read_index

OPUS_RATE = 48000
PAUSE = RATE // 20
REEL_FRAMES = 300 * RATE

COMPRESSION = {"drums": 0.80, "bass": 0.90, "other": 0.88, "vocals": 0.84}
"""libsndfile's compression level per stem: transients need more bits than bass notes."""


def pack_corpus(folder: Path, out: Path, *, longest: float = 8.0, spare: float = 0.0) -> int:
    """Pack the corpus `folder` into the new folder `out`; returns the bytes written.

    longest: recordings are cut to this many seconds (with a fade). spare: 0..0.09 added to the compression level for
    a smaller pack. Raises ModelError where `out` exists, SongUnreadable for a damaged recording, WriteFailed where the
    disk refuses it.
    """
    if out.exists():
        raise ModelError(f"{out} exists: name a new folder for the packed corpus")
    samples = read_index(folder)
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with write_errors(out):
            partial.mkdir(parents=True)
            _fill(partial, folder, samples, longest, spare)
            partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return sum(file.stat().st_size for file in out.iterdir())


def _fill(out: Path, folder: Path, samples: tuple[Sample, ...], longest: float, spare: float) -> None:
    packed: list[Sample] = []
    for stem in COMPRESSION:
        for channels in (1, 2):
            packed += _pack_group(folder, out, samples, stem, channels, longest, spare)
    records = [{name: value for name, value in asdict(sample).items() if value is not None} for sample in packed]
    (out / "index.json").write_text(json.dumps(records), encoding="utf-8")
    for notice in folder.glob("LICENSES*"):
        (out / notice.name).write_bytes(notice.read_bytes())


def _pack_group(
    folder: Path, out: Path, samples: tuple[Sample, ...], stem: str, channels: int, longest: float, spare: float
) -> list[Sample]:
    packed: list[Sample] = []
    wanted = (sample for sample in samples if sample.stem == stem)
    clips = ((sample, _shorten(clip, longest)) for sample, clip in _clips(folder, wanted) if clip.shape[0] == channels)
    for number, reel in enumerate(_reels(clips)):
        name = f"{stem}-{'mono' if channels == 1 else 'stereo'}-{number}.opus.ogg"
        packed += _write_reel(out / name, reel, COMPRESSION[stem] + spare)
    return packed


def _clips(folder: Path, samples: Iterator[Sample]) -> Iterator[tuple[Sample, NDArray[np.float32]]]:
    for sample in samples:
        clip = read_clip(folder / sample.path)
        if sample.stem == "vocals":
            # Voices are shifted and placed as mono anyway (see `voices`).
            clip = clip.mean(axis=0, keepdims=True)
        start = sample.start or 0
        yield sample, clip[:, start : None if sample.frames is None else start + sample.frames]


def _shorten(clip: NDArray[np.float32], longest: float) -> NDArray[np.float32]:
    frames = int(longest * RATE)
    if clip.shape[1] <= frames:
        return clip
    kept = clip[:, :frames].copy()
    kept[:, -RATE // 20 :] *= np.linspace(1, 0, RATE // 20, dtype=np.float32)
    return kept


def _reels(
    clips: Iterator[tuple[Sample, NDArray[np.float32]]],
) -> Iterator[list[tuple[Sample, NDArray[np.float32]]]]:
    reel: list[tuple[Sample, NDArray[np.float32]]] = []
    length = 0
    for pair in clips:
        reel.append(pair)
        length += pair[1].shape[1] + PAUSE
        if length > REEL_FRAMES:
            yield reel
            reel, length = [], 0
    if reel:
        yield reel


def _write_reel(path: Path, reel: list[tuple[Sample, NDArray[np.float32]]], compression: float) -> list[Sample]:
    packed, blocks, at = [], [], PAUSE
    pause = np.zeros((reel[0][1].shape[0], PAUSE), dtype=np.float32)
    for sample, clip in reel:
        packed.append(replace(sample, path=path.name, start=at, frames=clip.shape[1]))
        blocks += [pause, clip]
        at += clip.shape[1] + PAUSE
    audio = resample_poly(np.concatenate([*blocks, pause], axis=1), OPUS_RATE, RATE, axis=1)
    try:
        with soundfile.SoundFile(
            path, "w", OPUS_RATE, audio.shape[0], format="OGG", subtype="OPUS", compression_level=compression
        ) as file:
            # libsndfile's Opus encoder grows with one huge block; a minute at a time keeps it small.
            for start in range(0, audio.shape[1], OPUS_RATE * 60):
                file.write(audio[:, start : start + OPUS_RATE * 60].T)
    except soundfile.LibsndfileError as error:
        raise WriteFailed(f"cannot write {path} ({error}): free some space or choose another folder") from error
    return packed
