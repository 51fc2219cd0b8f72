"""Open Sound Control 1.0 packets taken apart, strictly and in bounded time, for anybody may send anything.

Source: the OSC 1.0 specification, opensoundcontrol.stanford.edu. Taken apart here rather than by python-osc, whose
parser never returns from a bundle element of length -4 (1.10.2), reads missing numbers as 0, and logs what it does
not know.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 8
"""Bundles in bundles."""
MAX_ARGUMENTS = 64
_BUNDLE = b"#bundle\0"
_NUMBERS = {"i": ">i", "h": ">q", "f": ">f", "d": ">d"}
_CONSTANTS = {"T": True, "F": False, "N": None}

Argument = float | int | str | bool | None


class OscError(Exception):
    """A packet that is none; its text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class OscMessage:
    """An address and its arguments."""

    address: str
    arguments: tuple[Argument, ...]


def messages(packet: bytes) -> tuple[OscMessage, ...]:
    """All messages of a packet, in order; timetags are passed over. `OscError` where any of it is malformed."""
    return tuple(_elements(packet, 0))


def _elements(data: bytes, depth: int) -> Iterator[OscMessage]:
    if data.startswith(b"/"):
        yield _message(data)
        return
    if not data.startswith(_BUNDLE) or len(data) < 16:
        raise OscError("neither a message nor a bundle")
    if depth == MAX_DEPTH:
        raise OscError(f"bundles nested deeper than {MAX_DEPTH}")
    at = 16
    while at < len(data):
        size = int(_number(">i", data, at))
        if size <= 0 or size % 4 or at + 4 + size > len(data):
            raise OscError(f"a bundle element of {size} bytes")
        yield from _elements(data[at + 4 : at + 4 + size], depth + 1)
        at += 4 + size


def _message(data: bytes) -> OscMessage:
    address, at = _text(data, 0)
    if at == len(data):
        return OscMessage(address, ())  # old senders leave the type tags out where there is nothing to tag
    tags, at = _text(data, at)
    if not tags.startswith(",") or len(tags) > MAX_ARGUMENTS + 1:
        raise OscError(f"no type tags of at most {MAX_ARGUMENTS} arguments")
    arguments: list[Argument] = []
    for tag in tags[1:]:
        argument, at = _argument(tag, data, at)
        arguments.append(argument)
    return OscMessage(address, tuple(arguments))


def _argument(tag: str, data: bytes, at: int) -> tuple[Argument, int]:
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    if tag in _NUMBERS:
        layout = _NUMBERS[tag]
        return _number(layout, data, at), at + struct.calcsize(layout)
    if tag in "sS":
        return _text(data, at)
    raise OscError(f"an argument of type {tag!r}")


def _number(layout: str, data: bytes, at: int) -> int | float:
    try:
        (value,) = struct.unpack_from(layout, data, at)
    except struct.error:
        raise OscError("ends in the middle of a number") from None
    return float(value) if layout in (">f", ">d") else int(value)


def _text(data: bytes, at: int) -> tuple[str, int]:
    """A text that a zero byte ends, filled up to a multiple of four bytes."""
    end = data.find(b"\0", at)
    after = end + 4 - end % 4
    if end < 0 or after > len(data):
        raise OscError("a text without an end")
    try:
        return data[at:end].decode(), after
    except UnicodeDecodeError:
        raise OscError("a text that is not UTF-8") from None
