"""MIDI clock, MTC and MMC as they arrive: any stream decodes to what was sent, jitter and all; junk does no harm."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mido import Message

from plugin_host.control.midi.rtmidi_client import parsed
from plugin_host.control.sync.midi_clock_in import MidiClockIn
from plugin_host.control.sync.mmc_in import Machine, MachineCommand, MmcIn
from plugin_host.control.sync.mtc_in import MtcIn
from plugin_host.control.sync.timecode import Timecode, TimecodeRate, rate_named, seconds_of_label, timecode_of
from plugin_host.errors import ControlError

CLOCK = Message("clock")
RATES = st.sampled_from(TimecodeRate)


def clock_times(tempos: Sequence[float], begin: float = 1.0) -> list[float]:
    times = [begin]
    for tempo in tempos[:-1]:
        times.append(times[-1] + 60 / tempo / 24)
    return times


def in_periods(seconds: float, period: float = 256 / 48_000) -> float:
    """As it arrives through a JACK server: at the next of its periods."""
    return math.ceil(seconds / period) * period


def pieces(label: Timecode) -> list[Message]:
    fields = (label.frames, label.seconds, label.minutes, label.rate.value << 5 | label.hours)
    return [
        Message("quarter_frame", frame_type=at, frame_value=fields[at // 2] >> 4 * (at % 2) & 0xF) for at in range(8)
    ]


def full_frame(label: Timecode) -> Message:
    hours = label.rate.value << 5 | label.hours
    return Message("sysex", data=(0x7F, 0x7F, 1, 1, hours, label.minutes, label.seconds, label.frames))


@given(st.floats(40, 240), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_tempo_converges_in_a_beat_whatever_the_jitter(tempo: float, seed: int) -> None:
    clock, chance = MidiClockIn(), random.Random(seed)  # noqa: S311
    clock.hear(Message("start"), 0.9)
    within: list[float] = []
    for number, due in enumerate(clock_times([tempo] * 240)):
        clock.hear(CLOCK, in_periods(due + chance.random() * 0.001))
        within.append(abs((clock.tempo or 0.0) / tempo - 1))
        if number > 24:
            late = 60 / tempo / 24 * (number - clock.beats_at(due) * 24)
            assert 0 < late < 0.0075, "what is left is what messages are late on the average"
    assert max(within[24:]) < 0.03
    assert sorted(within[24:])[len(within) // 2] < 0.004


def test_a_new_tempo_is_followed_in_two_beats() -> None:
    clock, chance = MidiClockIn(), random.Random(7)  # noqa: S311
    clock.hear(Message("start"), 0.9)
    for number, due in enumerate(clock_times([120.0] * 200 + [126.0] * 100 + [60.0] * 100)):
        clock.hear(CLOCK, due + chance.random() * 0.002)
        if number in (248, 299):
            assert clock.tempo == pytest.approx(126.0, abs=1.0)
        if number in (348, 399):
            assert clock.tempo == pytest.approx(60.0, abs=0.6)


def test_one_late_clock_hardly_matters() -> None:
    clock = MidiClockIn()
    clock.hear(Message("start"), 0.9)
    for number, due in enumerate(clock_times([120.0] * 200)):
        clock.hear(CLOCK, due + (0.015 if number == 150 else 0.0))
        if number > 100:
            assert clock.tempo == pytest.approx(120.0, abs=0.05)
            assert clock.beats_at(due) * 24 == pytest.approx(number, abs=0.1)


def test_start_continue_stop_and_song_position() -> None:
    clock = MidiClockIn()
    for due in clock_times([120.0] * 48, begin=1.0):
        clock.hear(CLOCK, due)
    assert (clock.running, clock.beats_at(2.0)) == (False, 0.0)
    assert clock.place_at(2.0).settled
    clock.hear(Message("songpos", pos=16), 2.001)
    assert clock.place_at(2.002).beats == 4.0
    clock.hear(Message("continue"), 2.002)
    for number, due in enumerate(clock_times([120.0] * 48, begin=2.010)):
        clock.hear(CLOCK, due)
        assert clock.beats_at(due) == pytest.approx(4 + number / 24, abs=0.02)
    assert clock.place_at(3.0).running
    clock.hear(Message("stop"), 3.0)
    assert clock.place_at(3.2).beats == clock.place_at(3.1).beats == pytest.approx(6.0, abs=0.05)
    clock.hear(Message("start"), 3.2)
    assert clock.beats_at(3.3) == 0.0


def test_a_clock_that_ceases_has_stopped_and_may_return() -> None:
    clock = MidiClockIn()
    clock.hear(Message("start"), 0.9)
    for due in clock_times([120.0] * 48):
        clock.hear(CLOCK, due)
    assert clock.place_at(2.1).running
    assert not clock.place_at(2.6).running
    assert not clock.place_at(2.6).heard
    stands = clock.beats_at(9.0)
    for due in clock_times([90.0] * 30, begin=10.0):
        clock.hear(CLOCK, due)
    place = clock.place_at(due)
    assert place.running
    assert place.tempo == pytest.approx(90.0)
    assert place.beats == pytest.approx(2.0 + 29 / 24, abs=0.02)
    assert stands == pytest.approx(3.0, abs=0.1), "it went on for the half second that was waited"


@given(st.integers(0, 24 * 3600 * 24 - 1), RATES)
def test_labels_and_frame_numbers_are_one_to_one(number: int, rate: TimecodeRate) -> None:
    label = timecode_of(number, rate)
    assert label.is_label
    assert label.number == number
    if rate is TimecodeRate.DROP:
        assert (label.minutes % 10 == 0) or (label.seconds, label.frames) not in ((0, 0), (0, 1))


def test_drop_frame_keeps_the_time_of_day() -> None:
    assert timecode_of(1800, TimecodeRate.DROP) == Timecode(0, 1, 0, 2, TimecodeRate.DROP)
    assert timecode_of(17_982, TimecodeRate.DROP) == Timecode(0, 10, 0, 0, TimecodeRate.DROP)
    assert seconds_of_label("01:00:00;00", TimecodeRate.DROP) == pytest.approx(3600, abs=0.004)
    assert seconds_of_label("01:00:00:00", TimecodeRate.PAL) == 3600
    assert rate_named("29.97") is TimecodeRate.DROP


@pytest.mark.parametrize("text", ["", "1", "00:61:00:00", "00:00:00:25", "25:00:00", "a:b:c"])
def test_what_is_no_label_is_said(text: str) -> None:
    with pytest.raises(ControlError, match="HH:MM:SS:FF"):
        seconds_of_label(text, TimecodeRate.PAL)
    with pytest.raises(ControlError, match="24, 25"):
        rate_named("29")


@given(st.integers(0, 80_000), RATES, st.integers(0, 7), st.floats(0.5, 2.0), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_stream_of_quarter_frames_decodes_to_its_place(
    first: int, rate: TimecodeRate, piece: int, speed: float, backwards: bool
) -> None:
    """It may begin with any piece, run at any speed, and either way."""
    mtc, fps = MtcIn(), float(rate.frames_a_second)
    direction, start = (-1, 8 * (first + 20) + piece) if backwards else (1, 8 * first + piece)
    for count in range(64):
        quarter, seconds = start + direction * count, 5 + count / (4 * fps * speed)
        mtc.hear(pieces(timecode_of(quarter // 8 * 2, rate))[quarter % 8], seconds)
        if count > 16:
            place = mtc.place_at(seconds)
            assert place.seconds == pytest.approx(quarter / (4 * fps), abs=1e-6)
            assert place.running
            assert mtc.rate is rate
            assert mtc.speed == pytest.approx(direction * speed, rel=1e-6)
    later = mtc.place_at(seconds + 0.02).seconds
    assert later == pytest.approx(max(quarter / (4 * fps) + direction * 0.02 * speed, 0.0), abs=1e-5)
    assert not mtc.place_at(seconds + 0.3).running


@given(st.integers(0, 80_000), RATES)
def test_a_full_frame_is_a_place_to_stand(number: int, rate: TimecodeRate) -> None:
    mtc, label = MtcIn(), timecode_of(number, rate)
    mtc.hear(full_frame(label), 1.0)
    place = mtc.place_at(1.1)
    assert (place.heard, place.running, place.seconds) == (True, False, pytest.approx(label.place))


def test_a_jump_is_followed_after_the_next_eight_pieces() -> None:
    mtc, at = MtcIn(), 1.0
    for number in (100, 102, 104, 5000, 5002, 5004):
        for piece in pieces(timecode_of(number, TimecodeRate.PAL)):
            mtc.hear(piece, at)
            at += 0.01
    assert mtc.seconds_at(at - 0.01) == pytest.approx((5004 + 7 / 4) / 25)


@given(st.lists(st.sampled_from(["lost", "twice", "well"]), min_size=4, max_size=4), st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_pieces_that_are_lost_or_come_twice_are_made_up_for(accidents: list[str], offset: int) -> None:
    mtc, quarters = MtcIn(), range(800, 1200)
    happens = {840 + 50 * number + offset: accident for number, accident in enumerate(accidents)}
    for quarter in quarters:
        at, piece = quarter / 100, pieces(timecode_of(quarter // 8 * 2, TimecodeRate.PAL))[quarter % 8]
        accident = happens.get(quarter, "well")
        for _ in range({"lost": 0, "twice": 2, "well": 1}[accident]):
            mtc.hear(piece, at)
        if quarter > 820:
            assert mtc.place_at(at).seconds == pytest.approx(quarter / 100, abs=1e-6)
            assert mtc.place_at(at).running


@given(st.sampled_from([-1, 1]), st.integers(100, 130))
@settings(max_examples=20, deadline=None)
def test_a_clock_that_is_lost_or_comes_twice_is_made_up_for(more: int, accident: int) -> None:
    clock, chance = MidiClockIn(), random.Random(accident)  # noqa: S311
    clock.hear(Message("start"), 0.9)
    for number, due in enumerate(clock_times([125.0] * 200)):
        for _ in range(1 + more * (number == accident)):
            clock.hear(CLOCK, due + chance.random() * 0.002)
        if 10 < number < accident or number > accident + 5:
            assert clock.beats_at(due) * 24 == pytest.approx(number, abs=0.2)


@pytest.mark.parametrize(
    ("data", "commands"),
    [
        ("7f 7f 06 01", [MachineCommand(Machine.STOP)]),
        ("7f 05 06 02", [MachineCommand(Machine.PLAY)]),
        ("7f 06 06 02", []),
        ("7f 7f 06 03", [MachineCommand(Machine.DEFERRED_PLAY)]),
        ("7f 7f 06 06 02", [MachineCommand(Machine.RECORD_STROBE), MachineCommand(Machine.PLAY)]),
        ("7f 7f 06 44 06 01 21 02 03 05 00", [MachineCommand(Machine.LOCATE, 3600 + 123.2)]),
        ("7f 7f 06 44 06 01 01 00 00 00 00 03", [MachineCommand(Machine.LOCATE, 3600), MachineCommand(Machine(3))]),
        ("7f 7f 06 44 06 01 21 3f 03 05 00", []),
        ("7f 7f 06 44 06 01", []),
        ("7f 7f 06 52 02 01 00 02", [MachineCommand(Machine.PLAY)]),
        ("7f 7f 07 02", []),
        ("7f", []),
    ],
)
def test_machine_control(data: str, commands: list[MachineCommand]) -> None:
    heard = MmcIn(device=5).hear(Message("sysex", data=bytes.fromhex(data)), 0.0)
    assert [(each.what, pytest.approx(each.seconds)) for each in heard] == [(c.what, c.seconds) for c in commands]


@given(st.lists(st.tuples(st.lists(st.integers(0, 255), min_size=1, max_size=12), st.floats(-1, 1)), max_size=80))
@settings(max_examples=100, deadline=None)
def test_junk_never_raises_and_gives_finite_places(stream: list[tuple[list[int], float]]) -> None:
    """Bytes of any kind, even at times that go backwards."""
    clock, mtc, machine, now = MidiClockIn(), MtcIn(), MmcIn(), 10.0
    for data, step in stream:
        now += step
        for tried in (data, [0xF0, 0x7F, 0x7F, *(each & 0x7F for each in data), 0xF7], [0xF1, data[0] & 0x7F], [0xF8]):
            message = parsed(tried)
            if message is not None:
                for decoder in (clock, mtc, machine):
                    decoder.hear(message, now)
        for place in (clock.place_at(now), mtc.place_at(now)):
            for value in (place.beats, place.seconds, place.tempo, place.speed):
                assert value is None or math.isfinite(value)
