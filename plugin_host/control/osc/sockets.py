"""The sockets that surfaces reach us by."""

import errno
import os
import socket
import sys
from contextlib import suppress

from plugin_host.errors import ControlError

RECEIVE_BYTES = 4 * 1024 * 1024
"""What the kernel keeps for us while the server is busy: a burst of ten thousand messages."""
_SIGNS_OF_LIFE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}
"""As far as the system knows them: after a minute without one (in seconds, the last in ms) a connection has failed."""
_FORCE = 33
"""SO_RCVBUFFORCE of Linux, which Python does not name: beyond net.core.rmem_max, for the privileged."""


def udp_socket(host: str, port: int) -> socket.socket:
    """A UDP socket that does not block. `ControlError` where the port cannot be had."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    if sys.platform == "linux":
        with suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, _FORCE, RECEIVE_BYTES)
    return _bound(made, host, port, "--osc-port")


def listening_socket(host: str, port: int, option: str = "--osc-tcp-port") -> socket.socket:
    """A TCP socket that listens and does not block. `ControlError` where the port cannot be had."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere it would let two programs share the port
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound = _bound(made, host, port, option)
    bound.listen(16)
    return bound


def notice_vanished(connected: socket.socket) -> None:
    """Have the connection fail when the other side is gone without a word: switched off, out of the radio's reach."""
    with suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _SIGNS_OF_LIFE.items():
            if hasattr(socket, name):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def receive_bytes(made: socket.socket) -> int:
    """What the kernel keeps for the socket at most."""
    return made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def _bound(made: socket.socket, host: str, port: int, option: str) -> socket.socket:
    made.setblocking(False)
    try:
        made.bind((host, port))
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        remedy = f"choose another with {option}"
        if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL:
            remedy = "give --osc-listen an address of this machine, or 0.0.0.0 for all of them"
        raise ControlError(f"OSC port {port} on {host} cannot be used: {reason}: {remedy}") from error
    return made
