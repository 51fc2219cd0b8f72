"""Surfaces made for Ardour, REAPER and the X32, as they are."""

import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.dialects.laws import (
    ardour_db,
    ardour_position,
    x32_db,
    x32_position,
)
from plugin_host.control.osc.packet import Argument, OscMessage
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.control.osc.surfaces import dialects_of
from plugin_host.errors import ControlError
from plugin_host.mix.commands import RemoveTrack, SetGain, SetMute, SetPan

Rack = Any  # the conftest's
POSITIONS = st.floats(0.0, 1.0, width=32)


@pytest.mark.parametrize(("position", "db"), [(0.75, 0.0), (1.0, 10.0), (0.5, -10.0), (0.25, -30.0), (0.0625, -60.0)])
def test_the_x32_fader(position: float, db: float) -> None:
    assert x32_db(position) == pytest.approx(db)
    assert x32_position(db) == pytest.approx(position)


def test_the_ardour_fader_as_measured() -> None:
    assert ardour_position(0.0) == pytest.approx(0.7818, abs=5e-5)
    assert ardour_db(0.5) == pytest.approx(-10.47, abs=0.005)
    assert ardour_db(1.0) == pytest.approx(6.02, abs=0.005)
    assert ardour_db(0.0) == x32_db(0.0) == -math.inf
    assert ardour_position(-math.inf) == x32_position(-math.inf) == 0.0
    assert ardour_position(12.0) == x32_position(12.0) == 1.0


@given(POSITIONS, POSITIONS)
def test_faders_never_turn_back_and_come_back_exactly(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for to_db, to_position in ((ardour_db, ardour_position), (x32_db, x32_position)):
        assert to_db(low) <= to_db(high)
        if to_db(one) > -90.0:
            assert to_position(to_db(one)) == pytest.approx(one, rel=1e-9, abs=1e-12)


def test_an_x32_surface(rack: Rack) -> None:
    one, other = rack.client(), rack.client()
    assert one.ask("/ch/01/mix/fader") == OscMessage("/ch/01/mix/fader", (0.75,))
    assert one.ask("/ch/02/config/name").arguments == ("lead vocals",)
    assert one.ask("/ch/01/mix/on").arguments == (1,)
    other.send("/xremote")
    other.settle()
    for address, value in [
        ("/ch/01/mix/fader", 0.5), ("/ch/02/mix/on", 0), ("/ch/03/mix/pan", 0.0), ("/ch/01/mix/01/level", 0.75),
        ("/bus/02/mix/fader", 0.25), ("/dca/1/on", 0), ("/main/st/mix/fader", 1.0), ("/-stat/solosw/04", 1),
    ]:  # fmt: skip
        one.send(address, value)
    told = {}
    while len(told) < 8:
        message = other.receive()
        told[message.address] = message.arguments
    mix = rack.desk.mix
    assert [mix.tracks[0].gain_db, mix.tracks[1].mute, mix.tracks[2].pan] == [-10.0, True, -1.0]
    assert [mix.tracks[0].sends[0], mix.auxes[1].gain_db, mix.groups[0].mute] == [0.0, -30.0, True]
    assert [mix.master.gain_db, mix.tracks[3].solo] == [10.0, True]
    assert told["/ch/01/mix/fader"] == (0.5,)
    assert told["/ch/02/mix/on"] == (0,)
    assert one.rest() == []
    other.send("/unsubscribe")
    other.settle()
    one.send("/ch/01/mix/fader", 0.6)
    assert other.rest() == []


@pytest.mark.parametrize(
    "said",
    [
        ("/ch/01/mix/fader", math.inf),
        ("/main/st/mix/fader", math.inf),
        ("/strip/fader", 1, math.inf),
        ("/strip/fader", math.inf, 0.5),
        ("/strip/expand", math.inf, 1),
        ("/set_surface", math.inf),
    ],
)
def test_infinity_is_no_place_of_a_fader(rack: Rack, said: tuple[Any, ...]) -> None:
    """It would be the loudest there is."""
    client, before = rack.client(), rack.desk.mix
    client.send(*said)
    client.settle()
    assert rack.desk.mix == before
    (warning,) = rack.warnings()
    assert "inf is no number: send one" in warning


def test_a_reaper_surface(rack: Rack) -> None:
    one = rack.client()
    for address, value in [
        ("/track/1/volume", 0.5), ("/track/2/pan", 0.25), ("/track/3/mute", 1.0), ("/track/4/volume/db", -4.0),
        ("/master/volume", 0.75), ("/time", 3.0), ("/playrate/raw", 0.5), ("/track/5/select", 1), ("/play", 1.0),
        ("/repeat", 1.0), ("/device/track/count", 8), ("/track/volume", 0.25),
    ]:  # fmt: skip
        one.send(address, value)
    one.settle()
    mix, transport = rack.desk.mix, rack.desk.transport
    assert [mix.tracks[0].gain_db, mix.tracks[1].pan, mix.tracks[2].mute] == [-12.0, -0.5, True]
    assert [mix.tracks[3].gain_db, mix.tracks[4].gain_db, mix.master.gain_db] == [-4.0, -32.0, 0.0]
    assert (transport.position, transport.speed, transport.playing) == (144_000, 0.5, True)
    assert transport.loop is not None
    assert rack.server.complaints.refused == 0
    one.rest()
    rack.desk.do(SetGain("vocals", 0.0), "somebody")
    rack.desk.do(SetPan("vocals", 1.0), "somebody")
    rack.desk.do(SetGain("piano", 0.0), "somebody")
    told = one.values()
    assert told["/track/1/volume"] == (0.75,)
    assert told["/track/1/volume/db"] == (0.0,)
    assert told["/track/1/volume/str"] == ("0.0 dB",)
    assert told["/track/1/pan"] == (1.0,)
    assert told["/track/volume"] == (0.75,)  # the selected one
    one.send("/stop")
    one.send("/repeat")
    one.settle()
    assert not rack.desk.transport.playing
    assert rack.desk.transport.loop is None


def test_a_reaper_surfaces_toggles(rack: Rack) -> None:
    """A button sends 1 when it is pressed and 0 when it is let go."""
    one = rack.client()
    for address in ("/track/2/mute/toggle", "/track/3/solo/toggle", "/track/2/select", "/track/solo/toggle"):
        one.send(address, 1.0)
        one.send(address, 0.0) if address.endswith("toggle") else None
        one.settle()
    tracks = rack.desk.mix.tracks
    assert (tracks[1].mute, tracks[1].solo, tracks[2].solo) == (True, True, True)
    one.send("/track/2/mute/toggle")
    one.settle()
    assert not rack.desk.mix.tracks[1].mute
    one.send("/track/99/mute/toggle", 1)
    one.settle()
    assert rack.server.complaints.refused == 1


def test_a_reaper_surface_turns_its_own_bank(rack: Rack) -> None:
    """What it calls track 1 is the first of its bank; others keep theirs."""
    one, other = rack.client(), rack.client()
    names = [track.name for track in rack.desk.mix.tracks]
    other.send("/dialect", "reaper")
    one.send("/device/track/count", 4)
    one.rest()
    one.send("/device/track/bank/+", 1.0)
    one.send("/device/track/bank/+", 0.0)  # the button let go
    told = one.values()
    assert [told[f"/track/{number}/name"] for number in range(1, 5)] == [(name,) for name in names[4:8]]
    one.send("/track/1/volume", 0.5)
    other.send("/track/2/volume", 0.25)
    one.settle()
    other.settle()
    assert (rack.desk.mix.tracks[4].gain_db, rack.desk.mix.tracks[1].gain_db) == (-12.0, -32.0)
    rack.desk.do(SetGain(names[0], -3.0), "somebody")
    rack.desk.do(SetGain(names[4], -6.0), "somebody")
    assert one.values()["/track/1/volume/db"] == (-6.0,)
    for address in ("/device/track/bank/-", "/device/track/bank/select/2", "/device/track/bank/+"):
        one.send(address, 1.0)
    told = one.values()
    assert [told[f"/track/{number}/name"] for number in range(1, 5)] == [("synth 3",), ("a/b",), ("",), ("",)]
    for name in names[2:]:
        rack.desk.do(RemoveTrack(name))
    one.rest()
    one.send("/track/1/mute", 1.0)
    one.settle()
    assert [track.mute for track in rack.desk.mix.tracks] == [True, False]
    assert rack.server.complaints.refused == 0


def test_a_reaper_surface_that_is_named_at_the_start(rack: Rack) -> None:
    ear = rack.client()
    surfaces = rack.start(OscSettings(port=0, feedback_to=(f"{LOOPBACK}:{ear.port}=reaper",)))
    ear.server = (LOOPBACK, surfaces.server.port)
    assert ear.until("/track/1/mute").arguments == (0,)
    ear.send("/track/1/pan", 0.5)  # in REAPER's words, from the first message on
    ear.settle()
    assert rack.desk.mix.tracks[0].pan == 0.0
    rack.desk.do(SetMute("vocals", True), "somebody")
    assert ear.until("/track/1/mute").arguments == (1,)


@pytest.mark.parametrize(
    ("dialect", "told"),
    [
        ("ardour", OscMessage("/strip/gain", (1, -3.0))),
        ("ardour", OscMessage("/strip/mute", (2, 1))),
        ("reaper", OscMessage("/track/1/volume/db", (-3.0,))),
        ("x32", OscMessage("/ch/02/mix/on", (0,))),
        ("", OscMessage("/track/vocals/gain", (-3.0,))),
    ],
)
def test_a_surface_that_is_named_at_the_start_is_shown_how_things_stand(
    rack: Rack, dialect: str, told: OscMessage
) -> None:
    rack.desk.do_all((SetGain("vocals", -3.0), SetMute("lead vocals", True)))
    ear = rack.client()
    rack.start(OscSettings(port=0, feedback_to=(f"{LOOPBACK}:{ear.port}" + f"={dialect}" * bool(dialect),)))
    while ear.until(told.address) != told:
        pass


def test_a_surface_that_is_named_at_the_start_is_told_for_good(rack: Rack) -> None:
    later, ear = [0.0], rack.client()
    settings = OscSettings(port=0, feedback_to=(f"{LOOPBACK}:{ear.port}=x32",))
    server = OscServer(
        rack.table,
        settings,
        Complaints(rack.desk.warn),
        dialects_of(rack.table, settings),
        clock=lambda: time.monotonic() + later[0],
    )
    rack.stack.callback(server.close)
    ear.server = (LOOPBACK, server.port)
    ear.send("/xremote")
    ear.settle()
    ear.rest()
    later[0] = 3600.0
    ear.settle()
    rack.desk.do(SetMute("vocals", True), "somebody")
    assert ear.until("/ch/01/mix/on").arguments == (0,)


def test_a_dialect_on_wish_and_off_again(rack: Rack) -> None:
    client = rack.client()
    assert client.ask("/dialect", "reaper").arguments == ("reaper",)
    client.send("/track/1/pan", 0.75)
    assert client.ask("/dialect", "").arguments == ("",)
    assert client.ask("/track/1/pan").arguments == (0.5,)


def test_dialects_that_are_off(rack: Rack) -> None:
    surfaces = rack.start(OscSettings(port=0, dialects=("ardour",)))
    client = rack.client()
    client.server = (LOOPBACK, surfaces.server.port)
    client.send("/ch/01/mix/fader", 0.5)
    client.send("/track/1/volume", 0.5)
    client.settle()
    assert surfaces.server.complaints.refused == 2


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("/ch/99/mix/fader", (0.5,)), ("/ch/00/mix/fader", (0.5,)), ("/ch/01/mix/fader", (math.nan,)),
        ("/ch/01/mix/fader", ("high",)), ("/dca/9/fader", (0.5,)), ("/track/99/volume", (0.5,)), ("/strip/gain", ()),
        ("/strip/gain", (99, 0.0)), ("/strip/gain", (math.nan, 0.0)), ("/strip/gain", (1, math.inf)),
        ("/strip/wings", (1, 1)), ("/set_surface", ("x",)), ("/set_surface", (math.inf,)), ("/strip/gain", (1, 2, 3)),
        ("/set_surface/9999999999999999999999", ()), ("/strip", ()), ("/ch/01/mix/fader", (None,)),
    ],
)  # fmt: skip
def test_what_cannot_be_meant(rack: Rack, address: str, values: tuple[Argument, ...]) -> None:
    before, client = rack.desk.mix, rack.client()
    client.send(address, *values)
    client.settle()
    assert rack.desk.mix == before
    assert rack.server.complaints.refused + address.startswith("/set_surface/") == 1


def test_laws_refuse_what_is_no_number() -> None:
    from plugin_host.control.osc.dialects.laws import X32_FADER

    with pytest.raises(ControlError):
        X32_FADER.ours("high")
