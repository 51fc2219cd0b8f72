"""The long part of a job: the model's stems into a work file, so that a killed run goes on where it stopped."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from separation_core.audio.frames import FrameSource, WavSource
from separation_core.audio.resampling import resample_blocks
from separation_core.audio.writing import SongWriter
from separation_core.inference.combining import in_step
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.jobs.cover import model_frames
from separation_core.jobs.part import Span
from separation_core.jobs.stretches import cut, read_blocks
from separation_core.jobs.watch import Stage, Watch
from separation_core.jobs.workspace import Workspace
from separation_core.models.contract import Model
from separation_core.sessions.durable import write_errors
from separation_core.units import Hertz

CHANNELS = 2
_RECORD = "separated"
_SAVE_SECONDS = 5
_READ_FRAMES = 1 << 16


def resample_song(decoded: Path, space: Workspace, model_rate: Hertz, watch: Watch) -> Path:
    """The path of the song at the model's rate, written unless an earlier run did or it has that rate already."""
    with WavSource(decoded) as song:
        if song.rate == model_rate:
            return decoded
        if not space.model_song.is_file():
            _resample(song, space.model_song, model_rate, watch)
    return space.model_song


def _resample(song: FrameSource, path: Path, rate: Hertz, watch: Watch) -> None:
    frames = model_frames(song.frames, song.rate, rate)
    blocks = resample_blocks(read_blocks(song, Span(0, song.frames)), song.rate, rate, CHANNELS, frames)
    with SongWriter(path, rate, CHANNELS, expected_frames=frames) as writer:
        for block in blocks:
            writer.write(block)
            watch.step(Stage.RESAMPLE, writer.frames_written, frames)


@dataclass(frozen=True, slots=True)
class RawStems:
    """Stems on disk as they left the model: interleaved little-endian float32 (frame, stem, channel), no header."""

    path: Path
    stems: int
    frames: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame of all stems."""
        return self.stems * CHANNELS * 4

    def append(self, stream: BinaryIO, block: np.ndarray) -> None:
        """Add a block (stem, channel, frame)."""
        stream.write(np.ascontiguousarray(block.transpose(2, 0, 1), dtype="<f4").tobytes())

    def blocks(self) -> Iterator[np.ndarray]:
        """Consecutive blocks (stem, channel, frame) from the first to the last frame."""
        with self.path.open("rb") as stream:
            for start in range(0, self.frames, _READ_FRAMES):
                content = stream.read(min(_READ_FRAMES, self.frames - start) * self.frame_bytes)
                samples = np.frombuffer(content, dtype="<f4").reshape(-1, self.stems, CHANNELS)
                yield np.ascontiguousarray(samples.transpose(1, 2, 0))


def separate_song(
    model: Model, song: Path, span: Span, space: Workspace, settings: SeparationSettings, watch: Watch
) -> RawStems:
    """Separate the frames `span` of the file at `song` into `space.raw_stems`, with the samples that they have when
    all of it is separated, going on from the last frame an earlier run recorded."""
    with WavSource(song) as source:
        raw = RawStems(space.raw_stems, len(model.spec.stems), span.frames)
        done = _frames_kept(space, raw)
        if done < raw.frames:
            shortened = _shortened(space)
            rest = _stereo_stems(model, source, settings, span.start + done, watch, shortened)
            work = _Appending(raw, source.rate, space, shortened, watch)
            work.append(cut(rest, Span(0, raw.frames - done)), done)
    return raw


def memory_warnings(space: Workspace, rate: Hertz) -> tuple[str, ...]:
    """One line for each network that memory forced to hear less of the song at a time than it is made for."""
    return tuple(
        f"memory was short: {name} heard only {frames / rate:.1f} s of the song at a time, at least in part of it; "
        "--force separates it again"
        for name, frames in _shortened(space).items()
    )


def _shortened(space: Workspace) -> dict[str, int]:
    """The segment lengths that an earlier run went on with when memory was short."""
    return {str(name): int(frames) for name, frames in space.recorded(_RECORD).get("shortened", {}).items()}


@dataclass(frozen=True, slots=True)
class _Appending:
    """The raw stems as they grow, and the record of how far they are."""

    raw: RawStems
    rate: Hertz
    space: Workspace
    shortened: dict[str, int]
    watch: Watch

    def append(self, blocks: Iterator[np.ndarray], done: int) -> None:
        """Write the blocks behind the first `done` frames."""
        raw, saved = self.raw, done
        with write_errors(raw.path), raw.path.open("ab") as stream:
            stream.truncate(done * raw.frame_bytes)
            for block in blocks:
                raw.append(stream, block)
                done += block.shape[2]
                if done - saved >= _SAVE_SECONDS * self.rate or done == raw.frames:
                    self._save(stream, done)
                    saved = done
                self.watch.step(Stage.SEPARATE, done, raw.frames)

    def _save(self, stream: BinaryIO, frames: int) -> None:
        # The samples must be on the disk before the record that says so.
        stream.flush()
        os.fsync(stream.fileno())
        self.space.record(_RECORD, {"frames": frames, "shortened": self.shortened})


def _frames_kept(space: Workspace, raw: RawStems) -> int:
    recorded = space.recorded(_RECORD).get("frames", 0)
    on_disk = raw.path.stat().st_size // raw.frame_bytes if raw.path.is_file() else 0
    return int(min(recorded, on_disk, raw.frames))


def _stereo_stems(
    model: Model,
    source: FrameSource,
    settings: SeparationSettings,
    start: int,
    watch: Watch,
    shortened: dict[str, int],
) -> Iterator[np.ndarray]:
    """Blocks (stem, 2, frame) from `start` to the song's end; a mono model hears left and right separately."""

    def stems(heard: FrameSource) -> Iterator[np.ndarray]:
        return separate(
            model,
            heard,
            settings,
            start=start,
            cancelled=watch.cancelled,
            note=watch.note,
            shortened=shortened,
        )

    if model.spec.channels == CHANNELS:
        yield from stems(source)
        return
    sides = [stems(OneChannel(source, channel)) for channel in range(CHANNELS)]
    for pair in in_step(sides, model.spec.segment):
        yield np.concatenate(list(pair), axis=1)


class OneChannel:
    """One channel of a source, as a mono `FrameSource`."""

    def __init__(self, source: FrameSource, channel: int) -> None:
        self.rate = source.rate
        self.channels = 1
        self.frames = source.frames
        self._source = source
        self._channel = channel

    def read(self, start: int, count: int) -> np.ndarray:
        """(1, count) frames from `start`."""
        return self._source.read(start, count)[self._channel : self._channel + 1]
