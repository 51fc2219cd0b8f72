"""A fault of ours in one message, or in one port, never ends the thread that serves all the others."""

from collections.abc import Callable
from typing import Any

import pytest

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
