"""Streams of packets: whatever is framed comes out again, however it is cut; nonsense ends in an error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.framing import Framing, LengthPrefixed, Slip, framing_of
from plugin_host.control.osc.packet import MAX_PACKET, OscError

PACKETS = st.lists(st.one_of(st.binary(min_size=1, max_size=50), st.just(b"\xc0\xdb\xdc\xdd")), max_size=8)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([Slip, LengthPrefixed]), PACKETS, st.integers(1, 20))
def test_packets_come_out_as_they_went_in(kind: type[Framing], packets: list[bytes], piece: int) -> None:
    stream = b"".join(kind().framed(packet) for packet in packets)
    reader, found = kind(), []
    for at in range(0, len(stream), piece):
        found += reader.packets(stream[at : at + piece])
    assert found == packets


def test_the_first_byte_says_which_it_is() -> None:
    packet = encoded("/a", (1,))
    for framing in (Slip(), LengthPrefixed()):
        stream = framing.framed(packet)
        assert [*framing_of(stream[0]).packets(stream)] == [packet]
    assert [*framing_of(packet[0]).packets(packet + b"\xc0")] == [packet]  # END behind only


def test_a_packet_without_end_is_refused() -> None:
    slip = Slip()
    assert [*slip.packets(b"a" * MAX_PACKET), *slip.packets(b"a" * MAX_PACKET)] == []
    with pytest.raises(OscError, match="more than"):
        [*slip.packets(b"a")]
    with pytest.raises(OscError, match="bytes"):
        [*LengthPrefixed().packets((MAX_PACKET + 1).to_bytes(4, "big"))]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([Slip, LengthPrefixed]), st.lists(st.binary(max_size=40), max_size=6))
def test_any_bytes_give_packets_or_an_osc_error(kind: type[Framing], pieces: list[bytes]) -> None:
    reader = kind()
    try:
        for piece in pieces:
            assert all(len(packet) <= 240 for packet in reader.packets(piece))
    except OscError:
        return
