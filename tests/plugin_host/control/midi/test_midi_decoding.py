"""What MIDI bytes mean: every encoding comes back as it was, and no bytes do harm."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mido import Message

from plugin_host.control.midi.relative import RelativeCode, code_of_turns
from plugin_host.control.midi.rtmidi_client import parsed
from plugin_host.control.midi.scaling import Curve, into_range, out_of_range, share_of_value, value_of_share
from plugin_host.control.midi.sources import Decoder, Halves, Source, SourceKind

CHANNELS = st.integers(0, 15)
PAIRS = st.builds(Source, st.just(SourceKind.CC14), CHANNELS, st.integers(0, 31), st.sampled_from(Halves))
NRPNS = st.builds(Source, st.just(SourceKind.NRPN), CHANNELS, st.integers(0, 16382), st.sampled_from(Halves))
SINGLES = st.one_of(
    st.builds(Source, st.just(SourceKind.CC), CHANNELS, st.integers(0, 127)),
    st.builds(Source, st.just(SourceKind.NOTE), CHANNELS, st.integers(0, 127)),
    st.builds(Source, st.just(SourceKind.PITCH_BEND), CHANNELS),
)


@given(st.one_of(SINGLES, PAIRS, NRPNS), st.lists(st.integers(0, 16383), min_size=1, max_size=6))
def test_what_a_control_sends_is_read_back(source: Source, values: list[int]) -> None:
    decoder = Decoder([source])
    for value in values:
        value %= source.limit + 1
        found = [decoder.decode(message) for message in source.messages(value)]
        assert found[-1] == (source, value)
        assert not any(found[:-1])


def test_a_program_is_a_press() -> None:
    source = Source(SourceKind.PROGRAM, 3, 7)
    assert Decoder().decode(Message("program_change", channel=3, program=7)) == (source, 127)


def test_data_after_a_registered_parameter_is_not_the_nrpn() -> None:
    source = Source(SourceKind.NRPN, 0, 300)
    decoder = Decoder([source])
    for message in (*source.messages(5), Message("control_change", control=101, value=0)):
        decoder.decode(message)
    found = decoder.decode(Message("control_change", control=6, value=9))
    assert found == (Source(SourceKind.CC, 0, 6), 9)


def test_a_fine_half_alone_moves_on_from_the_last_coarse_one() -> None:
    source = Source(SourceKind.CC14, 0, 7)
    decoder = Decoder([source])
    assert decoder.decode(Message("control_change", control=39, value=5)) is None
    decoder.decode(Message("control_change", control=7, value=2))
    for fine in (3, 4):
        found = decoder.decode(Message("control_change", control=39, value=fine))
        assert found == (source, 2 << 7 | fine)


@given(st.lists(st.integers(0, 255), max_size=20))
def test_any_bytes_are_a_message_or_nothing(data: list[int]) -> None:
    message = parsed(data)
    assert message is None or message.bytes() == data


@given(st.sampled_from(RelativeCode), st.integers(-63, 63))
def test_relative_codes_come_back(code: RelativeCode, steps: int) -> None:
    assert code.steps(code.encoded(steps)) == steps


@pytest.mark.parametrize(
    ("code", "right", "left"),
    [
        (RelativeCode.TWOS_COMPLEMENT, 1, 127),
        (RelativeCode.SIGNED_BIT, 65, 1),
        (RelativeCode.SIGNED_BIT_REVERSED, 1, 65),
        (RelativeCode.OFFSET_64, 65, 63),
    ],
)
def test_the_four_codes_are_told_apart_by_two_turns(code: RelativeCode, right: int, left: int) -> None:
    assert (code.steps(right), code.steps(left)) == (1, -1)
    assert code_of_turns(right, left) is code


@pytest.mark.parametrize("limit", [127, 16383])
def test_every_value_is_echoed_exactly(limit: int) -> None:
    shares = [share_of_value(value, limit) for value in range(limit + 1)]
    assert [value_of_share(share, limit) for share in shares] == list(range(limit + 1))
    assert shares == sorted(set(shares))
    assert (shares[0], shares[(limit + 1) // 2], shares[-1]) == (0.0, 0.5, 1.0)


@settings(max_examples=200)
@given(st.sampled_from(Curve), st.integers(0, 127), st.floats(0.0, 0.4), st.floats(0.6, 1.0), st.booleans())
def test_curves_and_ranges_come_back(curve: Curve, value: int, low: float, high: float, turned: bool) -> None:
    ends = (high, low) if turned else (low, high)
    target = into_range(curve.bend(share_of_value(value, 127)), *ends)
    assert low <= target <= high
    assert math.isfinite(target)
    assert value_of_share(curve.unbend(out_of_range(target, *ends)), 127) == value
