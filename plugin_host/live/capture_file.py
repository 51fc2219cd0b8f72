"""A recording that outlives whoever writes it: what has come is kept beside its name, and gets it in the end."""

import contextlib
import os
from pathlib import Path

import numpy as np

from plugin_host.engine.outputs.contract import Block
from plugin_host.errors import OutputError
from separation_core.audio.wave_writer import WaveWriter, finish_cut_file

CHANNELS, SAMPLE_BYTES = 2, 4


class CaptureFile:
    """A WAV of float32 in stereo, at `rate` Hz, written to `path` with ".part" behind it until `complete`.

    `OutputError`, also of every method: the disk is full, the folder is not there or may not be written. What was
    written until then can be kept with `rescue`.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self._path = path
        try:
            self._file = part_of(path).open("wb")
            self._wave = WaveWriter(self._file, rate, CHANNELS, SAMPLE_BYTES, is_float=True)
            self._file.flush()
        except OSError as error:
            raise _failure(path, error) from None

    def write(self, block: Block) -> None:
        """Append (2, frame); once this returns, no crash of this process takes it away."""
        try:
            self._wave.write(np.ascontiguousarray(block.T, "<f4").tobytes())
            self._file.flush()
        except OSError as error:
            raise _failure(self._path, error) from None

    def complete(self) -> None:
        """Give it its name."""
        try:
            self._wave.finish()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            part_of(self._path).replace(self._path)
        except OSError as error:
            raise _failure(self._path, error) from None

    def close(self) -> None:
        """Write no more; harmless when repeated."""
        with contextlib.suppress(OSError):  # of what the disk did not take
            self._file.close()


def part_of(path: Path) -> Path:
    """Where a recording lies until it is complete."""
    return path.with_name(f"{path.name}.part")


def rescue(path: Path) -> int:
    """Complete a recording that was cut off, and give it its name; how many frames that saved.

    0 where there is nothing, which leaves nothing behind. `OutputError` where the disk refuses.
    """
    part = part_of(path)
    try:
        with part.open("r+b") as file:
            frames = finish_cut_file(file, CHANNELS, SAMPLE_BYTES, is_float=True)
        if frames:
            part.replace(path)
        else:
            part.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _failure(path, error) from None
    return frames


def _failure(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"{path} cannot be written ({reason}): check the folder, its permissions and the free space")
