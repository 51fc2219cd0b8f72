"""A recording that outlives whoever writes it: what has come is kept beside its name, and gets it in the end."""

import contextlib
import itertools
import os
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from plugin_host.engine.outputs.contract import Block
from plugin_host.errors import OutputError
from separation_core.audio.wave_writer import WaveWriter, finish_cut_file

STEREO, SAMPLE_BYTES = 2, 4
_HEAD = 100
"""Bytes in which a file of ours says how many channels it has."""


class CaptureFile:
    """A WAV of float32, at `rate` Hz, written to `path` with ".part" behind it until `complete`.

    `OutputError`, also of every method: the disk is full, the folder is not there or may not be written, another
    recording of that name is not complete. What was written until then can be kept with `rescue`.
    """

    def __init__(self, path: Path, rate: int, channels: int = STEREO) -> None:
        self._path = path
        try:
            self._file = part_of(path).open("xb")
        except FileExistsError:
            raise _begun(path) from None
        except OSError as error:
            raise _failure(path, error) from None
        try:
            self._wave = WaveWriter(self._file, rate, channels, SAMPLE_BYTES, is_float=True)
            self._file.flush()
        except OSError as error:
            self.close()
            with contextlib.suppress(OSError):
                part_of(path).unlink()  # else it would be taken for a recording
            raise _failure(path, error) from None

    def write(self, block: Block) -> None:
        """Append (channel, frame); once this returns, no crash of this process takes it away."""
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


def check_unbegun(path: Path) -> None:
    """`OutputError` where a recording of that name goes on, or was cut off with all that could have completed it."""
    if part_of(path).exists():
        raise _begun(path)


def rescue(path: Path) -> int:
    """Complete a recording that was cut off, and give it its name; how many frames that saved.

    0 where there is nothing, which leaves nothing behind. `OutputError` where the disk refuses.
    """
    part = part_of(path)
    try:
        with part.open("r+b") as file:
            frames = finish_cut_file(file, _channels_of(file), SAMPLE_BYTES, is_float=True)
        if frames:
            part.replace(path)
        else:
            part.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _failure(path, error) from None
    return frames


def kept_of(path: Path, rate: int) -> str:
    """Complete a recording that the disk refused to take on; in words, how much of it is kept."""
    try:
        kept = rescue(path)
    except OutputError:
        kept = 0
    return f"its first {kept / rate:.1f} s are kept" if kept else "nothing of it is kept"


def go_on_elsewhere(cut: Path, asked: Path, what: str) -> tuple[Path, str]:
    """Complete what a crash cut off; the free name beside the one `asked` for under which `what` goes on, and a line.

    The names are "asked-2", "asked-3" …
    """
    names = (asked.with_stem(f"{asked.stem}-{number}") for number in itertools.count(2))
    after = next(path for path in names if path != cut and not path.exists() and not part_of(path).exists())
    return after, f"{_rescued(cut, what)}; the {what} goes on in {after}"


def _rescued(cut: Path, what: str) -> str:
    try:
        frames = rescue(cut)
    except OutputError as error:
        return f"the {what} was cut short by that: {error}"
    return f"the {what} until then is in {cut}" if frames else f"nothing more had come for {cut}"


def _channels_of(file: BinaryIO) -> int:
    """What the header says; stereo where it was cut off before it is."""
    file.seek(0)
    _, _, chunk = file.read(_HEAD).partition(b"fmt ")
    channels: int = struct.unpack_from("<H", chunk, 6)[0] if len(chunk) >= 8 else 0
    return channels or STEREO


def _begun(path: Path) -> OutputError:
    return OutputError(f"{part_of(path)} is there, begun by another play: choose another name, or move it away")


def _failure(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"{path} cannot be written ({reason}): check the folder, its permissions and the free space")
