"""Whether an MP3 says how long it is, and whether it keeps its word.

The first frame of most MP3 files carries a Xing/Info tag (frame count, byte count, encoder delay and padding).
libsndfile trusts it, and guesses from the first bit rate where it is missing, which cuts a song with a varying bit
rate short. Source: Xing VBR header SDK (1999); LAME tag specification rev. 1.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

_HEAD = 4_096
_SLACK = 4_096
"""Bytes of leeway: some encoders leave their own tag frame out of the count."""


@dataclass(frozen=True)
class Mp3Length:
    """tagged: the file says its frame count. stream_bytes: the byte count it says, or None.

    present_bytes: what follows the leading ID3 tags. goes_on: another MP3 is joined on after the counted bytes.
    """

    tagged: bool
    stream_bytes: int | None
    present_bytes: int
    goes_on: bool

    @property
    def share_present(self) -> float:
        """Part of the promised bytes that is there, 0 to 1; 1 when nothing is missing or nothing was promised."""
        promised = self.stream_bytes or 0
        return min(1.0, self.present_bytes / promised) if promised > self.present_bytes + _SLACK else 1.0


def mp3_length(path: Path) -> Mp3Length:
    """Read the length tag of the MP3 at `path`."""
    with path.open("rb") as file:
        size = path.stat().st_size
        start = _after_id3(file.read(10))
        file.seek(start)
        head = file.read(_HEAD)
        tagged, stream_bytes = _xing(head)
        end = start + (stream_bytes or 0)
        file.seek(end)
        goes_on = stream_bytes is not None and size - end > _SLACK and _starts_mp3(file.read(4))
        return Mp3Length(tagged, stream_bytes, size - start, goes_on)


def _after_id3(head: bytes) -> int:
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = 0
    for byte in head[6:10]:  # seven bits each, so that no size looks like an MPEG sync word
        length = length << 7 | byte & 0x7F
    return 10 + length + (10 if head[5] & 0x10 else 0)


def _xing(head: bytes) -> tuple[bool, int | None]:
    """(has a frame count, its byte count or None) of the tag in the first frame."""
    for name in (b"Xing", b"Info"):
        at = head.find(name, 0, 2_048)
        if at >= 0 and len(head) >= at + 16:
            flags = struct.unpack(">I", head[at + 4 : at + 8])[0]
            place = at + 8 + 4 * (flags & 1)
            count = struct.unpack(">I", head[place : place + 4])[0] if flags & 2 else None
            return bool(flags & 1), count
    return False, None


def _starts_mp3(head: bytes) -> bool:
    return head[:3] == b"ID3" or (len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
