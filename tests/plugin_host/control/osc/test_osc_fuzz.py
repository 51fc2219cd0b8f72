"""Whatever comes, the server goes on, the mix stays sound, and everything bad is counted.

STEMRACK_FUZZ=100 takes a hundred times as many examples (with `--timeout 0`).
"""

import math
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.control.osc.complaints import WARN_EVERY, Complaints
from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.framing import LengthPrefixed, Slip, framing_of
from plugin_host.control.osc.packet import Argument, OscError, parsed
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.control.osc.surfaces import dialects_of
from plugin_host.control.parameters.declared import CONTROLS

Rack = Any  # the conftest's
Unsound = Callable[[object], list[str]]
TIMES = int(os.environ.get("STEMRACK_FUZZ", "1"))
LIVE = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}

PLACES = {"track": "1", "n": "1", "param": "ratio", "send": "2", "group": "band", "aux": "1", "scene": "wide"}
OWN = [re.sub(r"\{(\w+)\}", lambda at: PLACES[at[1]], address) for each in CONTROLS for _, address in each.addresses]
WORDS = (
    *("track", "1", "vocals", "gain", "fader", "pan", "mute", "bank", "next", "master", "scene", "strip", "fx"),
    *("send", "set_surface", "ch", "01", "mix", "on", "subscribe", "unsubscribe", "refresh", "dialect", "*", "[", "{a"),
    *("loop", "begin", "transport", "speed", "seek", "marker", "add", "bus", "dca", "select", "play", "%", "é", ""),
)  # fmt: skip
THEIRS = (
    *("/strip/gain", "/strip/fader", "/strip/mute", "/set_surface", "/strip/list", "/jump_bars", "/xremote", "/info"),
    *("/ch/01/mix/fader", "/main/st/mix/fader", "/track/1/volume", "/track/1/volume/db", "/master/volume", "/dialect"),
    *("/subscribe", "/unsubscribe", "/refresh", "/ping"),
)
ADDRESSES = st.one_of(
    st.sampled_from(OWN), st.sampled_from(THEIRS),
    st.lists(st.sampled_from(WORDS), max_size=5).map(lambda words: "/" + "/".join(words)),
)  # fmt: skip
ARGUMENTS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(), st.sampled_from(WORDS), st.floats(-2.0, 20.0),
    st.sampled_from((math.nan, math.inf, -math.inf, 1e308, -1, 0, 1, 65_536, "nan", "1e999", "+inf dB", "12.5 dB")),
)  # fmt: skip
MESSAGES = st.builds(encoded, ADDRESSES, st.lists(ARGUMENTS, max_size=3))


def _bundle(messages: Sequence[bytes], timetag: int) -> bytes:
    return b"#bundle\0" + timetag.to_bytes(8, "big") + b"".join(len(m).to_bytes(4, "big") + m for m in messages)


BUNDLES = st.builds(_bundle, st.lists(MESSAGES, max_size=4), st.sampled_from((0, 1, 2**63, 2**64 - 1)))
WHOLE = st.one_of(MESSAGES, BUNDLES, st.builds(_bundle, st.lists(BUNDLES, max_size=2), st.just(1)))


@st.composite
def spoiled(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes with some cut out, put in or changed."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(data)


PACKETS = st.lists(st.one_of(WHOLE, spoiled(WHOLE), st.binary(max_size=48)), min_size=1, max_size=12)
JUNK = st.binary(max_size=60).map(lambda data: b"x" + data)


def _is_malformed(packet: bytes) -> bool:
    try:
        parsed(packet)
    except OscError:
        return True
    return False


@contextmanager
def _survived(rack: Rack, unsound: Unsound, malformed: int) -> Iterator[None]:
    """Around what is sent: after it another is served, the mix can be played, as much was counted as was malformed."""
    before = rack.server.complaints.refused
    yield
    other = rack.client()
    other.settle()
    other.socket.close()
    assert unsound(rack.desk.mix) == []
    assert unsound(rack.desk.transport) == []
    assert rack.server.complaints.refused - before >= malformed


def test_no_datagram_ends_the_server(rack: Rack, unsound: Unsound) -> None:
    began = time.monotonic()

    @settings(max_examples=120 * TIMES, deadline=None)
    @given(PACKETS)
    def is_survived(packets: Sequence[bytes]) -> None:
        with _survived(rack, unsound, sum(map(_is_malformed, packets))):
            client = rack.client()
            for packet in packets:
                client.send_raw(packet)
            client.socket.close()

    is_survived()
    told = sum("could not be used" in text for text in rack.warnings())
    assert 1 <= told <= 1 + (time.monotonic() - began) / WARN_EVERY


@settings(max_examples=40 * TIMES, **LIVE)
@given(st.lists(JUNK, max_size=20))
def test_every_bad_datagram_is_counted_once(rack: Rack, packets: Sequence[bytes]) -> None:
    before = rack.server.complaints.refused
    client = rack.client()
    for packet in packets:
        client.send_raw(packet)
    client.settle()
    client.socket.close()
    assert rack.server.complaints.refused - before == len(packets)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """A stream of framed packets, some of it spoiled, in pieces."""
    framing = draw(st.sampled_from((Slip, LengthPrefixed)))()
    whole = b"".join(framing.framed(packet) for packet in draw(PACKETS))
    stream = draw(st.one_of(st.just(whole), spoiled(st.just(whole)), st.binary(max_size=80)))
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    return [stream[one:other] for one, other in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def _malformed_in(stream: bytes) -> int:
    """How much of a stream is no packet; where it cannot be read on, that is one."""
    malformed = 0
    try:
        for packet in framing_of(stream[0]).packets(stream) if stream else ():
            malformed += _is_malformed(packet)
    except OscError:
        malformed += 1
    return malformed


@settings(max_examples=80 * TIMES, **LIVE)
@given(streams())
def test_no_stream_ends_the_server(rack: Rack, unsound: Unsound, pieces: Sequence[bytes]) -> None:
    malformed, place = _malformed_in(b"".join(pieces)), (LOOPBACK, rack.server.tcp_port)
    with _survived(rack, unsound, malformed), socket.create_connection(place, timeout=10.0) as surface:
        _send_all(surface, pieces)


def _send_all(surface: socket.socket, pieces: Sequence[bytes]) -> None:
    """Until it is hung up, by the server or, after all was read, because we say no more."""
    try:
        for piece in pieces:
            surface.sendall(piece)
        surface.shutdown(socket.SHUT_WR)
        while surface.recv(65_536):
            pass
    except OSError:  # hung up
        pass


@pytest.mark.parametrize("framing", [Slip, LengthPrefixed])
@settings(max_examples=20 * TIMES, **LIVE)
@given(st.lists(JUNK, min_size=1, max_size=12))
def test_every_bad_packet_of_a_stream_is_counted_once(rack: Rack, framing: Any, packets: Sequence[bytes]) -> None:
    before = rack.server.complaints.refused
    with socket.create_connection((LOOPBACK, rack.server.tcp_port), timeout=10.0) as surface:
        _send_all(surface, [framing().framed(packet) for packet in packets])
    assert rack.server.complaints.refused - before == len(packets)


def test_what_came_before_an_impossible_length_is_done(rack: Rack) -> None:
    framed = LengthPrefixed().framed(encoded("/track/vocals/gain", (-7.0,)))
    with socket.create_connection((LOOPBACK, rack.server.tcp_port), timeout=10.0) as surface:
        _send_all(surface, [framed + b"\x00\xff\xff\xff"])
    rack.client().settle()
    assert rack.desk.mix.track("vocals").gain_db == -7.0
    assert rack.server.complaints.refused == 1


def test_a_fault_of_ours_is_counted_too(rack: Rack) -> None:
    class Broken:
        name = "broken"
        levels = False

        def incoming(self, message: object, line: object) -> Sequence[Argument]:
            raise ZeroDivisionError("by a stranger")

    server = OscServer(rack.table, OscSettings(port=0), Complaints(rack.desk.warn), {"broken": Broken})  # type: ignore[dict-item]
    rack.stack.callback(server.close)
    client = rack.client()
    client.server = (client.server[0], server.port)
    client.send("/nothing/of/ours")
    client.send("/dialect", "")
    assert client.until("/dialect").arguments == ("",)
    assert server.complaints.refused == 1
    assert set(dialects_of(rack.table, OscSettings())) == {"x32", "ardour", "reaper"}
