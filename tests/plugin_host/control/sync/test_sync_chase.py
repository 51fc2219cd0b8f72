"""A desk that follows a master which plays, stops, goes elsewhere, changes its tempo and falls silent."""

import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
from mido import Message

from plugin_host.control.sync.chase import TOLERANCE_SECONDS
from plugin_host.control.sync.follower import FollowSettings
from plugin_host.control.sync.heard_song import SongLine
from plugin_host.control.sync.mtc_out import MtcOut
from plugin_host.control.sync.timecode import TimecodeRate
from plugin_host.mix import transport as t

Stage = Any  # the conftest's
CLOCK = Message("clock")


class ClockMaster:
    """Sends MIDI clock from `begin` on; `tempo` may be changed at any time."""

    def __init__(self, begin: float, tempo: float, jitter: float = 0.0) -> None:
        self.due, self.tempo, self.clocks = begin, tempo, 0
        self._jitter, self._chance = jitter, random.Random(1)  # noqa: S311

    def __call__(self, now: float) -> Iterator[tuple[float, Message]]:
        while self.due <= now:
            yield min(self.due + self._chance.random() * self._jitter, now), CLOCK
            self.clocks += 1
            self.due += 60 / self.tempo / 24

    def beats(self, now: float) -> float:
        """Since its start, which was with its first clock."""
        return self.clocks / 24 - (self.due - now) * self.tempo / 60


class CodeMaster:
    """Sends time code that stood at `place` at time `begin`."""

    def __init__(self, begin: float, place: float, rate: TimecodeRate = TimecodeRate.PAL) -> None:
        self._out, self._number = MtcOut(rate), 0
        self.go(begin, place)

    def go(self, begin: float, place: float, *, playing: bool = True, speed: float = 1.0) -> None:
        self._number += 1
        self.line = SongLine(playing, place, begin, speed, self._number)

    def __call__(self, now: float) -> list[tuple[float, Message]]:
        return [(now, message) for message in self._out.advance(self.line, now)]


def off(stage: Stage, seconds: float) -> float:
    return abs(stage.place - seconds)


def test_time_code_is_chased_through_start_locate_and_stop(stage: Stage) -> None:
    stage.follow("mtc")
    master = CodeMaster(stage.now, 7.0)
    stage.run(2.0, master)
    assert stage.desk.transport.playing
    assert off(stage, master.line.seconds_at(stage.now)) < TOLERANCE_SECONDS
    assert stage.panel.state.sync_state == "locked"
    assert abs(stage.panel.sync.offset_ms) < 1000 * TOLERANCE_SECONDS
    master.go(stage.now, 30.0)
    stage.run(2.0, master)
    assert off(stage, master.line.seconds_at(stage.now)) < TOLERANCE_SECONDS
    assert stage.desk.transport.speed == 1.0
    master.go(stage.now, 32.52, playing=False)
    stage.run(0.5, master)
    assert not stage.desk.transport.playing
    assert off(stage, 32.52) < 0.001
    master.go(stage.now, 11.0, playing=False)
    stage.run(0.5, master)
    assert off(stage, 11.0) < 0.001


def test_time_code_that_ceases_stops_the_song_and_takes_it_up_again(stage: Stage) -> None:
    stage.follow("mtc")
    master = CodeMaster(stage.now, 1.0)
    stage.run(1.5, master)
    assert stage.desk.transport.playing
    stage.run(2.5)
    assert not stage.desk.transport.playing
    assert stage.panel.state.sync_state == "lost"
    master.go(stage.now, 20.0)
    stage.run(1.5, master)
    assert off(stage, master.line.seconds_at(stage.now)) < TOLERANCE_SECONDS
    assert stage.panel.state.sync_state == "locked"


def test_the_song_begins_where_its_time_code_does(stage: Stage) -> None:
    stage.follow("mtc", FollowSettings(part="daw", origin=3600.0))
    master = CodeMaster(stage.now, 3599.0)
    stage.run(0.8, master)
    assert not stage.desk.transport.playing
    stage.run(1.7, master)
    assert off(stage, 1.5) < TOLERANCE_SECONDS
    master.go(stage.now, 3600.0 + 59.0)
    stage.run(2.0, master)
    assert not stage.desk.transport.playing, "the song has ended, the master has not"


def test_time_code_goes_past_midnight(stage: Stage) -> None:
    day, origin = 24 * 3600, 24 * 3600 - 5.0
    stage.follow("mtc", FollowSettings(part="daw", origin=origin))
    master = CodeMaster(stage.now, origin + 3.0)
    stage.run(6.0, master)
    assert stage.desk.transport.playing
    assert off(stage, 9.0) < 2 * TOLERANCE_SECONDS
    master.go(stage.now, 20.0 - (day - origin))
    stage.run(2.0, master)
    assert off(stage, 22.0) < 2 * TOLERANCE_SECONDS


def test_what_cannot_be_played_is_gone_along_with(stage: Stage) -> None:
    stage.follow("mtc")
    master = CodeMaster(stage.now, 20.0)
    stage.run(1.0, master)
    assert stage.desk.transport.playing
    master.go(stage.now, 21.0, speed=0.2)
    stage.run(2.5, master)
    assert not stage.desk.transport.playing
    assert off(stage, 21.5) < 0.1


def test_midi_clock_sets_place_and_speed(stage: Stage) -> None:
    stage.desk.do(t.SetTempo(120.0))
    stage.follow("midi-clock")
    master = ClockMaster(stage.now + 0.1, 120.0, jitter=0.004)
    stage.wire.send(Message("start"))
    stage.run(4.0, master)
    assert off(stage, master.beats(stage.now) / 2) < TOLERANCE_SECONDS
    assert stage.desk.transport.speed == 1.0, "jitter is no tempo"
    assert stage.panel.sync.tempo == pytest.approx(120, abs=0.3)
    master.tempo = 90.0
    stage.run(6.0, master)
    assert stage.desk.transport.speed == pytest.approx(0.75, abs=0.005)
    assert off(stage, master.beats(stage.now) / 2) < 2 * TOLERANCE_SECONDS
    stage.wire.send(Message("stop"))
    stage.run(0.5, master)
    assert not stage.desk.transport.playing


@pytest.mark.parametrize("tempo", [60.0, 240.0])
def test_half_and_double_the_songs_tempo_are_played_without_a_break_however_the_clock_jitters(
    stage: Stage, tempo: float
) -> None:
    stage.desk.do(t.SetTempo(120.0))
    stage.follow("midi-clock")
    stage.wire.send(Message("start"))
    master = ClockMaster(stage.now + 0.01, tempo, jitter=0.004)
    stage.run(4.0, master)
    for _ in range(100):
        stage.run(0.1, master)
        assert stage.desk.transport.playing
    assert stage.desk.transport.speed == pytest.approx(tempo / 120.0, rel=1e-3)
    assert off(stage, master.beats(stage.now) * 0.5) < 2 * TOLERANCE_SECONDS


def test_song_position_and_continue(stage: Stage) -> None:
    stage.desk.do(t.SetTempo(100.0))
    stage.follow("midi-clock")
    stage.run(1.0, ClockMaster(stage.now, 100.0))
    stage.wire.send(Message("songpos", pos=64))
    stage.run(0.3, ClockMaster(stage.now, 100.0))
    assert off(stage, 16 * 0.6) < 0.001
    stage.wire.send(Message("continue"))
    master = ClockMaster(stage.now, 100.0)
    stage.run(3.0, master)
    assert off(stage, (16 + master.beats(stage.now)) * 0.6) < TOLERANCE_SECONDS


def test_the_first_steady_tempo_is_the_songs_where_nobody_said_it(stage: Stage) -> None:
    stage.follow("midi-clock")
    master = ClockMaster(stage.now + 0.1, 128.0, jitter=0.003)
    stage.wire.send(Message("start"))
    stage.run(3.0, master)
    assert stage.desk.transport.tempo == pytest.approx(128.0, abs=0.5)
    assert any("tempo is taken to be" in text for text in stage.warnings())
    stage.run(3.0, master)
    assert off(stage, master.beats(stage.now) * 60 / stage.desk.transport.tempo) < TOLERANCE_SECONDS


def test_a_loop_ends_and_a_hand_on_the_transport_is_overruled(stage: Stage) -> None:
    stage.desk.do(t.SetLoop(48_000, 96_000))
    stage.follow("mtc")
    master = CodeMaster(stage.now, 1.0)
    stage.run(2.0, master)
    assert stage.desk.transport.loop is None
    stage.desk.do(t.Seek(0))
    stage.run(2.0, master)
    assert off(stage, master.line.seconds_at(stage.now)) < TOLERANCE_SECONDS


def test_without_a_master_one_may_play(stage: Stage) -> None:
    stage.follow("mtc")
    stage.desk.do(t.Seek(48_000))
    stage.desk.do(t.Play())
    stage.run(1.0)
    assert off(stage, 2.0) < 0.01
    assert stage.panel.state.sync_state == "lost"


def test_machine_control_plays_goes_and_records(stage: Stage) -> None:
    stage.follow("mmc")
    stage.wire.send(Message("sysex", data=(0x7F, 0x7F, 6, 0x44, 6, 1, 0x20, 0, 12, 0, 0)))
    stage.wire.send(Message("sysex", data=(0x7F, 0x7F, 6, 6)))
    stage.wire.send(Message("sysex", data=(0x7F, 0x7F, 6, 3)))
    stage.run(1.0)
    assert off(stage, 13.0) < 0.01
    assert stage.desk.recording
    stage.wire.send(Message("sysex", data=(0x7F, 0x7F, 6, 7)))
    stage.wire.send(Message("sysex", data=(0x7F, 0x7F, 6, 9)))
    stage.run(0.1)
    assert not stage.desk.recording
    assert not stage.desk.transport.playing


def test_the_source_is_chosen_by_address(stage: Stage) -> None:
    stage.follow("off")
    source, state = (stage.table.resolve(address)[0] for address in ("/sync/source", "/sync/state"))
    assert (source.read(), state.read()) == ("off", "off")
    source.write("mtc")
    stage.run(0.1)
    assert state.read() == "lost"
    stage.run(1.5, CodeMaster(stage.now, 3.0))
    assert state.read() == "locked"
    assert math.isfinite(stage.table.resolve("/sync/offset")[0].read())
    source.write(0)
    stage.run(0.1)
    assert (source.read(), state.read()) == ("off", "off")


def test_a_master_that_cannot_be_had_is_said(stage: Stage) -> None:
    stage.midi.names = []
    stage.follow("midi-clock")
    assert stage.panel.state.sync_source == "midi-clock", "its port may come later, and there is our own"
    assert "sync in" in stage.midi.wires


def test_of_two_that_speak_the_first_is_heard(stage: Stage) -> None:
    stage.follow("mtc")
    master, other = CodeMaster(stage.now, 5.0), CodeMaster(stage.now + 0.5, 40.0)
    stage.run(0.5, master)
    for _ in range(500):
        for when, message in other(stage.now):
            stage.midi.wires["sync in"].send(message, when)
        stage.run(0.002, master)
    assert off(stage, master.line.seconds_at(stage.now)) < TOLERANCE_SECONDS
