"""Controllers on a real table: what their messages do, and what they are shown."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mido import Message

from plugin_host.control.midi.assignments import Assignment
from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.device import Control as ControlOfDevice
from plugin_host.control.midi.device import ControlKind, Device, Ring
from plugin_host.control.midi.mackie import CELL, MackieDisplay, cell_text, value_text
from plugin_host.control.midi.ports import PortNames
from plugin_host.control.midi.relative import RelativeCode
from plugin_host.control.midi.rtmidi_client import parsed
from plugin_host.control.midi.rtmidi_ports import plain_names
from plugin_host.control.midi.screen import STILL_SECONDS, Screen
from plugin_host.control.midi.sources import Source, SourceKind
from plugin_host.mix import commands as c
from plugin_host.mix import transport as t

Room = Cable = Any  # the conftest's


def control(number: int, value: int, channel: int = 0) -> Message:
    return Message("control_change", channel=channel, control=number, value=value)


def note(number: int, velocity: int = 127, channel: int = 0) -> Message:
    return Message("note_on", channel=channel, note=number, velocity=velocity)


def bend(channel: int, value: int) -> Message:
    return Message("pitchwheel", channel=channel, pitch=value - 8192)


def test_a_korg_moves_gain_pan_mute_and_solo(room: Room) -> None:
    korg = room.controller("nanokontrol2")
    for value in (90, 95, 100):
        heard = korg.receive(control(0, value))
    assert (heard.control, heard.address) == ("fader1", "/track/vocals/gain")
    assert room.track("vocals").gain_db == pytest.approx(-12 + 24 * 2 * (100 - 64) / 126)
    korg.receive(control(17, 64))
    korg.receive(control(17, 72))
    assert room.track("drums").pan == pytest.approx(8 / 63)
    for message in (control(48, 127), control(48, 0), control(34, 127), control(34, 0)):
        korg.receive(message)
    assert room.track("vocals").mute
    assert room.track("bass").solo
    korg.receive(control(48, 127))
    assert not room.track("vocals").mute


def test_buttons_bypass_play_and_say_what_is_not_there(room: Room) -> None:
    korg = room.controller("nanokontrol2")
    korg.receive(control(64, 127))
    assert room.track("vocals").chain[0].bypass
    korg.receive(control(41, 127))
    assert room.desk.transport.playing
    room.desk.do(c.RemoveEffect("drums", 0))
    assert korg.receive(control(65, 127)).text == "nothing is there"
    assert korg.receive(control(99, 127)).text == "no control of the device sends this"


def test_programs_are_scenes(room: Room) -> None:
    generic = room.controller("generic-8")
    heard = generic.receive(Message("program_change", program=3))
    assert heard.address == "/scene/drumless"
    assert not heard.refused, heard.text


def test_layers_while_held(room: Room) -> None:
    apc = room.controller("apc-mini")
    apc.receive(note(98))
    apc.receive(note(82))
    assert room.desk.transport.playing
    apc.receive(note(89))
    assert apc.bank == 8
    apc.receive(Message("note_off", note=98))
    assert apc.layer == ""
    assert apc.receive(note(89)).address == "/scene/intimate"


def test_banks_end_with_the_tracks(room: Room) -> None:
    mackie = room.controller("mackie")
    assert mackie.receive(note(0x2E)).text == "tracks from 1"
    mackie.receive(note(0x2F))
    assert mackie.receive(note(0x2F)).text == "no track 17"
    mackie.receive(note(0x31))
    assert mackie.receive(bend(0, 0)).address == "/track/part%2010/gain"
    assert mackie.receive(bend(4, 0)).text == "nothing is there"


def test_v_pots_turn_by_steps_and_hold_at_the_ends(room: Room) -> None:
    mackie = room.controller("mackie")
    mackie.receive(control(0x10, 4))
    assert room.track("vocals").pan == pytest.approx(0.1)
    mackie.receive(control(0x10, 0x40 + 8))
    assert room.track("vocals").pan == pytest.approx(-0.1)
    for _ in range(9):
        mackie.receive(control(0x10, 0x3F))
    assert room.track("vocals").pan == 1.0
    mackie.receive(note(0x20))
    assert room.track("vocals").pan == 0.0
    mackie.receive(note(0x29))
    mackie.receive(control(0x10, 15))
    assert room.track("vocals").sends[0] > -math.inf
    assert mackie.receive(note(0x2A)).text == "layer pan"


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.0, 0.1), (0.1, 0.0)])
def test_a_step_of_an_encoder_moves_what_moves_by_whole_steps(room: Room, span: tuple[float, float]) -> None:
    knob = ControlOfDevice("knob", ControlKind.RELATIVE, Source(SourceKind.CC, 0, 9), RelativeCode.TWOS_COMPLEMENT)
    does = Assignment("knob", "/transport/beats", low=span[0], high=span[1])
    controller = Controller(Device("own", "own", (), {"knob": knob}), (does,), room.table.resolve)
    room.desk.do(t.SetTempo(None, 3))
    controller.receive(control(9, 1))
    assert room.desk.transport.beats_per_bar == (4 if span[0] < span[1] else 2)


def _shown(screen: Screen) -> list[Message]:
    found: list[Message] = []
    while messages := screen.update():
        found += messages
    return found


def test_what_goes_while_it_is_shown_is_shown_as_nothing(room: Room) -> None:
    """Another surface may take an effect out between the look at its address and the look at its range."""
    ring = Ring(Source(SourceKind.CC, 0, 48), 1, 11)
    knob = ControlOfDevice("knob", ControlKind.ABSOLUTE, Source(SourceKind.CC, 0, 9), ring=ring)
    found = room.table.resolve("/track/vocals/fx/1/threshold_db")
    does = Assignment("knob", "/track/vocals/fx/1/threshold_db")
    screen = Screen(Controller(Device("own", "own", (), {"knob": knob}), (does,), lambda address: found))
    room.desk.do(c.RemoveEffect("vocals", 0))
    assert screen.update() == [control(48, 0)]


def test_a_motor_fader_is_echoed_exactly_but_not_under_a_finger(room: Room) -> None:
    mackie = room.controller("mackie")
    screen = Screen(mackie)
    first = _shown(screen)
    assert bend(0, 8192 + 4096) in first  # 0 dB stands at three quarters of 16383
    assert {message.channel for message in first if message.type == "pitchwheel"} == set(range(9))
    mackie.receive(note(0x68))
    for value in (9000, 12345):
        screen.moved(mackie.receive(bend(0, value)).control)
        assert not any(message.type == "pitchwheel" for message in _shown(screen))
    mackie.receive(note(0x68, 0))
    assert _shown(screen) == [bend(0, 12345)]
    room.desk.do(c.SetGain("vocals", -math.inf))
    assert _shown(screen) == [bend(0, 0)]
    assert _shown(screen) == []


@pytest.mark.parametrize("value", [0, 1, 5000, 8191, 8192, 8193, 16382, 16383])
def test_fourteen_bits_come_back_as_they_were(room: Room, value: int) -> None:
    mackie = room.controller("mackie")
    screen = Screen(mackie)
    _shown(screen)
    screen.moved(mackie.receive(bend(8, value)).control)
    mackie.receive(note(0x70, 0))
    assert _shown(screen) == [bend(8, value)]


def test_lights_and_rings_follow_the_mix(room: Room) -> None:
    mackie = room.controller("mackie")
    screen = Screen(mackie)
    first = _shown(screen)
    assert control(0x30, 0x10 + 6) in first  # pan: from the centre, in the middle
    assert note(0x00) in first  # the first effect is in
    assert note(0x10, 0) in first
    room.desk.do(c.SetMute("vocals", True))
    room.desk.do(c.SetPan("drums", -1.0))
    assert _shown(screen) == [control(0x31, 0x10 + 1), note(0x10)]
    screen.moved(mackie.receive(note(0x11)).control)
    assert _shown(screen) == [note(0x11)]
    screen.moved(mackie.receive(note(0x11, 0)).control)  # some devices put it out by themselves when let go
    assert _shown(screen) == [note(0x11)]
    mackie.receive(note(0x29))
    assert control(0x30, 0x20 + 1) in _shown(screen)  # sends: from the left, closed


def test_a_fader_that_feels_no_finger_rests_before_it_is_driven(room: Room) -> None:
    from dataclasses import replace

    from plugin_host.control.midi.controller import Controller

    mapped = room.library.mapped("generic-8")
    driven = {name: replace(each, motor=name == "master") for name, each in mapped.device.controls.items()}
    device = replace(mapped.device, controls=driven)
    now = [5.0]
    controller = Controller(device, mapped.bindings.assignments, room.table.resolve, bank=8, clock=lambda: now[0])
    screen = Screen(controller)
    _shown(screen)
    screen.moved(controller.receive(control(8, 33)).control)
    assert control(8, 33) not in _shown(screen)
    now[0] += STILL_SECONDS
    assert _shown(screen) == [control(8, 33)]


def test_mackie_shows_names_values_and_levels(room: Room) -> None:
    mackie = room.controller("mackie")
    display = MackieDisplay(mackie)
    cells = {message.data[5]: bytes(message.data[6:]).decode() for message in display.update()}
    assert (cells[0], cells[7], cells[21]) == ("vocals ", "drums  ", "part 4 ")
    assert cells[56].strip() == "0.00"
    assert display.update() == []
    mackie.receive(bend(0, 0))
    (changed,) = display.update()
    assert changed.data[:6] == (0, 0, 0x66, 0x14, 0x12, 56)
    assert bytes(changed.data[6:]) == b"-infdB "
    room.now[0] += 2.0
    assert len(display.update()) == 1
    assert list(display.meters()) == []  # nothing sounds here
    assert display.receive(Message("sysex", data=(0, 0, 0x66, 0x15, 1, 1, 2, 3)))
    assert {message.data[3] for message in display.update()} == {0x15}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-12.5 dB", "-12.5"),
        ("-inf dB", "-infdB"),
        ("0.0 dB", "0.0 dB"),
        ("12000 Hz", "12000"),
        ("low shelf", "lowshe"),
    ],
)
def test_a_value_is_shown_with_its_unit_or_without(text: str, shown: str) -> None:
    assert cell_text(value_text(text)).rstrip() == shown


@given(st.text(max_size=30))
def test_any_text_fits_a_cell(text: str) -> None:
    cell = cell_text(text)
    assert len(cell) == CELL
    assert cell.isascii()
    assert cell.endswith(" ")


BYTES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from((0x80, 0x90, 0xB0, 0xE0)), st.integers(0, 127), st.integers(0, 127)).map(list),
        st.tuples(st.integers(0xB0, 0xBF), st.sampled_from((6, 38, 98, 99, 100, 101)), st.integers(0, 127)).map(list),
        st.lists(st.integers(0, 255), max_size=9),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(("mackie", "nanokontrol2", "x-touch-mini", "midimix")), BYTES)
def test_no_bytes_make_a_mix_that_cannot_be(room: Room, name: str, data: list[list[int]]) -> None:
    controller = room.controller(name)
    screen = Screen(controller)
    for each in data:
        message = parsed(each)
        if message is not None:
            heard = controller.receive(message)
            if heard.control:
                screen.moved(heard.control)
            screen.update()
    for track in room.desk.mix.tracks:
        assert track.gain_db <= 12.0
        assert -1.0 <= track.pan <= 1.0
    assert room.desk.mix.master.gain_db <= 12.0


@pytest.mark.parametrize("press", ["toggle", "momentary", "trigger"])
def test_what_a_press_means(room: Room, press: str) -> None:
    from plugin_host.control.midi.assignments import Assignment, Press
    from plugin_host.control.midi.controller import Controller

    device = room.library.mapped("generic-8").device
    does = [Assignment("solo1", "/track/vocals/mute", press=Press(press))]
    controller = Controller(device, does, room.table.resolve)
    muted: Callable[[], bool] = lambda: room.track("vocals").mute  # noqa: E731  # read after each message
    heard = []
    for value in (127, 0, 127, 0):
        controller.receive(control(32, value))
        heard.append(muted())
    assert (
        heard
        == {
            "toggle": [True, True, False, False],
            "momentary": [True, False, True, False],
            "trigger": [True, True, True, True],
        }[press]
    )


def test_a_port_under_windows_has_the_same_name_wherever_it_stands() -> None:
    korg, two = ["Microsoft GS Wavetable Synth 0", "nanoKONTROL2 1"], ["nanoKONTROL2 0", "BCF2000 [1] 1", "Port 1 2"]
    assert plain_names(korg)[1] == plain_names(two)[0] == "nanoKONTROL2"
    assert plain_names(two)[1:] == ["BCF2000 [1]", "Port 1"]


def test_a_controller_takes_no_output_from_another(room: Room, cable: Cable) -> None:
    """The second of two that are alike, whose output comes a little after its input."""
    first = cable.plug("nanoKONTROL2")
    outputs = ["nanoKONTROL2"]
    cable.outputs = lambda: outputs
    with room.surface(cable) as surface:
        room.run(surface)
        second = cable.plug("nanoKONTROL2 #2")
        first.sent.clear()
        room.run(surface)
        room.run(surface)
        assert first.sent == []
        outputs.append("nanoKONTROL2 #2")
        room.run(surface)
        room.run(surface)
    assert second.sent


def test_a_plug_that_comes_loose_for_a_moment_is_noticed(room: Room, cable: Cable) -> None:
    cable.plug("nanoKONTROL2")
    with room.surface(cable) as surface:
        room.run(surface)
        del cable.wires["nanoKONTROL2"]
        room.now[0] += 0.3
        surface.step()
        wire = cable.plug("nanoKONTROL2")
        room.now[0] += 1.0
        surface.step()
        wire.waiting.append([0xB0, 48, 127])
        surface.step()
    assert room.track("vocals").mute


def test_of_two_alike_the_second_keeps_its_name_when_the_first_is_unplugged() -> None:
    """What is open under a name is that port for as long as it is there."""
    names = PortNames()
    assert names.told_apart(["nano 20:0", "synth 21:0", "nano 24:0"]) == ["nano", "synth", "nano #2"]
    assert names.told_apart(["synth 21:0", "nano 24:0"]) == ["synth", "nano #2"]
    assert names.told_apart(["synth 21:0", "nano 24:0", "nano 28:0"]) == ["synth", "nano #2", "nano"]
    assert names.told_apart(["same", "same"]) == ["same", "same #2"]
