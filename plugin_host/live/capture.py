"""What is heard, written to a file while it plays."""

from pathlib import Path

import numpy as np

from plugin_host.engine.outputs.frame_ring import FrameRing
from plugin_host.live.signal_path import SignalPath
from separation_core.audio.writing import SongWriter
from separation_core.errors import SeparationError
from separation_core.units import Hertz

_SECONDS = 20
_PIECE = 16_384


class CaptureWriter:
    """Writes the master, float32 at the session's rate; the file appears when it is complete."""

    def __init__(self, path: SignalPath) -> None:
        self._path = path
        self._writer: SongWriter | None = None
        self._room = np.zeros((2, _PIECE), dtype=np.float32)

    def begin(self, target: Path | None) -> None:
        """Write to `target` from the next block on; None ends what is being written."""
        self.end()
        if target is None:
            return
        try:
            writer = SongWriter(target, Hertz(self._path.rate), 2)
            self._writer = writer.__enter__()
        except SeparationError as error:
            self._path.notice(str(error))
            return
        self._ring = FrameRing(2, self._path.rate * _SECONDS)
        self._path.loop.call(lambda: self._path.loop.record(self._ring))

    def advance(self) -> None:
        """Write what has come."""
        if self._writer is None:
            return
        try:
            while self._ring.readable:
                count = min(self._ring.readable, _PIECE)
                self._ring.read_into(self._room[:, :count])
                self._writer.write(self._room[:, :count])
        except SeparationError as error:
            self._path.notice(f"the capture ends: {error}")
            self._abandon(error)

    def end(self) -> None:
        """Complete the file, if one is being written."""
        if self._writer is None:
            return
        self._path.loop.record(None)
        self.advance()
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.__exit__(None, None, None)

    def _abandon(self, error: SeparationError) -> None:
        writer, self._writer = self._writer, None
        self._path.loop.record(None)
        if writer is not None:
            writer.__exit__(type(error), error, error.__traceback__)
