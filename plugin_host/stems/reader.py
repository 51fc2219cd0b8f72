"""A session's audio files as blocks: read where needed, never whole."""

from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from plugin_host.errors import MixError
from separation_core.audio.frames import WavSource
from separation_core.errors import AudioError
from separation_core.units import Hertz


class StemReader:
    """One stereo file of a session as a `FrameSource`: any frame, in any order; zeros outside the file.

    path: the file. rate (Hz) and frames: what the session says it holds; a file that disagrees is refused with
    `MixError`, as it would play out of step with the others. A context manager; reads from one thread at a time.
    """

    channels = 2

    def __init__(self, path: Path, rate: Hertz, frames: int) -> None:
        self.path = path
        self.rate = rate
        self.frames = frames
        self._source = _open(path)
        try:
            self._check()
        except MixError:
            self.close()
            raise

    def read(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Frames `start` … `start + count` as (2, count) float32; `MixError` where the file cannot be read."""
        try:
            return self._source.read(start, count)
        except AudioError as error:
            raise MixError(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._source.__exit__(None, None, None)

    def __enter__(self) -> "StemReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self) -> None:
        found = (self._source.rate, self._source.channels, self._source.frames)
        if found != (self.rate, self.channels, self.frames):
            raise MixError(
                f"{self.path}: holds {found[2]} frames, {found[1]} channels at {found[0]} Hz where the session says "
                f"{self.frames}, {self.channels} at {self.rate}: separate the song again with --force"
            )


class SilentStem:
    """In the place of a stem that cannot be read: nothing but zeros, stereo, `frames` long at `rate` Hz."""

    channels = 2

    def __init__(self, rate: Hertz, frames: int) -> None:
        self.rate = rate
        self.frames = frames

    def read(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Zeros, (2, count)."""
        return np.zeros((self.channels, count), np.float32)

    def close(self) -> None:
        """Nothing is open."""


def _open(path: Path) -> WavSource:
    if not path.is_file():
        raise MixError(f"{path}: this file of the session is missing: separate the song again with --force")
    try:
        return WavSource(path)
    except AudioError as error:
        raise MixError(f"{error}; separate the song again with --force") from error
