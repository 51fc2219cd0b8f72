"""What surfaces are told."""

import socket
import time
from typing import Any

import pytest

from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.packet import OscMessage
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.mix.commands import SetGain

Rack = Any  # the conftest's
Client = Any


def _subscribed(rack: Rack, *arguments: object) -> Client:
    client = rack.client()
    assert client.ask("/subscribe", *arguments).address == "/subscribed"
    return client


def test_everybody_is_told_but_who_did_it(rack: Rack) -> None:
    one, other, stranger = _subscribed(rack), _subscribed(rack), rack.client()
    one.send("/track/vocals/fader", 0.3)
    assert one.rest() == []
    assert stranger.rest() == []
    told = other.values()
    assert told["/track/vocals/fader"] == told["/track/1/fader"] == told["/bank/track/1/fader"]
    assert "/track/vocals/gain" in told
    assert "/track/vocals/gain/str" in told
    other.send("/track/vocals/fader", 0.4)
    assert "/track/vocals/fader" in one.values()


@pytest.mark.parametrize(
    ("before", "deed", "told"),
    [
        ([], ("/scene/karaoke",), {"/track/vocals/mute": (1,)}),
        ([("/track/vocals/solo", 1)], ("/solo/clear",), {"/track/vocals/solo": (0,)}),
        ([("/track/vocals/select", 1)], ("/track/drums/select", 1), {"/track/vocals/select": (0,)}),
        ([("/transport/play",)], ("/transport/stop",), {"/transport/play": (0,)}),
        ([], ("/transport/loop/begin", 10.0), {"/transport/loop/on": (1,), "/transport/loop/end": (100.0,)}),
        ([], ("/ab/toggle",), {"/ab": (1,)}),
    ],
)
def test_who_does_something_is_told_what_came_of_it(
    rack: Rack, before: list[Any], deed: tuple[Any, ...], told: dict[str, Any]
) -> None:
    """A tablet's faders follow the scene that was recalled on it; what it set itself, it is not told."""
    client = _subscribed(rack)
    for each in before:
        client.send(*each)
    client.rest()
    client.send(*deed)
    values = client.values()
    assert told.items() <= values.items()
    assert deed[0] not in values


def test_a_program_that_pauses_is_not_told_to_stop(rack: Rack) -> None:
    """Named at the start it may be another host, such as REAPER, which does what it is told."""
    client = rack.client()
    surfaces = rack.start(OscSettings(port=0, feedback_to=(f"{LOOPBACK}:{client.port}",)))
    client.server = (LOOPBACK, surfaces.server.port)
    client.send("/transport/play")
    client.rest()
    client.send("/transport/pause")
    values = client.values()
    assert values["/transport/play"] == (0,)
    assert "/transport/stop" not in values
    tablet = rack.client()
    tablet.server = client.server
    tablet.ask("/subscribe")
    tablet.send("/transport/toggle")
    assert tablet.values()["/transport/play"] == (1,)


def test_what_was_set_before_a_scene_is_told_as_the_scene_has_it(rack: Rack) -> None:
    client = _subscribed(rack)
    client.send("/track/vocals/mute", 0)
    client.send("/scene/karaoke")
    client.send("/track/drums/mute", 1)
    told = client.values()
    assert told["/track/vocals/mute"] == (1,)
    assert "/track/drums/mute" not in told


@pytest.mark.parametrize("value", [64 / 127, 0.1, 1 / 3, 0.7818, 1.0, 0.0])
@pytest.mark.parametrize("form", ["fader", "pan/norm", "gain"])
def test_the_very_value_comes_back(rack: Rack, form: str, value: float) -> None:
    one, other = rack.client(), _subscribed(rack, 0, 60, f"/track/vocals/{form}")
    one.send(f"/track/vocals/{form}", 0.2)
    one.send("/ping")
    one.send(f"/track/vocals/{form}", value)
    sent = one.ask(f"/track/1/{form}") if one.receive() else None
    assert sent is not None
    while other.receive().arguments != sent.arguments:
        pass
    assert sent.arguments[0] == pytest.approx(value, abs=1e-7)


def test_a_surface_learns_what_was_taken_instead_of_its_value(rack: Rack) -> None:
    client = _subscribed(rack)
    client.send("/track/vocals/gain", 99.0)
    assert client.receive() == OscMessage("/track/vocals/gain", (12.0,))


def test_many_changes_are_told_as_the_last(rack: Rack) -> None:
    other = _subscribed(rack, 0, 60, "/track/vocals/gain")
    for number in range(2000):
        rack.desk.do(SetGain("vocals", -number / 100), "somebody")
    gains = [message.arguments[0] for message in other.rest() if message.address == "/track/vocals/gain"]
    assert gains[-1] == pytest.approx(-19.99)
    assert len(gains) < 500
    assert gains == sorted(gains, reverse=True)


def test_news_can_go_to_a_port_of_its_own(rack: Rack) -> None:
    sender, ear = rack.client(), rack.client()
    sender.send("/subscribe", ear.port)
    assert ear.receive().address == "/subscribed"
    rack.desk.do(SetGain("vocals", -2.0), "somebody")
    assert ear.until("/track/vocals/gain").arguments == (-2.0,)
    sender.send("/track/1/gain")  # answers go there, too
    assert ear.until("/track/1/gain").arguments == (-2.0,)
    rack.client().send("/unsubscribe", ear.port)
    ear.rest()
    rack.desk.do(SetGain("vocals", -3.0), "somebody")
    assert "/track/vocals/gain" not in ear.values()


def test_numbers_may_come_as_texts(rack: Rack) -> None:
    sender, ear = rack.client(), rack.client()
    sender.send("/subscribe", str(ear.port), "30", "/track")
    assert ear.receive() == OscMessage("/subscribed", (30.0,))
    rack.desk.do(SetGain("vocals", -2.0), "somebody")
    assert ear.until("/track/vocals/gain").arguments == (-2.0,)


def test_subscriptions_lapse_and_are_renewed(rack: Rack) -> None:
    later = [0.0]
    server = OscServer(
        rack.table, OscSettings(port=0), Complaints(rack.desk.warn), {}, clock=lambda: time.monotonic() + later[0]
    )
    rack.stack.callback(server.close)
    client = rack.client()
    client.server = (LOOPBACK, server.port)
    assert client.ask("/subscribe", 0, 30).arguments == (30.0,)
    later[0] = 25.0
    assert client.ask("/subscribe", 0, 30).arguments == (30.0,)
    later[0] = 50.0
    time.sleep(0.05)
    rack.desk.do(SetGain("vocals", -2.0), "somebody")
    assert client.until("/track/vocals/gain").arguments == (-2.0,)
    later[0] = 60.0
    client.rest()
    rack.desk.do(SetGain("vocals", -3.0), "somebody")
    assert client.rest() == []


def test_unsubscribing(rack: Rack) -> None:
    client = _subscribed(rack)
    assert client.ask("/unsubscribe").address == "/unsubscribed"
    rack.desk.do(SetGain("vocals", -2.0), "somebody")
    assert client.rest() == []


def test_echo_on_wish(rack: Rack) -> None:
    client = _subscribed(rack, "echo")
    client.send("/track/vocals/fader", 0.5)
    assert client.values()["/track/vocals/gain/str"] == ("-12.0 dB",)


def test_only_what_is_wanted(rack: Rack) -> None:
    client = _subscribed(rack, 0, 60, "/bank/track/*/fader", "/master")
    for command in (SetGain("vocals", -2.0), SetGain("a/b", -2.0)):
        rack.desk.do(command, "somebody")
    rack.client().send("/master/gain", -1.0)
    assert set(client.values()) == {"/bank/track/1/fader", "/master/gain", "/master/fader", "/master/gain/str"}


def test_levels_come_to_those_who_ask(rack: Rack) -> None:
    levels, plain = _subscribed(rack, 0, 60, "/track/*/meter/peak"), _subscribed(rack)
    assert levels.until("/track/vocals/meter/peak").arguments == (-120.0,)
    assert not [address for address in plain.values() if "/meter/" in address]


def test_refresh_tells_everything_without_drowning_anyone(rack: Rack) -> None:
    client = rack.client()
    client.send("/refresh")
    told = client.values()
    for binding in rack.table.bindings():
        assert (binding.address in told) == binding.control.parameter.readable or "rate" in binding.address
    assert "/bank/track/8/fader" in told
    client.send("/refresh", "/master")
    assert {address.split("/")[1] for address in client.values()} == {"master"}


def test_a_bank_that_moves_is_told(rack: Rack) -> None:
    client = _subscribed(rack)
    rack.client().send("/bank/next")
    told = client.values()
    assert told["/bank/track/1/name"] == ("synth 3",)
    assert told["/bank/track/3/name"] == ("",)


def test_surfaces_that_are_named_at_the_start(rack: Rack) -> None:
    ear = rack.client()
    rack.start(OscSettings(port=0, feedback_to=(f"{LOOPBACK}:{ear.port}",)))
    assert ear.until("/track/vocals/gain").arguments == (0.0,)
    rack.desk.do(SetGain("vocals", -2.0), "somebody")
    assert ear.until("/track/vocals/gain").arguments == (-2.0,)


def test_a_named_surface_may_send_from_another_port_than_it_listens_at(rack: Rack) -> None:
    host = "127.0.0.9"
    ear, mouth = rack.client(), rack.client()
    for client in (ear, mouth):
        client.socket.close()
        client.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rack.stack.callback(client.socket.close)
        try:
            client.socket.bind((host, 0))
        except OSError:
            pytest.skip(f"needs a system that has {host} as its own, as Linux does")
        client.socket.settimeout(10.0)
    surfaces = rack.start(OscSettings(port=0, feedback_to=(f"{host}:{ear.port}",)))
    mouth.server = (LOOPBACK, surfaces.server.port)
    mouth.send("/ping", "here")
    assert ear.until("/pong").arguments == ("here",)
    assert ear.rest()
    mouth.send("/track/vocals/gain", -2.0)
    assert ear.rest() == []  # it did it itself
    assert rack.desk.mix.track("vocals").gain_db == -2.0


def test_a_surface_that_speaks_our_words_is_taken_for_no_other(rack: Rack) -> None:
    client = _subscribed(rack)
    client.send("/play", 1)
    client.settle()
    assert rack.server.complaints.refused == 1
    assert client.ask("/dialect").arguments == ("",)
