"""True stems, estimates and mixture of one song as blocks of one rate, length and channel count."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from separation_core.audio.blocks import reblock
from separation_core.audio.channels import WAVE_SPEAKERS, to_stereo
from separation_core.audio.reading import SongInfo, describe_song, open_song
from separation_core.audio.resampling import resample_blocks, resampled_frames
from separation_core.errors import SeparationError, UnsupportedAudio
from separation_core.evaluation.stem_folders import SongCase
from separation_core.units import Hertz


@dataclass(frozen=True, slots=True)
class AlignedBlock:
    """true and estimates: (stem, channel, frame) float32; mixture: (channel, frame) float32."""

    true: np.ndarray
    estimates: np.ndarray
    mixture: np.ndarray


class AlignedStems:
    """The files of a song, made alike.

    rate: the true stems' own, the first one's where they differ. frames: the longest true stem's or the mixture's.
    channels: 1 where every file is mono, else 2. Estimates of another rate are resampled, shorter files are padded
    with silence, longer estimates are cut as `museval` does; `warnings` says so, one line each, also about samples
    that are not numbers once they were met (they are taken as silence). SeparationError: an empty song.
    """

    def __init__(self, case: SongCase) -> None:
        self._case = case
        self._infos = {path: _described(path) for path in _paths(case)}
        self._true = [path for files in case.true.values() for path in files]
        self.rate: Hertz = self._infos[self._true[0]].rate
        self.channels = 1 if all(info.channels == 1 for info in self._infos.values()) else 2
        self._lengths = {path: self._length(path) for path in self._infos}
        self.frames = max(self._lengths[path] for path in (*self._true, *case.mixture))
        if not self.frames:
            raise SeparationError(f"{case.name}: its true stems are empty files")
        self.warnings = [*case.warnings, *self._differences()]

    def blocks(self, frames: int) -> Iterator[AlignedBlock]:
        """The song in blocks of `frames` frames, the last one shorter; every call starts anew."""
        case, stems = self._case, len(self._case.true)
        groups = [*case.true.values(), *case.estimates.values(), case.mixture]
        for parts in zip(*(self._sum(files, frames) for files in groups), strict=True):
            yield AlignedBlock(np.stack(parts[:stems]), np.stack(parts[stems:-1]), parts[-1])

    def _sum(self, files: tuple[Path, ...], frames: int) -> Iterator[np.ndarray]:
        streams = [self._stream(path, frames) for path in files]
        for start in range(0, self.frames, frames):
            total = np.zeros((self.channels, min(frames, self.frames - start)), np.float32)
            for stream in streams:
                total += next(stream)
            yield total

    def _stream(self, path: Path, frames: int) -> Iterator[np.ndarray]:
        with open_song(path) as song:
            blocks = (self._finite(path, block) for block in song.blocks())
            rate = self._infos[path].rate
            yield from reblock(resample_blocks(blocks, rate, self.rate, self.channels, self.frames), frames)

    def _finite(self, path: Path, block: np.ndarray) -> np.ndarray:
        """The block with the song's channel count and without samples that are not numbers."""
        if not np.isfinite(block).all():
            warning = f"{path} holds samples that are not numbers, taken as silence"
            self.warnings += [] if warning in self.warnings else [warning]
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return to_stereo(block) if self.channels == 2 else block

    def _length(self, path: Path) -> int:
        info = self._infos[path]
        frames = _decoded_frames(path) if info.frames is None else info.frames
        return resampled_frames(frames, info.rate, self.rate)

    def _differences(self) -> Iterator[str]:
        for path, info in self._infos.items():
            if info.rate != self.rate:
                yield f"{path} has {info.rate} Hz and is resampled to the true stems' {self.rate} Hz"
            if self._lengths[path] != self.frames:
                yield self._other_length(path, info)

    def _other_length(self, path: Path, info: SongInfo) -> str:
        missing = (self.frames - self._lengths[path]) / self.rate
        change = f"{missing:.3f} s short of the song and is padded with silence"
        if missing < 0:
            change = f"{-missing:.3f} s longer than the song and is cut"
        return f"{info.path} is {change}"


def _described(path: Path) -> SongInfo:
    """The facts about a file. UnsupportedAudio, naming it, for more channels than can be mixed down."""
    info = describe_song(path)
    if info.channels > max(WAVE_SPEAKERS):
        raise UnsupportedAudio(f"{path} has {info.channels} channels and no known layout; mix it down to two first")
    return info


def _paths(case: SongCase) -> list[Path]:
    groups = (*case.true.values(), *case.estimates.values(), case.mixture)
    return list(dict.fromkeys(path for files in groups for path in files))


def _decoded_frames(path: Path) -> int:
    with open_song(path) as song:
        return sum(block.shape[1] for block in song.blocks())
