"""Surfaces made for Ardour, as they are."""

import math
from typing import Any

import pytest

from plugin_host.control.osc.dialects.ardour_words import bar_text
from plugin_host.control.osc.dialects.laws import ARDOUR_LIGHTS, ARDOUR_METER, ARDOUR_SIGNAL
from plugin_host.control.osc.packet import Argument, OscMessage
from plugin_host.mix.commands import RemoveTrack, SetGain
from plugin_host.mix.transport import Seek, SetTempo

Rack = Any  # the conftest's
Client = Any
ALL = 1 + 2 + 16 + 16384


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


@pytest.mark.parametrize(
    ("db", "lights", "meter", "signal"),
    [
        (-120.0, 0, 0.0, 0.0),
        (-46.5, 1, 0.475, 0.0),
        (-40.0, 3, 0.54, 1.0),
        (6.0, 0x7FFF, 1.0, 1.0),
        (24.0, 0xFFFF, 1.0, 1.0),
    ],
)
def test_ardours_meters(db: float, lights: int, meter: float, signal: float) -> None:
    assert ARDOUR_LIGHTS.theirs(db) == lights
    assert ARDOUR_METER.theirs(db) == pytest.approx(meter)
    assert ARDOUR_SIGNAL.theirs(db) == signal


@pytest.mark.parametrize(
    ("beats", "per_bar", "text"),
    [(0.0, 4, "001|01|0000"), (5.5, 4, "002|02|0960"), (8.99999, 3, "004|01|0000"), (4000.0, 4, "1001|01|0000")],
)
def test_ardours_bars(beats: float, per_bar: int, text: str) -> None:
    assert bar_text(beats, per_bar) == text


@pytest.mark.parametrize(
    ("feedback", "gainmode", "silence"),
    [(128, 0, -120.0), (128, 1, 0.0), (256, 0, 0), (128 + 256, 0, -120.0)],
)
def test_an_ardour_surface_is_told_of_levels_as_it_asks(
    rack: Rack, feedback: int, gainmode: int, silence: float
) -> None:
    told = _ardour(rack, 0, 1, feedback + 16 + 512, gainmode).rest()
    assert OscMessage("/strip/meter", (1, silence)) in told
    assert OscMessage("/master/meter", (silence,)) in told
    assert OscMessage("/strip/signal", (1, 0.0)) in told
    assert OscMessage("/master/signal", (0.0,)) in told


def test_an_ardour_surface_is_told_the_place_as_it_asks(rack: Rack) -> None:
    client = _ardour(rack, 0, 1, 32 + 1024 + 2048)
    client.settle()
    rack.desk.do(Seek(90_000.0), "somebody")
    told = client.values()
    assert told["/position/samples"] == ("90000",)
    assert told["/position/time"] == ("00:00:01.875",)
    assert "/position/bbt" not in told  # nobody said the tempo
    rack.desk.do_all((SetTempo(120.0, 3), Seek(96_000.0)), "somebody")
    assert client.values()["/position/bbt"] == ("002|02|0000",)


def test_ardours_port(rack: Rack) -> None:
    sender, ear = rack.client(), rack.client()
    sender.send("/set_surface", 0, 159, 3, 0, 0, 0, ear.port)
    assert ear.until("/strip/name").arguments == (1, "vocals")


def test_a_bank_of_ardours_past_the_last_strip_goes_back(rack: Rack) -> None:
    client = _ardour(rack, 4, 1, 3, 0)
    client.send("/bank_up", 1.0)
    client.settle()
    for track in rack.desk.mix.tracks[5:]:
        rack.desk.do(RemoveTrack(track.name))
    client.send("/strip/gain", 4, -5.0)
    client.settle()
    assert rack.desk.mix.tracks[4].gain_db == -5.0
