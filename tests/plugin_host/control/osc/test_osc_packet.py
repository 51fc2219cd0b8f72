"""OSC packets: what python-osc writes is read, and whatever else comes is refused in bounded time."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage as TheirMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.packet import Argument, OscBundle, OscError, OscMessage, messages, parsed

TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=9)
ARGUMENTS = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("f"), st.floats(width=32, allow_nan=False)),
    st.tuples(st.just("d"), st.floats(allow_nan=False)),
    st.tuples(st.just("s"), TEXT),
    st.sampled_from([("T", True), ("F", False), ("N", None)]),
)


def _built(address: str, arguments: list[tuple[str, Argument]]) -> OscMessageBuilder:
    builder = OscMessageBuilder(address)
    for kind, value in arguments:
        builder.add_arg(value, kind)
    return builder


@settings(max_examples=150, deadline=None)
@given(TEXT, st.lists(ARGUMENTS, max_size=5))
def test_messages_of_another_implementation(name: str, arguments: list[tuple[str, Argument]]) -> None:
    packet = _built(f"/{name}", arguments).build().dgram
    expected = OscMessage(f"/{name}", tuple(value for _, value in arguments))
    assert parsed(packet) == expected
    assert parsed(packet) == expected  # the second time by the short way


def test_bundles_in_bundles_keep_the_order() -> None:
    inner, outer = OscBundleBuilder(IMMEDIATELY), OscBundleBuilder(IMMEDIATELY)
    inner.add_content(_built("/b", [("i", 2)]).build())
    for content in (_built("/a", []).build(), inner.build(), _built("/c", []).build()):
        outer.add_content(content)
    assert [message.address for message in messages(parsed(outer.build().dgram))] == ["/a", "/b", "/c"]


HEAD = b"#bundle\0" + bytes(8)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"hello",
        b"/a",
        b"/a\0\0,f\0\0",
        b"/a\0\0,f\0\0\0\0",
        b"/a\0\0f\0\0\0",
        b"/a\0\0,x\0\0",
        b"/\xff\xfe\0",
        b"/a\0\0" + b"," + b"T" * 65 + b"\0\0",
        b"#bundle\0",
        HEAD + struct.pack(">i", -4),
        HEAD + struct.pack(">i", 0),
        HEAD + struct.pack(">i", 4) + b"/a\0",
        HEAD + b"\0\0",
    ],
)
def test_malformed_packets_are_refused(packet: bytes) -> None:
    with pytest.raises(OscError):
        parsed(packet)


def test_deep_bundles_are_refused() -> None:
    packet = b"/a\0\0"
    for _ in range(900):
        packet = HEAD + struct.pack(">i", len(packet)) + packet
    with pytest.raises(OscError, match="deeper"):
        parsed(packet)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=64),
        st.binary(max_size=60).map(lambda tail: HEAD + tail),
        st.binary(max_size=40).map(lambda tail: b"/a\0\0," + tail),
    )
)
def test_any_bytes_give_messages_or_an_osc_error(packet: bytes) -> None:
    try:
        found = messages(parsed(packet))
    except OscError:
        return
    assert all(message.address.startswith("/") for message in found)


@settings(max_examples=150, deadline=None)
@given(TEXT, st.lists(ARGUMENTS.map(lambda pair: pair[1]), max_size=5))
def test_what_we_write_another_implementation_reads(name: str, arguments: list[Argument]) -> None:
    read = TheirMessage(encoded(f"/{name}", arguments))
    assert read.address == f"/{name}"
    assert read.params == [_sent(value) for value in arguments]


@pytest.mark.parametrize(("value", "tag"), [(True, ",i"), (2**31, ",d"), (1e39, ",d"), (-math.inf, ",f"), (0.1, ",f")])
def test_types_that_every_surface_reads(value: Argument, tag: str) -> None:
    packet = encoded("/a", (value,))
    assert packet[4:6].decode() == tag
    (read,) = messages(parsed(packet))[0].arguments
    assert read == _sent(value)


def _sent(value: Argument) -> object:
    """What a truth value and a number go as."""
    if isinstance(value, bool):
        return int(value)
    return pytest.approx(value) if isinstance(value, float | int) else value


def test_truth_values_for_those_who_know_them() -> None:
    assert parsed(encoded("/a", (True, False), truth=True)) == OscMessage("/a", (True, False))


def test_a_known_head_with_too_little_behind_it() -> None:
    whole = encoded("/known", (1.0, 2))
    assert parsed(whole) == OscMessage("/known", (1.0, 2))
    for size in range(len(whole) - 8, len(whole)):
        with pytest.raises(OscError):
            parsed(whole[:size])


def test_timetags_are_read() -> None:
    packet = b"#bundle\0" + (2**63 + 5).to_bytes(8, "big")
    assert parsed(packet) == OscBundle(2**63 + 5, ())
