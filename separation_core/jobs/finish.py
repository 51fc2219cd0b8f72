"""From the model's stems to the session's: the song's rate, an honest sum, files and levels."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from separation_core.audio.frames import WavSource
from separation_core.audio.loudness import LevelMeter
from separation_core.audio.resampling import resample_blocks
from separation_core.audio.writing import SongWriter
from separation_core.inference.consistency import ScaleFit, SumMode, share_residual, two_stems
from separation_core.inference.heap import Heap
from separation_core.jobs.cover import Cover
from separation_core.jobs.options import SessionOptions, stem_names
from separation_core.jobs.part import Span
from separation_core.jobs.separation_work import CHANNELS, RawStems
from separation_core.jobs.stretches import cut, read_blocks
from separation_core.jobs.watch import Stage, Watch
from separation_core.models.contract import ModelSpec
from separation_core.sessions.durable import write_errors
from separation_core.sessions.manifest import StemRecord
from separation_core.sessions.store import STEMS_FOLDER
from separation_core.units import Frames

SILENT_PEAK_DB = -60.0
"""A stem whose highest sample is under this is called silent: a thousandth of full scale is not heard in a mix."""

_CATCH_ALL = "other"

Blocks = Iterable[np.ndarray]


@dataclass(frozen=True, slots=True)
class Finishing:
    """What the last stage works on: all of the decoded song, the raw stems, and what was asked for."""

    song: WavSource
    raw: RawStems
    cover: Cover
    spec: ModelSpec
    options: SessionOptions
    watch: Watch

    def stems_at_song_rate(self) -> Iterator[np.ndarray]:
        """Blocks (stem, channel, frame) of the model's stems over `cover.shared`."""
        start = self.cover.resampled_from
        shared = Span(self.cover.shared.start - start, self.cover.shared.end - start)
        if self.song.rate == self.spec.rate:
            return cut(self.raw.blocks(), shared)
        wide = (block.reshape(-1, block.shape[2]) for block in self.raw.blocks())
        channels = self.raw.stems * CHANNELS
        resampled = resample_blocks(wide, self.spec.rate, self.song.rate, channels, shared.end)
        return cut((block.reshape(self.raw.stems, CHANNELS, -1) for block in resampled), shared)

    def honest_stems(self) -> Iterator[np.ndarray]:
        """Blocks (stem, channel, frame) of the part after the chosen sum mode, all of the model's that the song has."""
        match self.options.sum_mode:
            case SumMode.RESIDUAL:
                return self._part(self._with_residual(self.stems_at_song_rate()))
            case SumMode.LEAST_SQUARES:
                return self._scaled(self._part(self.stems_at_song_rate()), self._scales())
            case SumMode.OFF:
                return self._part(self.stems_at_song_rate())

    def session_stems(self) -> Iterator[np.ndarray]:
        """Blocks (stem, channel, frame) of the stems as the session names them."""
        stems = self.honest_stems()
        if not self.options.two_stems:
            return stems
        keep = self.spec.stems.index(self.options.two_stems)
        return (two_stems(block, keep) for block in stems)

    def _part(self, shared: Blocks) -> Iterator[np.ndarray]:
        """The frames of the part out of those of `cover.shared`."""
        part, start = self.cover.part, self.cover.shared.start
        return cut(shared, Span(part.start - start, part.end - start))

    def _with_residual(self, stems: Blocks) -> Iterator[np.ndarray]:
        names, without = self.spec.stems, self.options.without
        return share_residual(
            read_blocks(self.song, self.cover.shared),
            stems,
            rate=self.song.rate,
            model_rate=self.spec.rate,
            catch_all=names.index(_CATCH_ALL) if _CATCH_ALL in names and _CATCH_ALL not in without else None,
            absent=frozenset(map(names.index, without)),
        )

    def _scales(self) -> np.ndarray:
        fit, part = ScaleFit(self.raw.stems), self.cover.part
        done = part.start
        for block in self._part(self.stems_at_song_rate()):
            fit.add(self.song.read(done, block.shape[2]), block)
            done += block.shape[2]
            self.watch.step(Stage.FIT, done - part.start, part.frames)
        return fit.scales()

    def _scaled(self, stems: Blocks, scales: np.ndarray) -> Iterator[np.ndarray]:
        factors = scales.astype(np.float32)[:, None, None]
        return (block * factors for block in stems)


@dataclass(frozen=True, slots=True)
class Finished:
    """The written stems, and what the listener should know about them."""

    stems: tuple[StemRecord, ...]
    warnings: tuple[str, ...]


def write_stems(finishing: Finishing, folder: Path) -> Finished:
    """Write the stems' files into `folder`, measured as they pass. What an earlier run left there goes first."""
    with write_errors(folder):
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
    return _write(finishing, folder, stem_names(finishing.options, finishing.spec))


def _write(finishing: Finishing, folder: Path, names: tuple[str, ...]) -> Finished:
    song, watch = finishing.song, finishing.watch
    part = finishing.cover.part
    files = [f"{name}.{finishing.options.sample_format.extension}" for name in names]
    meters = [LevelMeter(song.rate, CHANNELS) for _ in names]
    heap = Heap()
    with ExitStack() as stack:
        writers = [stack.enter_context(_writer(finishing, folder / file, place)) for place, file in enumerate(files)]
        for block in finishing.session_stems():
            for writer, meter, stem in zip(writers, meters, block, strict=True):
                meter.add(stem)
                writer.write(stem)
            heap.tidy()
            watch.step(Stage.WRITE, writers[0].frames_written, part.frames)
    records = tuple(_record(*each) for each in zip(names, files, meters, strict=True))
    return Finished(records, tuple(_clipping(names, writers)))


def _writer(finishing: Finishing, path: Path, place: int) -> SongWriter:
    kind, song = finishing.options.sample_format, finishing.song
    # Every stem its own dither, or the noise of all would add up in step.
    frames = finishing.cover.part.frames
    return SongWriter(path, song.rate, CHANNELS, kind, expected_frames=frames, dither_seed=place)


def _record(name: str, file: str, meter: LevelMeter) -> StemRecord:
    levels = meter.levels()
    return StemRecord(
        name=name,
        file=f"{STEMS_FOLDER}/{file}",
        frames=Frames(levels.frames),
        lufs=levels.lufs,
        peak_db=levels.peak_db,
        silent=is_silent(levels.peak_db),
    )


def is_silent(peak_db: float) -> bool:
    """Whether a file with that sample peak counts as silent."""
    return peak_db < SILENT_PEAK_DB


def _clipping(names: tuple[str, ...], writers: list[SongWriter]) -> Iterator[str]:
    for name, writer in zip(names, writers, strict=True):
        if writer.clipped_samples:
            yield f"{name}: {writer.clipped_samples} samples were clipped: choose float32 stems, which never clip"
