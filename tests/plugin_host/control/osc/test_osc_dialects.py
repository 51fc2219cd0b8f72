"""Surfaces made for Ardour, REAPER and the X32, as they are."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.control.osc.dialects.laws import ardour_db, ardour_position, x32_db, x32_position
from plugin_host.control.osc.packet import Argument, OscMessage
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.errors import ControlError
from plugin_host.mix.commands import SetGain, SetMute, SetPan

Rack = Any  # the conftest's
Client = Any
ALL = 1 + 2 + 16 + 16384
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


def test_a_reaper_surface_that_is_named_at_the_start(rack: Rack) -> None:
    ear = rack.client()
    surfaces = rack.start(OscSettings(port=0, feedback_to=(f"{LOOPBACK}:{ear.port}=reaper",)))
    ear.server = (LOOPBACK, surfaces.server.port)
    ear.send("/track/1/pan", 0.5)  # in REAPER's words, from the first message on
    ear.settle()
    assert rack.desk.mix.tracks[0].pan == 0.0
    rack.desk.do(SetMute("vocals", True), "somebody")
    assert ear.until("/track/1/mute").arguments == (1,)


def _ardour(rack: Rack, *settings: Argument) -> Client:
    client = rack.client()
    client.send("/set_surface", *settings)
    return client


def test_an_ardour_surface(rack: Rack) -> None:
    one, other = _ardour(rack, 0, 159, 0, 0), _ardour(rack, 0, 159, ALL, 2)
    first = other.values()
    assert first["/strip/name"]
    for address, *arguments in [
        ("/strip/gain", 1, -6.0), ("/strip/fader", 2, 0.5), ("/strip/mute", 3, 1), ("/strip/solo", 4, 1.0),
        ("/strip/pan_stereo_position", 1, 0.25), ("/strip/send/gain", 1, 2, -3.0), ("/strip/polarity/5", 1),
        ("/strip/gain", 11, -9.0), ("/strip/gain", 6, -193.0), ("/master/fader", 0.5), ("/transport_play",),
        ("/loop_toggle",),
    ]:  # fmt: skip
        one.send(address, *arguments)
    one.settle()
    mix = rack.desk.mix
    assert [mix.tracks[0].gain_db, mix.tracks[2].mute, mix.tracks[3].solo, mix.tracks[4].invert] == [
        -6.0,
        True,
        True,
        True,
    ]
    assert mix.tracks[1].gain_db == pytest.approx(-10.47, abs=0.005)
    assert [mix.tracks[0].pan, mix.tracks[0].sends[1], mix.auxes[0].gain_db] == [-0.5, -3.0, -9.0]
    assert mix.tracks[5].gain_db == -math.inf
    assert mix.master.gain_db == pytest.approx(-10.47, abs=0.005)
    assert rack.desk.transport.playing
    assert rack.desk.transport.loop is not None
    told = other.rest()
    for expected in (
        OscMessage("/strip/gain", (1, -6.0)), OscMessage("/strip/fader", (2, 0.5)), OscMessage("/strip/mute", (3, 1)),
        OscMessage("/strip/send/gain", (1, 2, -3.0)), OscMessage("/strip/gain", (6, -193.0)),
        OscMessage("/transport_play", (1,)), OscMessage("/loop_toggle", (1,)), OscMessage("/master/fader", (0.5,)),
    ):  # fmt: skip
        assert expected in told, expected
    assert one.rest() == []
    assert rack.server.complaints.refused == 0


def test_an_ardour_surface_goes_about_the_song(rack: Rack) -> None:
    client = _ardour(rack, 0, 159, 0, 0)

    def went(address: str, *arguments: Argument) -> tuple[int, bool]:
        client.send(address, *arguments)
        client.settle()
        return rack.desk.transport.position, rack.desk.transport.playing

    assert went("/locate", 96_000, 0) == (96_000, False)
    assert went("/goto_end", 0) == (96_000, False)
    assert went("/goto_end") == (4_800_000, False)
    assert went("/goto_start", 1.0) == (0, False)
    assert went("/locate", 480_000, 1) == (480_000, True)
    assert rack.server.complaints.refused == 0
    went("/locate")
    assert rack.server.complaints.refused == 1


@pytest.mark.parametrize(("feedback", "reply"), [(0, "#reply"), (16384, "/reply")])
def test_ardours_list_of_strips(rack: Rack, feedback: int, reply: str) -> None:
    client = _ardour(rack, 0, 1 + 4 + 32, feedback)
    client.send("/strip/list")
    raw = [client.socket.recv(4096) for _ in range(14)]
    assert all(packet.startswith(reply.encode()) for packet in raw)
    if reply == "/reply":
        client.send("/strip/list")
        strips = [client.receive().arguments for _ in range(14)]
        assert strips[0] == ("AT", "vocals", 2, 2, 0, 0, 1, 0)
        assert [strip[0] for strip in strips[10:]] == ["B", "B", "MA", "end_route_list"]
        assert strips[-1] == ("end_route_list", 48_000, 4_800_000, 0)


def test_ardours_banks(rack: Rack) -> None:
    client = _ardour(rack, 4, 1, 3, 0)
    assert {message.arguments[0] for message in client.rest()} == {1, 2, 3, 4}
    client.send("/bank_up", 1.0)
    client.send("/strip/gain", 1, -5.0)
    client.settle()
    assert rack.desk.mix.tracks[4].gain_db == -5.0
    client.send("/strip/gain", 5, -5.0)
    client.settle()
    assert rack.server.complaints.refused == 1
    for word in ("/bank_up", "/bank_up", "/bank_down", "/bank_down"):
        client.send(word)
    assert OscMessage("/strip/name", (1, "vocals")) in client.rest()


def test_ardours_ways_to_name_a_strip_and_its_heart(rack: Rack) -> None:
    client = rack.client()
    client.send("/set_surface/0/159/14/1")
    rack.desk.do(SetGain("vocals", 0.0), "somebody")
    assert client.until("/strip/fader/1").arguments == (pytest.approx(0.7818, abs=5e-5),)
    assert {client.until("/heartbeat").arguments[0] for _ in range(2)} == {0.0, 1.0}


def test_ardours_port(rack: Rack) -> None:
    sender, ear = rack.client(), rack.client()
    sender.send("/set_surface", 0, 159, 3, 0, 0, 0, ear.port)
    assert ear.until("/strip/name").arguments == (1, "vocals")


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
