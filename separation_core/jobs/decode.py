"""The song as it is, read once: hashed, decoded to stereo float32 at its own rate, a part of it cut out."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from separation_core.audio.channels import to_stereo
from separation_core.audio.frames import WavSource
from separation_core.audio.loudness import LevelMeter
from separation_core.audio.reading import SongReader, open_song
from separation_core.audio.writing import SongWriter
from separation_core.errors import SongUnreadable
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.part import Span
from separation_core.jobs.stretches import read_blocks
from separation_core.jobs.watch import Stage, Watch
from separation_core.jobs.workspace import Workspace
from separation_core.sessions.fields import LONGEST_TEXT
from separation_core.units import Hertz

LARGEST_SAMPLE = 1e12
"""Beyond all scales in use (32-bit integers as floats reach 2e9): damage, whose square would be infinite."""
_RECORD = "decoded"
_HASH_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Decoded:
    """What decoding told: length, levels, and what the listener should know, one line each."""

    frames: int
    lufs: float
    peak_db: float
    warnings: tuple[str, ...]


def song_sha256(song: Path, watch: Watch) -> str:
    """SHA-256 of the file's bytes, in hex. `SongUnreadable` where it cannot be read."""
    digest, done = sha256(), 0
    try:
        total = song.stat().st_size
        with song.open("rb") as stream:
            while block := stream.read(_HASH_BLOCK):
                digest.update(block)
                done += len(block)
                watch.step(Stage.HASH, done, total)
    except OSError as error:
        raise SongUnreadable(f"{song}: {error.strerror}: check the path and its permissions") from error
    return digest.hexdigest()


def decode(song: Path, space: Workspace, options: SessionOptions, watch: Watch) -> Decoded:
    """Write `decoded_song` unless an earlier run did.

    Errors: those of `open_song`, `to_stereo`, `SongWriter`, and `Part.span` where the song ends before its part.
    """
    if is_decoded(space, options):
        return _recorded(space)
    with open_song(song, stream=options.stream) as reader:
        decoded = _copy(reader, decoded_song(space, options), options, watch)
        options.part.span(song, reader.info.rate, decoded.frames)
    space.record(_RECORD, asdict(decoded))
    return decoded


def decoded_song(space: Workspace, options: SessionOptions) -> Path:
    """Where all of the decoded song lies."""
    return space.song if options.part.is_whole else space.whole_song


def is_decoded(space: Workspace, options: SessionOptions) -> bool:
    """Whether an earlier run decoded the song."""
    return bool(space.recorded(_RECORD)) and decoded_song(space, options).is_file()


def cut_part(whole: Path, span: Span, part: Path) -> tuple[float, float]:
    """Write the frames `span` of the file `whole` to `part`, and tell their (lufs, peak_db)."""
    with WavSource(whole) as song, SongWriter(part, song.rate, 2, expected_frames=span.frames) as writer:
        meter = LevelMeter(song.rate, 2)
        for block in read_blocks(song, span):
            meter.add(block)
            writer.write(block)
    levels = meter.levels()
    return levels.lufs, levels.peak_db


def _copy(reader: SongReader, path: Path, options: SessionOptions, watch: Watch) -> Decoded:
    info, repair = reader.info, Repair()
    meter = LevelMeter(info.rate, 2)
    with SongWriter(path, info.rate, 2, expected_frames=info.frames) as writer:
        for block in repair.cleaned(reader.blocks()):
            stereo = to_stereo(block, pick=options.pick)
            meter.add(stereo)
            writer.write(stereo)
            watch.step(Stage.DECODE, writer.frames_written, info.frames or info.estimated_frames or 0)
        if not writer.frames_written:
            raise SongUnreadable(f"{info.path} holds no audio: give a song with at least one sample")
    levels = meter.levels()
    warnings = (_told(line) for line in (*reader.warnings, *repair.warnings(info.rate)))
    return Decoded(levels.frames, levels.lufs, levels.peak_db, tuple(warnings))


def _told(line: str) -> str:
    """As a manifest can hold it: the song's name in it may be no Unicode, or very long."""
    return line.encode("utf-8", "replace").decode("utf-8")[-LONGEST_TEXT:]


class Repair:
    """Replaces samples that are no sound by 0 and counts them."""

    def __init__(self) -> None:
        self.replaced = 0
        self.first_frame = 0

    def cleaned(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks (channel, frame), every sample finite and at most `LARGEST_SAMPLE`."""
        start = 0
        for block in blocks:
            yield self._finite(block, start)
            start += block.shape[1]

    def warnings(self, rate: Hertz) -> tuple[str, ...]:
        """One line for the listener where samples were replaced."""
        if not self.replaced:
            return ()
        return (
            f"{self.replaced} samples of the song are not numbers, or beyond {LARGEST_SAMPLE:.0e}, and became 0, "
            f"the first at {self.first_frame / rate:.3f} s",
        )

    def _finite(self, block: np.ndarray, start: int) -> np.ndarray:
        bad = ~(np.abs(block) <= LARGEST_SAMPLE)
        if not bad.any():
            return block
        if not self.replaced:
            self.first_frame = start + int(np.flatnonzero(bad.any(axis=0))[0])
        self.replaced += int(bad.sum())
        return np.where(bad, np.float32(0), block)


def _recorded(space: Workspace) -> Decoded:
    record = space.recorded(_RECORD)
    return Decoded(**record | {"warnings": tuple(record["warnings"])})
