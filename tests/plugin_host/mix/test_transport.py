"""`apply_transport`: pure, held at the ends of the song, refusing only what cannot be meant."""

import math
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugin_host.errors import MixError
from plugin_host.mix import transport as t
from plugin_host.mix.transport import Marker, Transport, apply_transport, frame_of_bar

FRAMES = 48_000
NUMBERS = st.floats(allow_nan=False)
ANY = st.one_of(
    st.sampled_from([t.Play(), t.Stop(), t.Pause(), t.ClearLoop()]),
    st.builds(t.Seek, NUMBERS),
    st.builds(t.SetSpeed, NUMBERS),
    st.builds(t.SetTranspose, NUMBERS, st.booleans()),
    st.builds(t.SetTempo, st.none() | NUMBERS, st.integers(1, 32)),
    st.builds(t.AddMarker, st.sampled_from("abc"), NUMBERS),
)


def after(*commands: t.TransportCommand, transport: Transport | None = None) -> Transport:
    transport = transport or Transport()
    for command in commands:
        transport = apply_transport(transport, command, FRAMES)
    return transport


def test_every_command_is_carried_out() -> None:
    assert set(get_args(t.TransportCommand)) == set(t._changed.registry) - {object}


@given(st.lists(ANY, max_size=8))
def test_whatever_is_asked_the_transport_stays_within_its_ranges(commands: list[t.TransportCommand]) -> None:
    transport = after(*commands)
    assert 0 <= transport.position <= FRAMES
    assert 0 <= transport.began <= FRAMES
    assert t.MIN_SPEED <= transport.speed <= t.MAX_SPEED
    assert abs(transport.semitones) <= t.MAX_SEMITONES
    assert transport.tempo is None or t.MIN_TEMPO <= transport.tempo <= t.MAX_TEMPO
    assert [marker.frame for marker in transport.markers] == sorted(marker.frame for marker in transport.markers)


def test_stop_goes_back_to_where_play_began_and_pause_stays() -> None:
    playing = after(t.Seek(1000), t.Play())
    moved = Transport(playing=True, position=5000, began=playing.began)
    assert after(t.Stop(), transport=moved).position == 1000
    assert after(t.Pause(), transport=moved).position == 5000


def test_play_at_the_end_begins_at_the_start() -> None:
    assert after(t.Seek(math.inf), t.Play()).position == 0


@pytest.mark.parametrize(("begin", "end"), [(0, 31), (500, 400), (FRAMES, FRAMES + 1000)])
def test_a_loop_too_short_to_be_one_is_refused(begin: int, end: int) -> None:
    with pytest.raises(MixError, match="at least 32 frames"):
        after(t.SetLoop(begin, end))


@pytest.mark.parametrize("command", [t.Seek(math.nan), t.SetSpeed(math.nan), t.SetTempo(math.nan)])
def test_nan_is_refused(command: t.TransportCommand) -> None:
    with pytest.raises(MixError, match="NaN"):
        after(command)


def test_markers_are_moved_and_removed_by_name() -> None:
    transport = after(t.AddMarker("verse", 900), t.AddMarker("chorus", 400), t.AddMarker("verse", 100))
    assert transport.markers == (Marker("verse", 100), Marker("chorus", 400))
    assert after(t.RemoveMarker("verse"), transport=transport).markers == (Marker("chorus", 400),)
    with pytest.raises(MixError, match="chorus"):
        after(t.RemoveMarker("bridge"), transport=transport)


def test_bars_count_from_one_and_need_a_tempo() -> None:
    transport = after(t.SetTempo(120.0))
    assert frame_of_bar(transport, 1, 48_000) == 0
    assert frame_of_bar(transport, 3, 48_000) == 4 * 48_000
    with pytest.raises(MixError, match="tempo is not known"):
        frame_of_bar(Transport(), 2, 48_000)


@given(st.floats(), st.floats(t.MIN_TEMPO, t.MAX_TEMPO), st.integers(1, 32))
@example(1.8e308, 120.0, 4)
@example(1.7e308, 20.0, 32)
@example(-math.inf, 120.0, 4)
@example(math.nan, 120.0, 4)
def test_every_bar_is_a_frame_or_refused_in_a_line(bar: float, tempo: float, beats: int) -> None:
    transport = after(t.SetTempo(tempo, beats))
    if abs(bar) <= t.MAX_BAR:
        frame = frame_of_bar(transport, bar, 48_000)
        assert frame == pytest.approx((bar - 1) * beats * 60 / tempo * 48_000, abs=1)
    else:
        with pytest.raises(MixError, match=r"^bar [^\n]*: give [^\n]*$"):
            frame_of_bar(transport, bar, 48_000)
