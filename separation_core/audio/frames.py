"""Samples that can be read from any frame on: what the separation engine and the live host read from."""

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import soundfile

from separation_core.audio.regular_file import require_regular_file
from separation_core.audio.sndfile_reader import SequentialFile, known_frames, open_sound_file
from separation_core.audio.song import check_rate
from separation_core.errors import SongUnreadable, UnsupportedAudio
from separation_core.units import Hertz

# Compressed kinds in which libsndfile does not land on the very sample that was asked for.
_INEXACT = {"OGG", "MP3"}


class FrameSource(Protocol):
    """A known number of frames, any stretch of which can be read.

    rate: Hz. channels: 1 or more. frames: samples per channel.
    """

    rate: Hertz
    channels: int
    frames: int

    def read(self, start: int, count: int) -> np.ndarray:
        """Frames `start` to `start + count` as a new (channel, count) float32 array; zeros outside [0, frames)."""


class ArraySource:
    """Samples that are already in memory, (channel, frame) float32."""

    def __init__(self, samples: np.ndarray, rate: Hertz) -> None:
        self._samples = samples
        self.rate = rate
        self.channels, self.frames = samples.shape

    def read(self, start: int, count: int) -> np.ndarray:
        """See FrameSource.read."""
        out = np.zeros((self.channels, count), np.float32)
        first, end = _inside(start, count, self.frames)
        if end > first:
            out[:, first - start : end - start] = self._samples[:, first:end]
        return out


class WavSource:
    """An open WAV, RF64, W64, AIFF or FLAC file; a context manager.

    A read costs one file read (and one seek where it does not follow on the last one), and memory for what was asked
    for only. One source belongs to one thread at a time. SongUnreadable: damaged, cut short or not such a file.
    UnsupportedAudio: OGG, Opus or MP3, which cannot be entered at an exact frame, or a rate outside 8 to 192 kHz.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._file = _open_seekable(self._path)
        self._next = 0
        self.rate = check_rate(self._path, self._file.samplerate)
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames

    def read(self, start: int, count: int) -> np.ndarray:
        """See FrameSource.read; SongUnreadable when the file has become shorter or cannot be read there."""
        out = np.zeros((self.channels, count), np.float32)
        first, end = _inside(start, count, self.frames)
        if end > first:
            out[:, first - start : end - start] = self._stretch(first, end - first).T
        return out

    def _stretch(self, first: int, count: int) -> np.ndarray:
        """(frame, channel) samples."""
        try:
            if first != self._next:
                self._file.seek(first)
            found: np.ndarray = self._file.read(count, dtype="float32", always_2d=True)
        except soundfile.SoundFileRuntimeError as error:
            raise SongUnreadable(f"{self._path} cannot be read at frame {first} ({error}); restore it") from None
        self._next = first + len(found)
        if len(found) < count:
            raise SongUnreadable(
                f"{self._path} ends at frame {self._next} and had {self.frames} when it was opened; restore it"
            )
        return found

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open_seekable(path: Path) -> SequentialFile:
    require_regular_file(path)
    file = open_sound_file(path)
    if file is None:
        raise SongUnreadable(f"{path} is not a WAV or FLAC file; convert it first (ffmpeg -i IN OUT.wav)")
    if file.format in _INEXACT or known_frames(file) is None:
        file.close()
        raise UnsupportedAudio(f"{path} cannot be entered at an exact frame; convert it first (ffmpeg -i IN OUT.wav)")
    return file


def _inside(start: int, count: int, frames: int) -> tuple[int, int]:
    return max(0, min(start, frames)), max(0, min(start + count, frames))
