"""Writing a song: WAV in float32, 24 or 16 bits (RF64 beyond 4 GiB), or FLAC; all or nothing."""

import contextlib
import os
import secrets
import shutil
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np

from separation_core.audio.encoders import Encoder, FlacEncoder, WaveEncoder
from separation_core.errors import UnsupportedAudio, WriteFailed
from separation_core.units import Hertz

_MOST_FLAC_CHANNELS = 8


class SampleFormat(StrEnum):
    """How samples are kept: float32 never clips; the integer formats are dithered; FLAC is 24 bits without loss."""

    FLOAT32 = "float32"
    PCM24 = "pcm24"
    PCM16 = "pcm16"
    FLAC = "flac"

    @property
    def extension(self) -> str:
        """The file name's ending, without the dot."""
        return "flac" if self is SampleFormat.FLAC else "wav"

    @property
    def bits(self) -> int:
        """Bits per sample."""
        return {SampleFormat.FLOAT32: 32, SampleFormat.PCM16: 16}.get(self, 24)


class SongWriter:
    """Writes (channel, frame) blocks to `path`; a context manager.

    The samples go to a temporary file in the same folder. Leaving the `with` block normally forces them to the disk
    and renames the file; leaving it by an exception removes it, and what stood at `path` before stays untouched.
    `expected_frames`, where known, is only used to refuse at once what the disk has no room for. `dither_seed` fixes
    the noise of the integer formats: same samples, same bytes. frames_written: so far. clipped_samples: how many the
    integer format could not hold (0 for float32). WriteFailed: no such folder, no permission, disk full, file too
    large. UnsupportedAudio: a block with another channel count, or FLAC with more than eight channels.
    """

    def __init__(
        self,
        path: Path,
        rate: Hertz,
        channels: int,
        fmt: SampleFormat = SampleFormat.FLOAT32,
        *,
        expected_frames: int | None = None,
        dither_seed: int = 0,
    ) -> None:
        if fmt is SampleFormat.FLAC and channels > _MOST_FLAC_CHANNELS:
            raise UnsupportedAudio(f"FLAC holds up to 8 channels and {path} would have {channels}; write WAV instead")
        self._path = Path(path)
        self._temporary = self._path.with_name(f".{secrets.token_hex(8)}.part")
        self._rate, self._channels, self._format = rate, channels, fmt
        self._expected_frames, self._dither_seed = expected_frames, dither_seed
        self._file: BinaryIO | None = None
        self._encoder: Encoder | None = None
        self.frames_written = 0

    @property
    def clipped_samples(self) -> int:
        """Samples so far that the integer format could not hold; 0 for float32."""
        return 0 if self._encoder is None else self._encoder.clipped

    def __enter__(self) -> Self:
        try:
            self._require_room()
            self._file = self._temporary.open("xb", buffering=1 << 20)
            self._encoder = self._start(self._file)
        except OSError as error:
            self._discard()
            raise self._failure(error) from None
        return self

    def write(self, block: np.ndarray) -> None:
        """Append a (channel, frame) block of any length; full scale is ±1."""
        if self._encoder is None:
            raise WriteFailed(f"{self._path} is not open for writing; write inside the writer's with block")
        if block.ndim != 2 or block.shape[0] != self._channels:
            raise UnsupportedAudio(f"{self._path} takes {self._channels} channels and got a block {block.shape}")
        try:
            self._encoder.write(block)
        except OSError as error:
            raise self._failure(error) from None
        self.frames_written += block.shape[1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        try:
            self._commit()
        except OSError as failure:
            self._discard()
            raise self._failure(failure) from None

    def _require_room(self) -> None:
        if self._expected_frames is None or self._format is SampleFormat.FLAC:
            return
        needed = self._expected_frames * self._channels * self._format.bits // 8
        free = shutil.disk_usage(self._path.parent).free
        if needed > free:
            raise WriteFailed(
                f"{self._path} would take {needed / 1e6:.1f} MB and the disk has {free / 1e6:.1f} MB left; "
                f"free some space or write to another disk"
            )

    def _start(self, file: BinaryIO) -> Encoder:
        if self._format is SampleFormat.FLAC:
            return FlacEncoder(file, self._rate, self._channels, self._dither_seed)
        return WaveEncoder(file, self._rate, self._channels, self._format.bits, self._dither_seed)

    def _commit(self) -> None:
        if self._file is None or self._encoder is None:
            return
        self._encoder.finish()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self._path)
        _sync_folder(self._path.parent)

    def _discard(self) -> None:
        """Remove the temporary file; a full disk must not hide the first error by failing again on closing."""
        if self._encoder is not None:
            self._encoder.abandon()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> WriteFailed:
        return WriteFailed(
            f"{self._path} cannot be written ({error.strerror or error}); "
            f"check the folder, its permissions and the free space"
        )


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut; Windows has no such call and does it by itself."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
