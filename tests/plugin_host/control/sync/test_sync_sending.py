"""What goes out, heard by the decoders: the place that is heard, through play, seek, loop, speed and stop."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mido import Message

from plugin_host.control.sync.heard_song import SongLine
from plugin_host.control.sync.midi_clock_in import MidiClockIn
from plugin_host.control.sync.mtc_in import MtcIn
from plugin_host.control.sync.mtc_out import MtcOut
from plugin_host.control.sync.sender import SendSettings
from plugin_host.control.sync.timecode import TimecodeRate
from plugin_host.mix import transport as t

Stage = Any  # the conftest's
STEP = 0.002
NEAR = 0.012
"""Seconds: the stage's steps, and what the engine's news are late."""


class Ear:
    """A decoder at the end of a wire."""

    def __init__(self, wire: Any, decoder: Any) -> None:
        self.wire, self.decoder, self.heard = wire, decoder, 0

    def at(self, now: float) -> Any:
        for arrival in self.wire.sent[self.heard :]:
            self.decoder.hear(arrival.message, arrival.seconds)
        self.heard = len(self.wire.sent)
        return self.decoder.place_at(now)


def kinds(ear: Ear, begin: int) -> list[str]:
    return [each.message.type for each in ear.wire.sent[begin:] if each.message.type != "clock"]


@given(st.sampled_from(TimecodeRate), st.floats(0, 5000), st.floats(0.5, 2.0), st.floats(0, 3600))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_time_code_out_and_in_again_is_the_place(
    rate: TimecodeRate, seconds: float, speed: float, origin: float
) -> None:
    out, heard, line = MtcOut(rate, origin), MtcIn(), SongLine(True, seconds, 50.0, speed, 1)
    now = 50.0
    for _ in range(150):
        for message in out.advance(line, now):
            heard.hear(message, now)
        now = max(out.due(line), now)
    assert heard.rate is rate
    assert heard.seconds_at(now) == pytest.approx(line.seconds_at(now) + origin, abs=1e-4)
    assert heard.speed == pytest.approx(speed, rel=1e-3)


def test_clock_begins_with_start_and_ends_with_stop(stage: Stage) -> None:
    stage.desk.do(t.SetTempo(120.0))
    ear = Ear(stage.lead(SendSettings(clock=True)), MidiClockIn())
    stage.run(1.0)
    assert ear.at(stage.now).tempo == pytest.approx(120, abs=0.5), "clocks come before the song begins"
    assert kinds(ear, 0) == []
    stage.desk.do(t.Play())
    stage.run(3.0)
    place = ear.at(stage.now)
    assert kinds(ear, 0) == ["start"]
    assert place.running
    assert place.beats / 2 == pytest.approx(stage.place, abs=NEAR)
    stage.desk.do(t.Pause())
    stage.run(0.2)
    assert kinds(ear, 0) == ["start", "stop"]
    assert ear.at(stage.now).beats / 2 == pytest.approx(stage.place, abs=2 * NEAR)


def test_clock_goes_on_from_the_next_sixteenth_after_a_seek(stage: Stage) -> None:
    stage.desk.do_all((t.SetTempo(100.0), t.Seek(480_001)))
    ear = Ear(stage.lead(SendSettings(clock=True)), MidiClockIn())
    stage.desk.do(t.Play())
    stage.run(1.0)
    assert kinds(ear, 0) == ["songpos", "continue"]
    assert ear.at(stage.now).beats * 0.6 == pytest.approx(stage.place, abs=NEAR)
    stage.desk.do(t.Seek(48_000 * 30))
    stage.run(1.0)
    assert kinds(ear, 0) == ["songpos", "continue", "stop", "songpos", "continue"]
    assert ear.at(stage.now).beats * 0.6 == pytest.approx(stage.place, abs=NEAR)


def test_clock_follows_speed_and_loop(stage: Stage) -> None:
    stage.desk.do_all((t.SetTempo(120.0), t.SetSpeed(0.8)))
    ear = Ear(stage.lead(SendSettings(clock=True)), MidiClockIn())
    stage.desk.do(t.Play())
    stage.run(2.0)
    assert ear.at(stage.now).tempo == pytest.approx(96, abs=0.7)
    stage.desk.do(t.SetLoop(0, 96_000))
    stage.run(3.0)
    assert ear.at(stage.now).beats / 2 == pytest.approx(stage.place, abs=2 * NEAR)
    assert kinds(ear, 0).count("continue") + kinds(ear, 0).count("start") >= 3


@pytest.mark.parametrize("tempo", [100.0, 139.0, 141.0, 160.0])
def test_clock_goes_on_where_another_tempo_is_set(stage: Stage, tempo: float) -> None:
    stage.desk.do_all((t.SetTempo(140.0), t.Seek(48_000 * 30), t.Play()))
    ear = Ear(stage.lead(SendSettings(clock=True)), MidiClockIn())
    stage.run(2.0)
    stage.desk.do(t.SetTempo(tempo))
    stage.run(2.0)
    assert kinds(ear, 0) == ["songpos", "continue", "stop", "songpos", "continue"]
    place = ear.at(stage.now)
    assert place.running
    assert place.tempo == pytest.approx(tempo, abs=0.7)
    assert place.beats * 60.0 / tempo == pytest.approx(stage.place, abs=NEAR)


def test_no_clock_without_a_tempo(stage: Stage) -> None:
    wire = stage.lead(SendSettings(clock=True))
    stage.desk.do(t.Play())
    stage.run(0.5)
    assert wire.sent == []
    assert [text for text in stage.warnings() if "/transport/tempo" in text] != []
    stage.desk.do(t.SetTempo(120.0))
    stage.run(1.0)
    assert len(wire.sent) > 40


@pytest.mark.parametrize("rate", TimecodeRate)
def test_time_code_follows_the_song(stage: Stage, rate: TimecodeRate) -> None:
    ear = Ear(stage.lead(SendSettings(mtc=True, rate=rate, origin=3600.0)), MtcIn())
    stage.desk.do(t.Play())
    stage.run(1.0)
    assert ear.at(stage.now).seconds - 3600 == pytest.approx(stage.place, abs=NEAR)
    stage.desk.do(t.Seek(48_000 * 20))
    stage.run(0.5)
    assert ear.at(stage.now).seconds - 3600 == pytest.approx(stage.place, abs=NEAR)
    assert ear.decoder.rate is rate
    stage.desk.do(t.Stop())
    stage.run(0.5)
    place = ear.at(stage.now)
    assert not place.running
    assert place.seconds - 3600 == pytest.approx(20.0, abs=0.5 / 24), "a full frame says where it stands"


def test_both_go_to_a_port_that_comes_later(stage: Stage) -> None:
    stage.desk.do(t.SetTempo(120.0))
    stage.midi.names = []
    stage.lead(SendSettings(clock=True, mtc=True, part="drum"))
    stage.run(0.5)
    stage.midi.names = ["drum machine:in"]
    stage.desk.do(t.Play())
    stage.run(2.0)
    sent = {each.message.type for each in stage.midi.wires["drum machine:in"].sent}
    assert {"clock", "quarter_frame"} <= sent
    stage.midi.names = []
    stage.run(1.5)
    assert stage.sender._output.ports == ("sync",)


def test_a_song_that_follows_ours_is_where_ours_is(stage: Stage) -> None:
    """Out and in on one desk's own wires: what MTC says is what is heard, at the place it is said."""
    ear = Ear(stage.lead(SendSettings(mtc=True)), MtcIn())
    stage.desk.do_all((t.Seek(48_000 * 3), t.Play()))
    stage.run(2.0)
    errors = []
    for _ in range(200):
        stage.run(STEP, step=STEP)
        errors.append(ear.at(stage.now).seconds - stage.place)
    assert max(map(abs, errors)) < NEAR
    assert not [each for each in ear.wire.sent if each.message == Message("stop")]
