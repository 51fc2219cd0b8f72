"""OSC packets in a stream of bytes: SLIP as OSC 1.1 has it, or a length before each packet as OSC 1.0 has it.

Sources: RFC 1055; the OSC 1.0 specification. A sender says by its first byte which of the two it uses: a length below
2^24 begins with 0, a SLIP frame with 0xC0, or at once with the "/" or "#" of a packet.
"""

from collections.abc import Iterator
from typing import Protocol

from plugin_host.control.osc.packet import MAX_PACKET, OscError

_END, _ESCAPE, _ESCAPED_END, _ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD
_LONGEST_FRAME = 2 * MAX_PACKET
"""Bytes of a SLIP frame: each may be escaped."""


class Framing(Protocol):
    """Takes bytes as they come and gives packets. After an `OscError` the stream cannot be read on."""

    def packets(self, data: bytes) -> Iterator[bytes]:
        """The packets that these bytes complete; those before an `OscError` are good."""

    def framed(self, packet: bytes) -> bytes:
        """A packet as it goes into the stream."""


def framing_of(first: int) -> Framing:
    """The framing of a stream that begins with that byte."""
    return LengthPrefixed() if first == 0 else Slip()


class LengthPrefixed:
    """Four bytes of length, big-endian, before each packet."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def packets(self, data: bytes) -> Iterator[bytes]:
        """The packets that these bytes complete."""
        self._waiting += data
        at = 0
        while len(self._waiting) - at >= 4:
            size = int.from_bytes(self._waiting[at : at + 4], "big")
            if size > MAX_PACKET:
                raise OscError(f"a packet of {size} bytes")
            if len(self._waiting) - at - 4 < size:
                break
            yield bytes(self._waiting[at + 4 : at + 4 + size])
            at += 4 + size
        del self._waiting[:at]

    def framed(self, packet: bytes) -> bytes:
        """A packet as it goes into the stream."""
        return len(packet).to_bytes(4, "big") + packet


class Slip:
    """An END byte after each packet, and before it; what looks like one inside is escaped."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def packets(self, data: bytes) -> Iterator[bytes]:
        """The packets that these bytes complete; those with a wrong escape come as they are, to be refused."""
        self._waiting += data
        *frames, self._waiting = self._waiting.split(bytes((_END,)))
        for frame in filter(None, frames):
            _check(frame)
            yield _unescaped(bytes(frame))
        _check(self._waiting)

    def framed(self, packet: bytes) -> bytes:
        """A packet as it goes into the stream."""
        end, escape = bytes((_END,)), bytes((_ESCAPE,))
        inside = packet.replace(escape, bytes((_ESCAPE, _ESCAPED_ESCAPE))).replace(end, bytes((_ESCAPE, _ESCAPED_END)))
        return end + inside + end


def _check(frame: bytearray) -> None:
    if len(frame) > _LONGEST_FRAME:
        raise OscError(f"a packet of more than {MAX_PACKET} bytes")


def _unescaped(frame: bytes) -> bytes:
    return frame.replace(bytes((_ESCAPE, _ESCAPED_END)), bytes((_END,))).replace(
        bytes((_ESCAPE, _ESCAPED_ESCAPE)), bytes((_ESCAPE,))
    )
