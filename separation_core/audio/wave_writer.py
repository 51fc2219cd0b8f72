"""Writing the bytes of a WAV file, which becomes an RF64 where it outgrows 32-bit sizes.

Written here rather than by libsndfile so that the same samples give the same bytes (libsndfile stamps the time into
float files), so that a full disk is an OSError with its reason, and so that no length need be known beforehand: a
JUNK chunk keeps the room which a ds64 chunk takes if it comes to that. Source: EBU Tech 3306 v1.1, section 4.
"""

import io
import struct
from typing import BinaryIO

RIFF_LIMIT = (1 << 32) - 1
"""The largest size that a RIFF header can name, in bytes."""
_PCM, _FLOAT = 1, 3
_UNSAID = 0xFFFF_FFFF


class WaveWriter:
    """Writes one WAV to a seekable binary file, which stays the caller's to close."""

    def __init__(
        self,
        file: BinaryIO,
        rate: int,
        channels: int,
        sample_bytes: int,
        *,
        is_float: bool,
        riff_limit: int = RIFF_LIMIT,
    ) -> None:
        self._file = file
        self._frame_bytes = channels * sample_bytes
        self._riff_limit = riff_limit
        self._data_bytes = 0
        self._is_float = is_float
        tag = _FLOAT if is_float else _PCM
        format_chunk = struct.pack(
            "<HHIIHH", tag, channels, rate, rate * self._frame_bytes, self._frame_bytes, 8 * sample_bytes
        )
        self._header_bytes = file.write(self._header(format_chunk))

    def _header(self, format_chunk: bytes) -> bytes:
        """Sizes are zero until `finish`; a file that was never finished says so by them."""
        fact = _chunk(b"fact", bytes(4)) if self._is_float else b""
        chunks = _chunk(b"JUNK", bytes(28)) + _chunk(b"fmt ", format_chunk) + fact
        return b"RIFF" + bytes(4) + b"WAVE" + chunks + b"data" + bytes(4)

    def write(self, samples: bytes | memoryview) -> None:
        """Append interleaved little-endian samples."""
        self._file.write(samples)
        self._data_bytes += len(samples)

    def finish(self) -> None:
        """Write the sizes into the header; no samples may follow."""
        if self._data_bytes % 2:
            self._file.write(b"\0")
        riff_bytes = self._header_bytes - 8 + self._data_bytes + self._data_bytes % 2
        frames = self._data_bytes // self._frame_bytes
        long = riff_bytes > self._riff_limit
        if long:
            self._patch(0, b"RF64")
            self._patch(12, _chunk(b"ds64", struct.pack("<QQQI", riff_bytes, self._data_bytes, frames, 0)))
        self._patch(4, struct.pack("<I", _UNSAID if long else riff_bytes))
        if self._is_float:
            self._patch(self._header_bytes - 12, struct.pack("<I", _UNSAID if long else frames))
        self._patch(self._header_bytes - 4, struct.pack("<I", _UNSAID if long else self._data_bytes))

    def _patch(self, place: int, content: bytes) -> None:
        self._file.seek(place)
        self._file.write(content)


def finish_cut_file(file: BinaryIO, channels: int, sample_bytes: int, *, is_float: bool) -> int:
    """Complete a file of ours, open for reading and writing, whose writer is gone; how many whole frames it holds."""
    writer = WaveWriter(io.BytesIO(), 0, channels, sample_bytes, is_float=is_float)
    frames = max(0, file.seek(0, io.SEEK_END) - writer._header_bytes) // writer._frame_bytes
    writer._file, writer._data_bytes = file, frames * writer._frame_bytes
    file.truncate(writer._header_bytes + writer._data_bytes)
    file.seek(0, io.SEEK_END)
    writer.finish()
    return frames


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
