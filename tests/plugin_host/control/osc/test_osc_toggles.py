"""Words that turn something round: every one of them counts, however soon it comes."""

import threading
from typing import Any

import pytest

from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.packet import Argument

Rack = Any  # the conftest's
WORDS = [
    ("/repeat", "/transport/loop/on"),
    ("/loop_toggle", "/transport/loop/on"),
    ("/track/1/mute/toggle", "/track/vocals/mute"),
    ("/track/1/solo/toggle", "/track/vocals/solo"),
]


def stands(rack: Rack, address: str) -> Argument:
    (binding,) = rack.table.resolve(address)
    value: Argument = binding.read()
    return value


def take_at_once(rack: Rack, *packets: bytes) -> None:
    """Have the server take them in one and the same turn."""
    server, done = rack.server, threading.Event()
    peer = next(iter(server._peers.all()))

    def take() -> None:
        for packet in packets:
            server._take(peer, packet)
        done.set()

    server._run_errand(take)
    assert done.wait(10.0)


@pytest.mark.parametrize(("word", "address"), WORDS)
def test_twice_in_one_turn_is_twice(rack: Rack, word: str, address: str) -> None:
    client = rack.client()
    client.settle()
    for times, ends in ((1, True), (2, True), (3, False)):
        take_at_once(rack, *[encoded(word, (1.0,))] * times)
        client.settle()
        assert stands(rack, address) is ends, times


@pytest.mark.parametrize(("word", "address"), WORDS)
def test_twice_in_a_bundle_is_twice(rack: Rack, word: str, address: str) -> None:
    client = rack.client()
    client.send_bundle((word, 1.0), (word, 1.0))
    client.settle()
    assert stands(rack, address) is False
    client.send_bundle((word, 1.0), (word, 0.0), (word, 1.0), (word, 1.0))
    client.settle()
    assert stands(rack, address) is True


def test_in_a_bundle_it_turns_what_came_before_it(rack: Rack) -> None:
    client = rack.client()
    client.send("/dialect", "reaper")
    client.send_bundle(("/track/1/mute", 1.0), ("/track/1/mute/toggle", 1.0), ("/track/2/mute/toggle", 1.0))
    client.settle()
    assert [track.mute for track in rack.desk.mix.tracks[:2]] == [False, True]


@pytest.mark.parametrize(("dialect", "word"), [("reaper", "/repeat"), ("ardour", "/loop_toggle")])
def test_it_is_no_echo_of_what_was_told_just_now(rack: Rack, dialect: str, word: str) -> None:
    client, other = rack.client(), rack.client()
    client.send("/dialect", dialect)
    client.send("/subscribe") if dialect == "reaper" else client.send("/set_surface", 0, 159, 16 + 3, 0, 0, 0, 0)
    client.rest()
    for on in (True, False):
        other.send("/transport/loop/on", on)
        assert client.until(word).arguments == (int(on),)
    for ends in (True, False, True):
        client.send(word, 1.0)
        client.settle()
        assert stands(rack, "/transport/loop/on") is ends


def test_a_reaper_surface_is_shown_what_it_turned_round_but_not_the_loop(rack: Rack) -> None:
    client = rack.client()
    client.send("/dialect", "reaper")
    client.send("/track/1/select", 1.0)
    client.rest()
    for on in (1, 0):
        client.send("/track/1/mute/toggle", 1.0)
        assert client.values() == {"/track/1/mute": (on,), "/track/mute": (on,)}
    client.send("/track/solo/toggle", 1.0)
    assert client.values() == {"/track/1/solo": (1,), "/track/solo": (1,)}
    client.send("/track/1/mute", 1.0)
    client.send("/repeat", 1.0)
    assert client.values() == {}
