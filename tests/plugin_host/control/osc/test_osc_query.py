"""OSCQuery, by real HTTP and a real websocket."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from zeroconf import Zeroconf

from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.packet import OscMessage, parsed
from plugin_host.control.osc.query.announce import OSC_TYPE, QUERY_TYPE, Announcement
from plugin_host.control.osc.query.manners import may_ask
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.errors import ControlError
from plugin_host.mix.commands import AddTrack, SetGain
from plugin_host.mix.state import Track

Rack = Any  # the conftest's


@pytest.fixture
def query(rack: Rack) -> int:
    port = rack.start(OscSettings(port=0, oscquery_port=0)).query_port
    assert isinstance(port, int)
    return port


def _page(port: int, path: str, **headers: str) -> tuple[int, Any]:
    asked = urllib.request.Request(f"http://{LOOPBACK}:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=10.0) as page:  # noqa: S310  (http, as written above)
            text = page.read()
            return page.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, None


def test_the_whole_tree_is_what_the_table_has(rack: Rack, query: int) -> None:
    status, tree = _page(query, "/")
    assert status == 200
    found = {}

    def walk(node: dict[str, Any]) -> None:
        found[node["FULL_PATH"]] = node
        for child in node.get("CONTENTS", {}).values():
            walk(child)

    walk(tree)
    addresses = rack.table.all_addresses()
    assert set(addresses) <= set(found)
    assert {path for path, node in found.items() if node["ACCESS"]} == set(addresses)
    assert all(set(node) >= {"TYPE", "ACCESS", "DESCRIPTION"} for node in found.values() if node["ACCESS"])


def test_a_parameter(rack: Rack, query: int) -> None:
    rack.desk.do(SetGain("vocals", -3.0))
    _, node = _page(query, "/track/vocals/gain")
    assert node["VALUE"] == [-3.0]
    assert node["RANGE"] == [{"MIN": -200.0, "MAX": 12.0}]
    assert (node["TYPE"], node["ACCESS"], node["UNIT"], node["FULL_PATH"]) == ("f", 3, ["dB"], "/track/vocals/gain")
    assert node["CONTENTS"]["str"]["VALUE"] == ["-3.0 dB"]
    assert _page(query, "/track/vocals/gain?VALUE") == (200, {"VALUE": [-3.0]})
    assert _page(query, "/track/vocals/mute?VALUE") == (200, {"VALUE": [False]})
    assert _page(query, "/transport/toggle?TYPE") == (200, {"TYPE": "I"})
    assert _page(query, "/transport/toggle?VALUE")[0] == 204
    assert _page(query, "/track/vocals?VALUE")[0] == 204
    for path in ("/track/lead%20vocals/pan?RANGE", "/track/lead%2520vocals/pan?RANGE"):
        assert _page(query, path) == (200, {"RANGE": [{"MIN": -1.0, "MAX": 1.0}]})
    rack.desk.do(SetGain("vocals", float("-inf")))
    assert _page(query, "/track/vocals/gain?VALUE") == (200, {"VALUE": [-200.0]})


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere", 404), ("/track/*/gain?VALUE", 404), ("/track/vocals/gain?NONSENSE", 400), ("/track/[/x?VALUE", 404),
     ("/" + "x" * 1500, 404)],
)  # fmt: skip
def test_what_is_not_there(query: int, path: str, status: int) -> None:
    assert _page(query, path)[0] == status


def test_host_info(rack: Rack, query: int) -> None:
    _, info = _page(query, "/?HOST_INFO")
    assert (info["NAME"], info["OSC_IP"], info["OSC_TRANSPORT"]) == ("stemrack", LOOPBACK, "UDP")
    assert info["OSC_PORT"] == rack.server.port
    assert info["EXTENSIONS"]["LISTEN"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 403), ({"Origin": "null"}, 403),
     ({"Origin": "http://localhost:8080"}, 200), ({"Host": "studio.local"}, 200),
     ({"Host": "stemrack-9000.local.:9002"}, 200)],
)  # fmt: skip
def test_web_pages_of_strangers_are_not_answered(query: int, headers: dict[str, str], status: int) -> None:
    assert _page(query, "/?HOST_INFO", **headers)[0] == status


def test_manners() -> None:
    assert may_ask(None, "192.168.1.5:9001")
    assert may_ask("http://192.168.1.5:9001", "192.168.1.5:9001")
    assert not may_ask("http://192.168.1.6", "192.168.1.5:9001")
    assert not may_ask(None, "")


def _websocket(port: int) -> ClientConnection:
    return connect(f"ws://{LOOPBACK}:{port}/")


def _next(listener: ClientConnection) -> OscMessage:
    said = listener.recv(timeout=10.0)
    assert isinstance(said, bytes)
    message = parsed(said)
    assert isinstance(message, OscMessage)
    return message


def _next_but_meters(listener: ClientConnection) -> OscMessage:
    """A meter may be told more than once."""
    while (message := _next(listener)).address.endswith("/meter/peak"):
        pass
    return message


def test_listening_over_a_websocket(rack: Rack, query: int) -> None:
    with _websocket(query) as listener:
        for address in ("/track/vocals/gain", "/track/drums/mute", "/track/bass/meter/peak"):
            listener.send(json.dumps({"COMMAND": "LISTEN", "DATA": address}))
        assert _next(listener) == OscMessage("/track/bass/meter/peak", (-120.0,))
        for address, value in (("/track/vocals/gain", -6.0), ("/track/drums/mute", 1), ("/track/bass/gain", -1.0)):
            rack.client().send(address, value)
        told = {_next_but_meters(listener) for _ in range(2)}
        assert told == {OscMessage("/track/vocals/gain", (-6.0,)), OscMessage("/track/drums/mute", (True,))}
        listener.send(json.dumps({"COMMAND": "IGNORE", "DATA": "/track/vocals/gain"}))
        listener.send(encoded("/track/drums/gain", (-8.0,)))  # OSC goes in here as well
        listener.send(encoded("/track/drums/gain"))
        assert _next_but_meters(listener) == OscMessage("/track/drums/gain", (-8.0,))


def test_listeners_hear_of_other_tracks(rack: Rack, query: int) -> None:
    with _websocket(query) as listener:
        rack.desk.do(AddTrack(Track("guitar", "other")))
        assert json.loads(listener.recv(timeout=10.0)) == {"COMMAND": "PATH_CHANGED", "DATA": "/"}


def test_nonsense_over_a_websocket(rack: Rack, query: int) -> None:
    with _websocket(query) as listener:
        for said in (
            "{",
            "[1]",
            "null",
            '{"COMMAND": "LISTEN"}',
            '{"COMMAND": 3, "DATA": "/x"}',
            "[" * 5000,
            b"\xff",
            b"",
        ):
            listener.send(said)
        listener.send(encoded("/ping", (1,)))
        assert _next(listener) == OscMessage("/pong", (1,))
    with pytest.raises(InvalidStatus):
        connect(f"ws://{LOOPBACK}:{query}/", origin="http://evil.example").close()  # type: ignore[arg-type]


def test_a_port_that_is_taken(rack: Rack, query: int) -> None:
    with pytest.raises(ControlError, match="--oscquery-port"):
        rack.start(OscSettings(port=0, oscquery_port=query))


def test_nothing_is_announced_on_loopback() -> None:
    announcement = Announcement("stemrack", LOOPBACK, 9000, 9001)
    assert announcement.services == []
    assert asyncio.run(announcement.begin()) == ""


def test_the_network_learns_where_we_are() -> None:
    listen = _own_address()
    name = "stemrack test"

    async def announced() -> list[int | None]:
        announcement = Announcement(name, listen, 9000, 9001)
        trouble = await announcement.begin()
        if trouble:
            pytest.skip(trouble)
        try:
            return await asyncio.to_thread(_found, name, listen)
        finally:
            await announcement.end()

    assert asyncio.run(announced()) == [9000, 9001]


def _found(name: str, listen: str) -> list[int | None]:
    looking = Zeroconf(interfaces=[listen])
    try:
        infos = [looking.get_service_info(kind, f"{name}.{kind}", timeout=5000) for kind in (OSC_TYPE, QUERY_TYPE)]
        return [info.port if info else None for info in infos]
    finally:
        looking.close()


def _own_address() -> str:
    import ifaddr

    addresses = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    others = [address for address in addresses if not address.startswith("127.")]
    if not others:
        pytest.skip("needs a network interface beside loopback")
    return others[0]
