"""The OSC door, by real packets over loopback."""

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pythonosc.udp_client import SimpleUDPClient

from plugin_host.control.osc_door import LOOPBACK, OscDoor
from plugin_host.desk.events import DeskWarning, SceneRecalled
from plugin_host.errors import HostError, PresetError
from plugin_host.mix.scenes import Scene, TrackScene

Listening = Any  # the conftest's


def _scene(name: str) -> Scene:
    if name != "quiet":
        raise PresetError(f"no scene {name!r}")
    return Scene("quiet", "…", tracks={"*": TrackScene(gain_db=-20.0)})


@pytest.fixture
def door(listening: Listening) -> Iterator[OscDoor]:
    door = OscDoor(listening.desk, _scene, port=0, rate=48_000, clock=lambda: 0.0)
    yield door
    door.close()
    assert not any(thread.name == "osc door" for thread in threading.enumerate())


@pytest.fixture
def send(door: OscDoor) -> Iterator[Callable[..., None]]:
    with SimpleUDPClient(LOOPBACK, door.port) as client:
        sent = 0

        def send_message(address: str, *values: object) -> None:
            nonlocal sent
            client.send_message(address, list(values))
            sent += 1
            _until(lambda: door.received >= sent)
            time.sleep(0.02)  # taken is not yet carried out

        yield send_message


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10.0
    while not done():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.005)


def test_faders_mutes_and_master(listening: Listening, send: Callable[..., None], door: OscDoor) -> None:
    send("/track/vocals/gain", -6)
    send("/track/a/b gain/gain", "-3.5")
    send("/track/Bäss/mute", 1.0)
    send("/master/gain", 99.0)
    mix = listening.desk.mix
    assert (mix.track("vocals").gain_db, mix.track("a/b gain").gain_db, mix.track("Bäss").mute) == (-6.0, -3.5, True)
    assert mix.master.gain_db == 12.0
    assert door.refused == 0
    assert {event.origin for event in listening.heard.drain()} == {"osc"}


def test_transport_ab_and_scenes(listening: Listening, send: Callable[..., None]) -> None:
    send("/transport/seek", 2.0)
    send("/transport/play", 1)
    assert listening.desk.transport.playing
    assert listening.desk.transport.position == 96_000
    send("/transport/stop", 0)  # a button let go
    assert listening.desk.transport.playing
    send("/transport/stop")
    assert not listening.desk.transport.playing
    for expected in (True, False):
        send("/ab")
        assert listening.desk.reference is expected
    send("/scene/quiet", 0)
    assert listening.desk.mix.track("vocals").gain_db == -20.0
    assert any(isinstance(event, SceneRecalled) for event in listening.heard.drain())


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("/track/nobody/gain", [0.0]),
        ("/track/vocals/gain", [math.nan]),
        ("/track/vocals/gain", ["loud"]),
        ("/track/vocals/gain", []),
        ("/track/vocals/gain", [1.0, 2.0]),
        ("/transport/seek", [math.nan]),
        ("/scene/none", []),
        ("/scene/../x", []),
        ("/scene/x.toml", []),
        ("/scene/quiet", [-1.0]),
        ("/nowhere", [1]),
    ],
)
def test_what_cannot_be_meant_is_counted_and_told(
    listening: Listening, send: Callable[..., None], door: OscDoor, address: str, values: list[object]
) -> None:
    before = listening.desk.mix
    send(address, *values)
    assert door.refused == 1
    assert listening.desk.mix == before
    (warning,) = (event for event in listening.heard.drain() if isinstance(event, DeskWarning))
    assert warning.text.startswith("OSC: 1 packet could not be used")


def test_a_flood_of_nonsense_is_one_warning_and_the_door_stays_open(
    listening: Listening, send: Callable[..., None], door: OscDoor
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(300):
            sender.sendto(b"#bundle\0" + bytes(number % 40), (LOOPBACK, door.port))
        _until(lambda: door.received == 300)
    _until(lambda: door.refused >= 292)  # a few of them are empty bundles
    assert sum(isinstance(event, DeskWarning) for event in listening.heard.drain()) == 1
    before = door.received
    with SimpleUDPClient(LOOPBACK, door.port) as client:
        client.send_message("/master/gain", -1.0)
    _until(lambda: door.received > before and listening.desk.mix.master.gain_db == -1.0)


def test_a_burst_arrives_whole_and_in_order(listening: Listening, door: OscDoor) -> None:
    with SimpleUDPClient(LOOPBACK, door.port) as client:
        for number in range(2000):
            client.send_message("/track/vocals/gain", -number / 100)
    _until(lambda: door.received == 2000)
    _until(lambda: listening.desk.mix.track("vocals").gain_db == pytest.approx(-19.99))
    assert door.refused == 0


@pytest.mark.parametrize("port", [-1, 70_000])
def test_impossible_ports(listening: Listening, port: int) -> None:
    with pytest.raises(HostError, match="--osc-port"):
        OscDoor(listening.desk, _scene, port=port, rate=48_000)


def test_a_port_that_is_taken(listening: Listening, door: OscDoor) -> None:
    with pytest.raises(HostError, match="--osc-port"):
        OscDoor(listening.desk, _scene, port=door.port, rate=48_000)
