"""OSC messages as bytes. Source: the OSC 1.0 specification, opensoundcontrol.stanford.edu."""

import struct
from collections.abc import Sequence
from functools import lru_cache

from plugin_host.control.osc.packet import Argument

_INT = range(-(2**31), 2**31)


def encoded(address: str, arguments: Sequence[Argument] = (), *, truth: bool = False) -> bytes:
    """A message. Truth values go as 1 and 0, which every surface can show, or with `truth` as type tags T and F."""
    tags, data = ",", b""
    for argument in arguments:
        tag, packed = _packed(argument, truth=truth)
        tags += tag
        data += packed
    return _padded(address) + _padded(tags) + data


def _packed(argument: Argument, *, truth: bool) -> tuple[str, bytes]:
    if argument is None:
        return "N", b""
    if isinstance(argument, bool):
        return ("T" if argument else "F", b"") if truth else ("i", struct.pack(">i", argument))
    if isinstance(argument, str):
        return "s", _text(argument)
    if isinstance(argument, int):
        return ("i", struct.pack(">i", argument)) if argument in _INT else ("d", struct.pack(">d", argument))
    try:
        return "f", struct.pack(">f", argument)
    except OverflowError:  # beyond what 32 bits hold
        return "d", struct.pack(">d", argument)


@lru_cache(maxsize=10_000)
def _padded(text: str) -> bytes:
    return _text(text)


def _text(text: str) -> bytes:
    data = text.replace("\0", "").encode(errors="replace")
    return data + bytes(4 - len(data) % 4)
