"""A controller's bank keeps to the tracks that there are."""

import math
from typing import Any

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
