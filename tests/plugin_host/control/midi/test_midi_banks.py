"""A controller's bank keeps to the tracks that there are."""

import math
from typing import Any

import pytest
from mido import Message

from plugin_host.control.midi.assignments import Assignment, Press
from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.surface import MidiPlan
from plugin_host.mix.commands import RemoveTrack

Room = Cable = Any  # the conftest's


def test_a_bank_past_the_last_track_goes_back_to_where_tracks_are(room: Room, cable: Cable) -> None:
    wire = cable.plug("X-Touch")
    with room.surface(cable, MidiPlan({"X-Touch": "mackie"}, {})) as surface:
        room.run(surface)
        wire.waiting.append([0x90, 0x2F, 127])
        room.run(surface)
        for number in range(4, 13):
            room.desk.do(RemoveTrack(f"part {number}"))
        room.run(surface)
        wire.waiting.append([0xE2, 0, 0])
        room.run(surface)
    assert room.track("bass").gain_db == -math.inf


@pytest.mark.parametrize("meanwhile", ["bank_right", "assign_send"])
def test_what_is_on_while_a_button_is_held_goes_off_with_it_in_another_bank_or_layer(
    room: Room, meanwhile: str
) -> None:
    does = (
        Assignment("mute1", "/track/{n}/mute", 1, press=Press.MOMENTARY),
        Assignment("mute1", "/track/{n}/solo", 1, layer="sends"),
        Assignment("bank_right", bank_by=8),
        Assignment("assign_send", to_layer="sends"),
    )
    device = room.library.mapped("mackie").device
    controller = Controller(device, does, room.table.resolve, bank=8)
    notes = {"mute1": 0x10, "bank_right": 0x2F, "assign_send": 41}
    for name, velocity in (("mute1", 127), (meanwhile, 127), (meanwhile, 0), ("mute1", 0)):
        controller.receive(Message("note_on", note=notes[name], velocity=velocity))
    assert not room.track("vocals").mute
    controller.receive(Message("note_on", note=notes["mute1"], velocity=127))
    assert room.track("part 9").mute == (meanwhile == "bank_right")
    assert room.track("vocals").solo == (meanwhile == "assign_send")
