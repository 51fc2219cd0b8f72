"""What is heard, written to a file while it plays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from plugin_host.engine.outputs.frame_ring import FrameRing
from plugin_host.errors import OutputError
from plugin_host.live.capture_file import CaptureFile, kept_of
from plugin_host.live.port import CaptureLost
from plugin_host.live.signal_path import SignalPath

_RING_SECONDS = 20
_PIECE_SECONDS = 0.2
"""What is written at a time, and so the most that a crash takes away."""


class CaptureWriter:
    """Writes the master, float32 at the session's rate; the file has its name when it is complete.

    Where the disk takes no more, what it took is kept.
    """

    def __init__(self, path: SignalPath, tell: Callable[[CaptureLost], None]) -> None:
        self._path, self._tell = path, tell
        self._target = Path()
        self._file: CaptureFile | None = None
        self._room = np.zeros((2, round(path.rate * _PIECE_SECONDS)), dtype=np.float32)

    def begin(self, target: Path | None) -> None:
        """Write to `target` from the next block on; None ends what is being written."""
        self.end()
        if target is None:
            return
        try:
            file = self._file = CaptureFile(target, self._path.rate)
        except OutputError as error:
            self._path.notice(str(error))
            self._tell(CaptureLost(target))
            return
        self._target = target
        ring = self._ring = FrameRing(2, self._path.rate * _RING_SECONDS)
        self._path.loop.call(lambda: self._path.loop.record(ring) if self._file is file else None)

    def advance(self) -> None:
        """Write what has come, once it is worth it."""
        while self._file is not None and self._ring.readable >= self._room.shape[1]:
            self._write(self._file)

    def end(self) -> None:
        """Complete the file, if one is being written."""
        if self._file is None:
            return
        self._path.loop.record(None)
        while self._file is not None and self._ring.readable:
            self._write(self._file)
        if self._file is not None:
            self._complete(self._file)

    def _write(self, file: CaptureFile) -> None:
        piece = self._room[:, : min(self._ring.readable, self._room.shape[1])]
        self._ring.read_into(piece)
        try:
            file.write(piece)
        except OutputError as error:
            self._give_up(file, error)

    def _complete(self, file: CaptureFile) -> None:
        try:
            file.complete()
        except OutputError as error:
            self._give_up(file, error)
        self._file = None

    def _give_up(self, file: CaptureFile, error: OutputError) -> None:
        self._path.loop.record(None)
        self._file = None
        file.close()
        self._path.notice(f"the capture ends: {error}; {kept_of(self._target, self._path.rate)}")
        self._tell(CaptureLost(self._target))
