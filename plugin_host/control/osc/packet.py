"""Open Sound Control 1.0 packets taken apart, strictly and in bounded time, for anybody may send anything.

Source: the OSC 1.0 specification, opensoundcontrol.stanford.edu. Taken apart here rather than by python-osc, whose
parser never returns from a bundle element of length -4 (1.10.2), reads missing numbers as 0, and logs what it does
not know.
"""

import struct
from typing import NamedTuple

MAX_DEPTH = 8
"""Bundles in bundles."""
MAX_ARGUMENTS = 64
MAX_PACKET = 65_535
"""Bytes; what fits in a UDP datagram, and what is taken over TCP."""
IMMEDIATELY = 1
"""The timetag of a bundle that is to be done now."""
_BUNDLE = b"#bundle\0"
_NUMBERS = {"i": "i", "h": "q", "f": "f", "d": "d"}
_CONSTANTS = {"T": True, "F": False, "N": None, "I": True}
_MOST_HEADS = 10_000

Argument = float | int | str | bool | None


class OscError(Exception):
    """A packet that is none; its text says what is wrong with it."""


class OscMessage(NamedTuple):
    """An address and its arguments."""

    address: str
    arguments: tuple[Argument, ...]


class OscBundle(NamedTuple):
    """Messages, and bundles, that go together. timetag: 64 bits, seconds since 1900 in units of 2^-32."""

    timetag: int
    elements: tuple["OscMessage | OscBundle", ...]


Packet = OscMessage | OscBundle
_Head = tuple[str, struct.Struct]
_heads: dict[bytes, _Head] = {}
"""Address and type tags as bytes, to what they mean, where all arguments are numbers: a fader sends the same ones over
and over."""


def parsed(packet: bytes) -> Packet:
    """The message or bundle that a packet is; `OscError` where any of it is malformed."""
    return _element(packet, 0)


def messages(packet: Packet) -> list[OscMessage]:
    """All messages of a packet, in order, whatever their time."""
    if isinstance(packet, OscMessage):
        return [packet]
    return [message for element in packet.elements for message in messages(element)]


def _element(data: bytes, depth: int) -> Packet:
    if data.startswith(b"/"):
        return _message(data)
    if not data.startswith(_BUNDLE) or len(data) < 16:
        raise OscError("neither a message nor a bundle")
    if depth == MAX_DEPTH:
        raise OscError(f"bundles nested deeper than {MAX_DEPTH}")
    elements, at = [], 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True) if at + 4 <= len(data) else 0
        if size <= 0 or size % 4 or at + 4 + size > len(data):
            raise OscError(f"a bundle element of {size} bytes")
        elements.append(_element(data[at + 4 : at + 4 + size], depth + 1))
        at += 4 + size
    return OscBundle(int.from_bytes(data[8:16], "big"), tuple(elements))


def _message(data: bytes) -> OscMessage:
    end = data.find(b"\0", data.find(b"\0,") + 1)
    head = data[: end + 4 - end % 4]
    known = _heads.get(head)
    if known is None:
        return _read_message(data)
    address, layout = known
    if len(data) - len(head) < layout.size:
        raise OscError("ends in the middle of a number")
    return OscMessage(address, layout.unpack_from(data, len(head)))


def _read_message(data: bytes) -> OscMessage:
    address, at = _text(data, 0)
    if at == len(data):
        return OscMessage(address, ())  # old senders leave the type tags out where there is nothing to tag
    tags, at = _text(data, at)
    if not tags.startswith(",") or len(tags) > MAX_ARGUMENTS + 1:
        raise OscError(f"no type tags of at most {MAX_ARGUMENTS} arguments")
    head = at
    arguments: list[Argument] = []
    for tag in tags[1:]:
        argument, at = _argument(tag, data, at)
        arguments.append(argument)
    _remember(data[:head], address, tags[1:])
    return OscMessage(address, tuple(arguments))


def _remember(head: bytes, address: str, tags: str) -> None:
    if all(tag in _NUMBERS for tag in tags):
        if len(_heads) >= _MOST_HEADS:
            _heads.clear()
        _heads[head] = (address, struct.Struct(">" + "".join(_NUMBERS[tag] for tag in tags)))


def _argument(tag: str, data: bytes, at: int) -> tuple[Argument, int]:
    if tag in _CONSTANTS:
        return _CONSTANTS[tag], at
    if tag in _NUMBERS:
        layout = struct.Struct(">" + _NUMBERS[tag])
        if at + layout.size > len(data):
            raise OscError("ends in the middle of a number")
        (value,) = layout.unpack_from(data, at)
        return value, at + layout.size
    if tag in "sS":
        return _text(data, at)
    raise OscError(f"an argument of type {tag!r}")


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
