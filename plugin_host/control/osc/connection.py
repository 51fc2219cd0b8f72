"""One surface over TCP."""

import socket
from collections.abc import Callable, Iterator

from plugin_host.control.osc.framing import Framing, framing_of
from plugin_host.control.osc.packet import OscError
from plugin_host.control.osc.sockets import notice_vanished

MOST_WAITING = 1024 * 1024
"""Bytes to be sent to a surface that does not read them; then it is hung up."""
_READ_BYTES = 65_536


class Connection:
    """Reads packets, and sends as fast as the other side takes it. interested: called when there is more to send."""

    def __init__(self, connected: socket.socket, interested: Callable[["Connection", bool], None]) -> None:
        self.socket = connected
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        notice_vanished(self.socket)
        self.is_open = True
        self._interested = interested
        self._framing: Framing | None = None
        self._waiting = bytearray()

    def read(self) -> Iterator[bytes]:
        """The packets that came; closed where the other side hung up or sends what is no stream of packets."""
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.is_open = False
            return
        if self._framing is None:
            self._framing = framing_of(data[0])
        try:
            yield from self._framing.packets(data)
        except OscError:
            self.is_open = False
            raise

    def send(self, packet: bytes) -> None:
        """Send a packet, as soon as it goes."""
        if self._framing is None or not self.is_open:
            return
        self._waiting += self._framing.framed(packet)
        self.write()
        if len(self._waiting) > MOST_WAITING:
            self.is_open = False

    def write(self) -> None:
        """Send what waits."""
        try:
            sent = self.socket.send(self._waiting) if self._waiting else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.is_open, sent = False, 0
        del self._waiting[:sent]
        self._interested(self, bool(self._waiting))
