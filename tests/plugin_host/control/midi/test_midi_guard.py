"""A fault of ours in one message, or in one port, never ends the thread that serves all the others."""

from collections.abc import Callable
from typing import Any

import pytest

from plugin_host.control.midi.device import ControlKind
from plugin_host.control.midi.learned_file import keep_learned, learned
from plugin_host.control.midi.sources import Source, SourceKind
from plugin_host.control.midi.surface import MidiPlan, MidiSurface
from plugin_host.desk.events import DeskWarning

Room = Cable = Any  # the conftest's
PORT = "wing:out"
PLAN = MidiPlan({PORT: "generic-8"}, {})


@pytest.fixture
def fragile(room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A room in which moving the drums is a fault of ours."""
    do = room.desk.do

    def broken(command: object, origin: str = "") -> None:
        do(command if getattr(command, "track", "") != "drums" else 1 / 0, origin)

    monkeypatch.setattr(room.desk, "do", broken)
    return room


def test_what_comes_with_a_message_that_fails_is_done_and_the_fault_is_counted_and_told(
    fragile: Room, cable: Cable
) -> None:
    wire, told = cable.plug(PORT), fragile.desk.subscribe()
    pan = 16
    wire.waiting += [[0xB0, pan + place, value] for place in range(3) for value in (64, 127)]
    with fragile.surface(cable, PLAN) as surface:
        surface.step()
        assert surface.refused > 0
    assert [fragile.track(name).pan for name in ("vocals", "drums", "bass")] == [1.0, 0.0, 1.0]
    said = [each.text for each in told.drain() if isinstance(each, DeskWarning)]
    assert "could not be used: ZeroDivisionError" in said[-1]


def test_the_thread_outlives_a_port_that_fails_and_tells_of_it_once(
    room: Room, cable: Cable, wait_until: Callable[..., None]
) -> None:
    wire, told = cable.plug(PORT), room.desk.subscribe()

    def fails(message: object) -> None:
        raise ZeroDivisionError("in a driver")

    wire.send = fails
    surface = MidiSurface(room.table, room.library, cable, plan=PLAN, clock=lambda: room.now[0])
    surface.start()
    try:
        wait_until(lambda: surface.refused, lambda: room.now.__setitem__(0, room.now[0] + 0.3))
        assert surface._thread.is_alive()
    finally:
        surface.close()
    said = [each.text for each in told.drain() if isinstance(each, DeskWarning)]
    assert sum("ZeroDivisionError: in a driver" in text for text in said) == 1


def test_what_a_controller_shows_comes_back_with_its_output_which_went_alone(
    room: Room, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = cable.plug("X-Touch")
    with room.surface(cable) as surface:
        room.run(surface)
        with monkeypatch.context() as gone:
            gone.setattr(cable, "outputs", list)
            room.run(surface)
            wire.sent.clear()
            room.run(surface)
            assert wire.sent == []
        room.run(surface)
    assert {message.type for message in wire.sent} >= {"pitchwheel", "sysex"}


PEDAL, PEDAL_OUT = "Midi-Bridge:FS-1 4:(capture_0) FS-1 MIDI 1", "Midi-Bridge:FS-1 4:(playback_0) FS-1 MIDI 1"
TOUCH, TOUCH_OUT = (f"Midi-Bridge:X-Touch 2:({way}_0) X-Touch MIDI 1" for way in ("capture", "playback"))


@pytest.mark.parametrize("pedal", ["nanokontrol2", "x-touch-mini"])
def test_no_controller_is_sent_what_is_for_another_whose_name_is_much_alike(
    room: Room, cable: Cable, monkeypatch: pytest.MonkeyPatch, pedal: str
) -> None:
    """The pedal has nothing to send to, or it comes later; it is looked for first."""
    plan = MidiPlan({"FS-1": pedal, "X-Touch": "mackie"}, {})
    for name in (PEDAL, TOUCH, TOUCH_OUT, PEDAL_OUT):
        cable.plug(name)
    there = [TOUCH_OUT]
    monkeypatch.setattr(cable, "inputs", lambda: [PEDAL, TOUCH])
    monkeypatch.setattr(cable, "outputs", lambda: there)
    with room.surface(cable, plan) as surface:
        room.run(surface)
        there.append(PEDAL_OUT)
        room.run(surface)
    assert "pitchwheel" in {message.type for message in cable.wires[TOUCH_OUT].sent}
    assert cable.wires[PEDAL_OUT].sent != []
    assert "pitchwheel" not in {message.type for message in cable.wires[PEDAL_OUT].sent}


def test_a_controller_that_shows_nothing_takes_nobodys_output(
    room: Room, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there before the other one, whose ports come one by one."""
    new = learned(PEDAL, Source(SourceKind.CC, 0, 64), ControlKind.BUTTON, None, "/transport/toggle")
    keep_learned(room.library.learned_file, new)
    for name in (PEDAL, TOUCH, TOUCH_OUT):
        cable.plug(name)
    there = [PEDAL]
    monkeypatch.setattr(cable, "inputs", lambda: there)
    monkeypatch.setattr(cable, "outputs", lambda: [TOUCH_OUT])
    with room.surface(cable) as surface:
        room.run(surface)
        there.append(TOUCH)
        room.run(surface)
        assert len(surface.attached) == 2
    assert "pitchwheel" in {message.type for message in cable.wires[TOUCH_OUT].sent}
