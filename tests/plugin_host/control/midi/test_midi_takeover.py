"""Takeover: no jumps, no fader that cannot be taken over, and what is held outlives a switch of bank or layer."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from plugin_host.control.midi.assignments import Assignment
from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.takeover import LONGEST_STRIDE, NEAR, Grip, Takeover

Room = Any  # the conftest's
SHARES = st.floats(0.0, 1.0)


@given(SHARES, st.lists(SHARES, min_size=1, max_size=40))
def test_pickup_never_jumps(value: float, moves: list[float]) -> None:
    grip, holds = Grip(), False
    for position in moves:
        to = grip.move("fader", "/x", position, value, Takeover.PICKUP)
        assert to is None or holds or abs(to - value) <= LONGEST_STRIDE + 2 * NEAR
        holds = to is not None
        if to is not None:
            value = to
            grip.done("fader", "/x", value)


@given(SHARES, SHARES)
def test_a_slow_fader_always_picks_up(value: float, start: float) -> None:
    grip = Grip()
    grip.placed("fader", start)
    down = [start * (20 - step) / 20 for step in range(21)]
    way = [*down, *(step / 20 for step in range(21))]
    taken = [grip.move("fader", "/x", position, value, Takeover.PICKUP) for position in way]
    assert any(to is not None for to in taken)


@given(SHARES, st.lists(SHARES, min_size=2, max_size=30))
def test_scale_goes_the_faders_way_and_reaches_both_ends(value: float, moves: list[float]) -> None:
    grip = Grip()
    before = None
    for position in [*moves, 0.0, 1.0]:
        to = grip.move("fader", "/x", position, value, Takeover.SCALE)
        if before is None:
            assert to is None
        else:
            assert to is not None
            assert (to - value) * (position - before) >= -1e-12
            assert -1e-12 <= to <= 1 + 1e-12
            value = to
        before = position
    assert value == 1.0


def test_who_comes_back_with_the_fader_where_it_was_goes_on() -> None:
    grip = Grip()
    values = {"/a": 0.5, "/b": 0.1}

    def move(target: str, position: float) -> bool:
        to = grip.move("fader", target, position, values[target], Takeover.PICKUP)
        if to is not None:
            values[target] = to
            grip.done("fader", target, to)
        return to is not None

    assert move("/a", 0.5)
    assert move("/a", 0.9)  # held: a fast throw is followed
    assert not move("/b", 0.8)  # another bank
    assert not move("/b", 0.9)
    assert move("/a", 0.3)  # back, with the fader where it was: no new pickup is asked for
    assert not move("/b", 0.6)
    assert not move("/a", 0.5)  # back with the fader elsewhere
    assert values == {"/a": 0.3, "/b": 0.1}


def test_a_value_changed_elsewhere_is_picked_up_anew() -> None:
    grip = Grip()
    assert grip.move("fader", "/a", 0.5, 0.5, Takeover.PICKUP) == 0.5
    grip.done("fader", "/a", 0.5)
    assert grip.move("fader", "/a", 0.51, 0.9, Takeover.PICKUP) is None


def test_a_bank_of_a_real_controller_does_not_jump(room: Room) -> None:
    korg = room.controller("nanokontrol2")

    def fader(value: int) -> str:
        return str(korg.receive(Message("control_change", control=0, value=value)).text)

    assert "waits" in fader(20)
    for value in range(20, 127, 5):
        fader(value)
    loud = room.track("vocals").gain_db
    assert loud > 10.0
    korg.receive(Message("control_change", control=59, value=127))  # next bank: tracks from 9
    assert korg.bank == 8
    fader(100)
    fader(40)
    assert room.track("part 9").gain_db == 0.0
    korg.receive(Message("control_change", control=58, value=127))
    fader(30)
    assert room.track("vocals").gain_db == loud


def test_a_layer_of_a_real_controller_does_not_jump(room: Room) -> None:
    device = room.library.mapped("generic-8").device
    does = [
        Assignment("fader1", "/track/vocals/gain"),
        Assignment("fader1", "/track/vocals/send/1", layer="sends"),
        Assignment("solo1", to_layer="sends"),
    ]
    generic = Controller(device, does, room.table.resolve)

    def move(value: int) -> tuple[float, float]:
        generic.receive(Message("control_change", control=0, value=value))
        return room.track("vocals").gain_db, room.track("vocals").sends[0]

    def switch() -> str:
        generic.receive(Message("control_change", control=32, value=127))
        return generic.layer

    for value in range(80, 111, 5):
        loud, _ = move(value)
    assert loud > 0.0
    assert switch() == "sends"
    assert [move(value) for value in (100, 60)] == [(loud, -math.inf)] * 2
    assert switch() == ""
    assert move(50) == (loud, -math.inf)  # it went away meanwhile, and waits
    assert move(110)[0] == loud  # it stands on the value, and holds it from here
    assert move(108)[0] < loud
    now = move(107)
    switch()
    switch()
    assert move(60)[0] < now[0]  # where it was left it goes on, however far
