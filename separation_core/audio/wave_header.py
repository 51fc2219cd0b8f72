"""How many bytes of samples a WAV, RF64, W64, AIFF or AU header promises.

libsndfile quietly shortens a file whose header promises more than the disk holds, and quietly stops where a 32-bit
size has wrapped round. Both would give a shorter song without a word, so the header is read here as well.
Sources: RIFF/WAVE (Microsoft 1991), EBU Tech 3306 (RF64), Sony Wave64, AIFF-C draft (Apple 1991),
AU (Sun).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_WRAP = 1 << 32
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_MOST_CHUNKS = 10_000


@dataclass(frozen=True)
class SampleBytes:
    """promised: bytes of samples by the header, None when it was written to a pipe and says "unknown".

    present: bytes from the first sample to the end of the file, later chunks included.
    wrapped: True when the file goes on for 4 GiB or more beyond what its 32-bit size can name.
    """

    promised: int | None
    present: int
    wrapped: bool

    @property
    def missing(self) -> int:
        """Bytes promised and not there."""
        return max(0, (self.promised or 0) - self.present)


def sample_bytes(path: Path) -> SampleBytes | None:
    """Read the header of `path`; None when it is none of these formats or has no chunk of samples."""
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(16)
        if magic[:4] in (b"RIFF", b"RIFX", b"RF64"):
            return _from_riff(file, size, ">" if magic[:4] == b"RIFX" else "<")
        if magic[:4] == b"FORM" and magic[8:12] in (b"AIFF", b"AIFC"):
            return _from_aiff(file, size)
        if magic == _W64_RIFF:
            return _from_w64(file, size)
        if magic[:4] == b".snd" and len(magic) == 16:
            start, length = struct.unpack(">II", magic[4:12])
            return SampleBytes(None if _is_unknown(length) else length, size - start, wrapped=False)
    return None


def _from_riff(file: BinaryIO, size: int, order: str) -> SampleBytes | None:
    long_size = None
    for name, length, start in _chunks(file, size, order):
        if name == b"ds64":
            long_size = struct.unpack("<Q", file.read(16)[8:])[0]
        if name == b"data":
            present = size - start
            if length == _WRAP - 1 and long_size is not None:
                return SampleBytes(long_size, present, wrapped=False)
            return SampleBytes(None if _is_unknown(length) else length, present, present - length >= _WRAP - 65_536)
    return None


def _from_aiff(file: BinaryIO, size: int) -> SampleBytes | None:
    for name, length, start in _chunks(file, size, ">"):
        if name == b"SSND":
            return SampleBytes(max(0, length - 8), size - start - 8, wrapped=False)
    return None


def _from_w64(file: BinaryIO, size: int) -> SampleBytes | None:
    start = 40  # after the riff GUID, the file size and the wave GUID
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        header = file.read(24)
        if len(header) < 24:
            return None
        length = struct.unpack("<Q", header[16:])[0]  # counts its own 24 bytes
        if header[:16] == _W64_DATA:
            return SampleBytes(max(0, length - 24), size - start - 24, wrapped=False)
        start += max(24, -(-length // 8) * 8)
    return None


def _chunks(file: BinaryIO, size: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    """(name, length, start of the content) of each chunk; the file stands at the content when a chunk is yielded."""
    start = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        header = file.read(8)
        if len(header) < 8 or start >= size:
            return
        length = struct.unpack(f"{order}I", header[4:])[0]
        yield header[:4], length, start + 8
        start += 8 + length + length % 2


def _is_unknown(length: int) -> bool:
    """Sizes that writers to a pipe leave: ffmpeg all ones, sox and others just below or at 2 GiB."""
    return length >= _WRAP - 256 or 0x7FFF_F000 <= length <= 0x8000_0000
