"""Whether an Ogg file has its last page, and holds one song only.

An Ogg file says nowhere how long it is; its last page carries an end mark. Several songs joined on to each other
("chained") are read by libsndfile as the first of them alone. Source: RFC 3533.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

_LONGEST_PAGE = 65_307
_BEGIN_MARK = 0x02
_END_MARK = 0x04


@dataclass(frozen=True)
class OggEnd:
    """ended: the last page is whole and marked as the end. chained: it belongs to another song than the first."""

    ended: bool
    chained: bool


def ogg_end(path: Path) -> OggEnd:
    """Look at the first and the last page of the Ogg file at `path`."""
    with path.open("rb") as file:
        head = file.read(_LONGEST_PAGE)
        file.seek(max(0, path.stat().st_size - _LONGEST_PAGE))
        tail = file.read(_LONGEST_PAGE)
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return OggEnd(ended=False, chained=False)
    return OggEnd(_is_whole_end(tail[at:]), _serial(tail[at:]) not in _first_serials(head))


def _is_whole_end(page: bytes) -> bool:
    return len(page) >= _length(page) and bool(page[5] & _END_MARK)


def _length(page: bytes) -> int:
    """Bytes of the page by its own header of 27 bytes and one size per segment."""
    segments = page[26]
    return 27 + segments + sum(page[27 : 27 + segments])


def _serial(page: bytes) -> int:
    return int(struct.unpack("<I", page[14:18])[0])


def _first_serials(head: bytes) -> set[int]:
    """Serial numbers of the pages marked as beginnings at the start of the file: several for streams side by side."""
    serials: set[int] = set()
    while len(head) >= 27 and head[:4] == b"OggS" and head[5] & _BEGIN_MARK:
        serials.add(_serial(head))
        head = head[_length(head) :]
    return serials
