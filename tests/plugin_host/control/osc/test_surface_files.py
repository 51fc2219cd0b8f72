"""The shipped layouts: every address in them is one of ours, of the right kind."""

import json
import re
import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from plugin_host.control.osc.packet import OscMessage
from plugin_host.mix.presets import shipped_folder

Rack = Any  # the conftest's
FOLDER = shipped_folder() / "surfaces"
REAPER_WORDS = {
    "REPEAT", "STOP", "PLAY", "PAUSE", "SOLO_RESET", "PLAY_RATE", "TEMPO", "MASTER_VOLUME", "TRACK_MUTE", "TRACK_SOLO",
    "TRACK_SELECT", "TRACK_VOLUME", "TRACK_PAN", "TRACK_SEND_VOLUME",
}  # fmt: skip


def _open_stage_control() -> Iterator[tuple[str, bool, object]]:
    """Address, whether it sends, and its range, where it has one."""
    session = json.loads((FOLDER / "open-stage-control.json").read_text(encoding="utf-8"))
    for widget in session["content"]["widgets"]:
        if not widget.get("bypass"):
            yield widget["address"], widget["type"] != "text", widget.get("range")


def _touchosc() -> Iterator[tuple[str, bool, object]]:
    # S314: the file is ours
    tree = ElementTree.fromstring(zlib.decompress((FOLDER / "touchosc.tosc").read_bytes()))  # noqa: S314
    for message in tree.iter("osc"):
        address = message.findtext("path/partial/value")
        assert address is not None
        moves = message.findtext("arguments/partial/conversion") == "FLOAT"
        yield address, message.findtext("send") == "1", {"min": 0, "max": 1} if moves else None


@pytest.mark.parametrize("layout", [_open_stage_control, _touchosc])
def test_layouts_speak_of_what_there_is(rack: Rack, layout: Any) -> None:
    widgets = [*layout()]
    assert len(widgets) > 40
    for address, sends, span in widgets:
        (binding,) = rack.table.resolve(address)
        parameter = binding.parameter
        assert parameter.writable if sends else parameter.readable, address
        if span is not None and parameter.kind == "float":
            assert (parameter.minimum, parameter.maximum) == (0.0, 1.0), address


def _asked_by_open_stage_control() -> Iterator[tuple[str, str]]:
    """A fader's address, and what it asks for when it is moved."""
    session = json.loads((FOLDER / "open-stage-control.json").read_text(encoding="utf-8"))
    for widget in session["content"]["widgets"]:
        if widget["type"] == "fader":
            asked = re.fullmatch(r"send\('(.+)'\)", widget["onValue"])
            assert asked is not None
            yield widget["address"], asked[1]


def _asked_by_touchosc() -> Iterator[tuple[str, str]]:
    tree = ElementTree.fromstring(zlib.decompress((FOLDER / "touchosc.tosc").read_bytes()))  # noqa: S314  (as above)
    for node in tree.iter("node"):
        if node.get("type") == "FADER":
            moves, asks = node.findall("messages/osc")
            assert asks.find("arguments/partial") is None
            yield str(moves.findtext("path/partial/value")), str(asks.findtext("path/partial/value"))


@pytest.mark.parametrize("asked", [_asked_by_open_stage_control, _asked_by_touchosc])
def test_a_fader_that_is_moved_shows_its_level(rack: Rack, asked: Any) -> None:
    """Its own moves a surface is not told, the text below the fader it must ask for."""
    client = rack.client()
    client.ask("/subscribe", 0, 60, "/bank", "/master", "/transport", "/ab")
    pairs = [(fader, level) for fader, level in asked() if fader.endswith("/fader")]
    assert len(pairs) == 9
    for fader, level in pairs:
        client.send(fader, 0.5)
        client.send(level)
        assert client.until(level) == OscMessage(level, ("-12.0 dB",))


def _subscribed_by_open_stage_control() -> list[str]:
    layout = (FOLDER / "open-stage-control.json").read_text(encoding="utf-8")
    (asked,) = re.findall(r"send\('/subscribe', 0, 60, (.+?)\)", layout)
    return re.findall("'(.+?)'", asked)


def _subscribed_by_touchosc() -> list[str]:
    layout = zlib.decompress((FOLDER / "touchosc.tosc").read_bytes()).decode()
    (asked,) = re.findall(r"sendOSC\(\{'/subscribe', (.+?)\}\}\}\)", layout)
    return re.findall("tag = 's', value = '(.+?)'", asked)


@pytest.mark.parametrize("subscribed", [_subscribed_by_open_stage_control, _subscribed_by_touchosc])
def test_a_layout_shows_everything_when_we_come_after_it_or_come_back(rack: Rack, subscribed: Any) -> None:
    """It subscribes every twenty seconds, and does not know whether anybody was there."""
    client = rack.client()
    client.send("/subscribe", 0, 60, *subscribed())
    told = client.values()
    assert (told["/master/gain/str"], told["/bank/track/1/fader"]) == (("0.0 dB",), (0.75,))
    client.send("/subscribe", 0, 60, *subscribed())
    assert "/bank/track/1/fader" not in client.values()
    client.send("/unsubscribe")
    client.rest()
    client.send("/subscribe", 0, 60, *subscribed())
    assert "/bank/track/1/fader" in client.values()


def _reaper() -> list[tuple[str, str, str]]:
    """Word, type letter and address."""
    lines = (FOLDER / "stemrack.ReaperOSC").read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if line.startswith("#") or not rest or not re.match("[nfbstri]/", rest):
            continue
        found += [(word, pattern[0], pattern[1:]) for pattern in rest.split()]
    return found


def test_the_reaper_pattern_speaks_of_what_there_is(rack: Rack) -> None:
    patterns = _reaper()
    assert {word for word, _, _ in patterns} == REAPER_WORDS
    kinds = {"n": "float", "f": "float", "s": "text", "b": "bool"}
    for word, letter, address in patterns:
        (binding,) = rack.table.resolve(address.replace("@", "1"))
        assert binding.parameter.writable
        if letter in kinds:
            assert binding.parameter.kind == kinds[letter], word
        if letter == "n":
            assert (binding.parameter.minimum, binding.parameter.maximum) == (0.0, 1.0), word


def test_what_reaper_sends_is_understood(rack: Rack) -> None:
    client = rack.client()
    for address, value in (
        ("/master/gain/str", "-3.00dB"),
        ("/track/1/gain", -2.5),
        ("/track/1/send/1/str", "-inf dB"),
    ):
        client.send(address, value)
    client.settle()
    assert (rack.desk.mix.master.gain_db, rack.desk.mix.tracks[0].gain_db) == (-3.0, -2.5)
    assert rack.server.complaints.refused == 0
