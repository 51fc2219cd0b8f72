"""Surfaces on TCP that go without a word, or are too many."""

import ctypes
import socket
import struct
import sys
import time
from typing import Any

import pytest

from plugin_host.control.osc import sockets
from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.framing import Slip
from plugin_host.control.osc.server import MOST_CONNECTIONS
from plugin_host.control.osc.settings import LOOPBACK

Rack = Any  # the conftest's
ATTACH_FILTER = 26
"""SO_ATTACH_FILTER of Linux, which Python does not name."""
PATIENCE_SECONDS = 30.0


def switch_off(surface: socket.socket) -> None:
    """From now on it takes nothing in and answers nothing, as a tablet out of the radio's reach."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    surface.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(drop_all)))


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's socket filters")
@pytest.mark.parametrize("is_told", [False, True])
def test_a_surface_that_is_switched_off_is_hung_up(rack: Rack, monkeypatch: pytest.MonkeyPatch, is_told: bool) -> None:
    soon = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 1, "TCP_USER_TIMEOUT": 1000}
    assert soon.keys() == sockets._SIGNS_OF_LIFE.keys()
    monkeypatch.setattr(sockets, "_SIGNS_OF_LIFE", soon)
    with socket.create_connection((LOOPBACK, rack.server.tcp_port), timeout=10.0) as surface:
        surface.sendall(Slip().framed(encoded("/subscribe" if is_told else "/ping")))
        surface.recv(100)
        switch_off(surface)
        until = time.monotonic() + PATIENCE_SECONDS
        while rack.server._peers.connected:
            assert time.monotonic() < until, "it is still taken for connected"
            rack.client().send("/track/vocals/gain", -(time.monotonic() % 10.0))
            time.sleep(0.05)
    assert rack.client().ask("/ping").address == "/pong"


def test_who_comes_when_all_places_are_taken_is_told_of(rack: Rack) -> None:
    place = (LOOPBACK, rack.server.tcp_port)
    surfaces = [socket.create_connection(place, timeout=10.0) for _ in range(MOST_CONNECTIONS + 1)]
    assert surfaces[-1].recv(10) == b""
    surfaces[0].sendall(Slip().framed(encoded("/ping")))
    assert surfaces[0].recv(100)
    for surface in surfaces:
        surface.close()
    (warning,) = rack.warnings()
    assert f"{LOOPBACK} is one connection too many" in warning
