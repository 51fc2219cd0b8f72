"""What surfaces send, by real packets over loopback."""

import contextlib
import math
import socket
import time
from collections.abc import Callable
from typing import Any

import ifaddr
import pytest

from plugin_host.control.osc.complaints import MOST_NAMED, Complaints
from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.framing import Framing, LengthPrefixed, Slip
from plugin_host.control.osc.packet import Argument, OscMessage, parsed
from plugin_host.control.osc.schedule import NTP_EPOCH
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.desk.events import MixChanged
from plugin_host.errors import ControlError
from plugin_host.mix.commands import RenameTrack

Rack = Any  # the conftest's
QUIET_SCENE = "night-drive"


def test_faders_switches_and_the_transport(rack: Rack) -> None:
    client = rack.client()
    for address, value in [
        ("/track/vocals/gain", -6), ("/track/2/gain", "-3.5"), ("/track/a%2Fb/mute", 1.0), ("/master/gain", 99.0),
        ("/track/drums/fader", 0.5), ("/track/bass/pan/norm", True), ("/transport/seek", 2.0), ("/transport/play", 1),
    ]:  # fmt: skip
        client.send(address, value)
    client.settle()
    mix = rack.desk.mix
    assert (mix.track("vocals").gain_db, mix.track("lead vocals").gain_db, mix.track("a/b").mute) == (-6.0, -3.5, True)
    assert (mix.master.gain_db, mix.track("drums").gain_db, mix.track("bass").pan) == (12.0, -12.0, 1.0)
    assert rack.desk.transport.playing
    assert rack.desk.transport.position == 96_000
    client.send("/transport/stop", 0)  # a button let go
    client.settle()
    assert rack.desk.transport.playing
    client.send("/transport/stop")
    client.settle()
    assert not rack.desk.transport.playing
    assert rack.server.complaints.refused == 0
    origins = {event.origin for event in rack.heard.drain() if isinstance(event, MixChanged)}
    assert origins == {f"osc {LOOPBACK}:{client.port}"}


def test_an_address_without_arguments_asks(rack: Rack) -> None:
    client = rack.client()
    assert client.ask("/track/1/gain") == OscMessage("/track/1/gain", (0.0,))
    assert client.ask("/track/vocals/gain/str") == OscMessage("/track/vocals/gain/str", ("0.0 dB",))
    assert client.ask("/track/vocals/mute") == OscMessage("/track/vocals/mute", (0,))
    client.send("/track/vocals/gain", -math.inf)
    assert client.ask("/track/vocals/gain") == OscMessage("/track/vocals/gain", (-math.inf,))
    client.send("/track/{vocals,drums}/pan")
    assert {client.receive().address for _ in range(2)} == {"/track/vocals/pan", "/track/drums/pan"}


def test_patterns_set_everything_they_match_at_once(rack: Rack) -> None:
    client = rack.client()
    client.send("/track/synth%20[12]/gain", -9.0)
    client.send("//mute", 1)
    client.settle()
    gains = [track.gain_db for track in rack.desk.mix.tracks]
    assert gains == [0.0] * 6 + [-9.0, -9.0, 0.0, 0.0]
    assert all(track.mute for track in rack.desk.mix.tracks)
    assert all(aux.mute for aux in rack.desk.mix.auxes)


def test_ping_and_info(rack: Rack) -> None:
    client = rack.client()
    assert client.ask("/ping", 3, "x", 0.5) == OscMessage("/pong", (3, "x", 0.5))
    info = client.ask("/info")
    assert info.address == "/info"
    assert len(info.arguments) == 4
    assert info.arguments[1] == "stemrack"


def test_a_bundle_is_one_change_or_none(rack: Rack) -> None:
    client = rack.client()
    client.send_bundle(("/track/vocals/gain", -1.0), ("/track/drums/gain", -2.0), ("/transport/speed", 0.5))
    client.settle()
    assert [rack.desk.mix.track(name).gain_db for name in ("vocals", "drums")] == [-1.0, -2.0]
    before = rack.desk.mix, rack.desk.transport
    for wrong in (("/track/nobody/gain", 0.0), ("/track/bass/gain", "loud"), ("/track/bass/pan", math.nan)):
        client.send_bundle(("/track/vocals/gain", -20.0), wrong, ("/track/drums/gain", -20.0))
    client.send_bundle(("/bank/offset", 3), ("/track/bass/gain", "loud"))
    client.send_bundle(("/track/vocals/gain", -20.0), ("/bank/offset", "far"))
    client.settle()
    assert (rack.desk.mix, rack.desk.transport, rack.table.host.panel.state.bank) == (*before, 0)
    assert rack.server.complaints.refused == 5


def test_a_scene_in_a_bundle_comes_in_its_turn(rack: Rack) -> None:
    client = rack.client()
    client.send_bundle((f"/scene/{QUIET_SCENE}", 0), ("/track/vocals/gain", -1.25))
    client.send_bundle((f"/scene/{QUIET_SCENE}", 1), ("/track/vocals/gain", -1.25), ("/bank/offset", 3))
    client.settle()
    assert rack.desk.mix.track("vocals").gain_db == -1.25
    assert rack.table.host.panel.state.bank == 3


def test_a_future_timetag_waits_and_holds_nothing_up(rack: Rack) -> None:
    client = rack.client()
    due = time.time() + 0.4
    client.send_bundle(("/track/vocals/gain", -5.0), timetag=int((due + NTP_EPOCH) * 2**32))
    client.send("/track/drums/gain", -7.0)
    client.settle()
    assert rack.desk.mix.track("drums").gain_db == -7.0
    assert rack.desk.mix.track("vocals").gain_db == 0.0
    while rack.desk.mix.track("vocals").gain_db == 0.0:
        assert time.time() < due + 10.0
        time.sleep(0.005)
    assert time.time() >= due - 0.001


def test_timetags_of_a_wrong_clock_are_done_at_once_with_one_warning(rack: Rack) -> None:
    client = rack.client()
    for gain, ahead in ((-1.0, 3600.0), (-2.0, 7200.0), (-3.0, -3600.0)):
        client.send_bundle(("/track/vocals/gain", gain), timetag=int((time.time() + ahead + NTP_EPOCH) * 2**32))
        client.settle()
        assert rack.desk.mix.track("vocals").gain_db == gain
    assert len(rack.warnings()) == 1


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("/track/nobody/gain", [0.0]),
        ("/track/vocals/gain", [math.nan]),
        ("/track/vocals/gain", [math.inf]),
        ("/track/vocals/gain", ["loud"]),
        ("/track/vocals/gain", [None]),
        ("/track/vocals/gain", [1.0, 2.0]),
        ("/track/vocals/meter/peak", [0.0]),
        ("/track/[/gain", [0.0]),
        ("/scene/none", []),
        ("/scene/../x", []),
        ("/nowhere", [1]),
        ("/subscribe", [-1]),
        ("/subscribe", [70_000]),
        ("/subscribe", [math.nan]),
        ("/subscribe", ["nothing"]),
        ("/dialect", ["klingon"]),
        ("/" + "x" * 2000, [1]),
    ],
)
def test_what_cannot_be_meant_is_counted_and_told(rack: Rack, address: str, values: list[Argument]) -> None:
    before, client = rack.desk.mix, rack.client()
    client.send(address, *values)
    client.settle()
    assert rack.server.complaints.refused == 1
    assert rack.desk.mix == before
    (warning,) = rack.warnings()
    assert warning.startswith("OSC: 1 message could not be used")


def test_a_flood_of_nonsense_is_one_warning(rack: Rack) -> None:
    client = rack.client()
    for number in range(300):
        client.send_raw(b"#bundle\0" + bytes(number % 40))
    client.settle()
    assert rack.server.complaints.refused >= 292  # a few of them are empty bundles
    assert len(rack.warnings()) == 1


def test_a_burst_arrives_whole_and_ends_where_it_should(rack: Rack) -> None:
    client = rack.client()
    for number in range(3000):
        client.send(f"/track/{1 + number % 10}/gain", -number / 1000)
    client.settle()
    assert rack.server.received == 3001
    gains = [track.gain_db for track in rack.desk.mix.tracks]
    assert gains == pytest.approx([-(2990 + at) / 1000 for at in range(10)])


def test_triggers_are_not_taken_together(rack: Rack) -> None:
    client = rack.client()
    for _ in range(3):
        client.send("/transport/marker/add")
    client.send("/bank/offset", 0)
    client.settle()
    assert len(rack.desk.transport.markers) in (1, 3)  # the same place may be marked once
    for at in (1.0, 2.0, 3.0):
        client.send("/transport/seek", at)
        client.send("/transport/marker/add", f"at {at}")
    client.settle()
    assert {"at 1.0", "at 2.0", "at 3.0"} <= {marker.name for marker in rack.desk.transport.markers}


@pytest.mark.parametrize("kind", [Slip, LengthPrefixed])
def test_tcp_both_ways(rack: Rack, kind: type[Framing]) -> None:
    with socket.create_connection((LOOPBACK, rack.server.tcp_port), timeout=10.0) as surface:
        ours = kind()
        surface.sendall(ours.framed(encoded("/track/vocals/gain", (-4.0,))) + ours.framed(encoded("/track/1/gain")))
        found: list[bytes] = []
        while not found:
            found = [*ours.packets(surface.recv(4096))]
        assert parsed(found[0]) == OscMessage("/track/1/gain", (-4.0,))
        surface.sendall(ours.framed(encoded("/subscribe")))
        client = rack.client()
        time.sleep(0.1)
        client.send("/track/drums/mute", 1)
        told: list[OscMessage] = []
        while OscMessage("/track/drums/mute", (1,)) not in told:
            told += [
                message for each in ours.packets(surface.recv(4096)) if isinstance(message := parsed(each), OscMessage)
            ]


def test_a_stream_of_nonsense_is_hung_up_and_others_go_on(rack: Rack) -> None:
    with socket.create_connection((LOOPBACK, rack.server.tcp_port), timeout=10.0) as surface:
        surface.sendall(b"\0\xff\xff\xff" + bytes(100))
        assert surface.recv(10) == b""
    assert rack.server.complaints.refused == 1
    assert rack.client().ask("/ping").address == "/pong"


def test_only_those_are_let_in_who_may(rack: Rack) -> None:
    settings = OscSettings(port=0, listen="127.0.0.2", allow=("10.1.2.0/24", "192.168.1.20"))
    assert settings.admits("10.1.2.77")
    assert settings.admits("192.168.1.20")
    assert settings.admits("127.0.0.1")
    assert not settings.admits("192.168.1.21")
    assert OscSettings().admits("8.8.8.8")  # where nothing is said, everybody who reaches it


def test_a_pattern_that_comes_to_mean_more(rack: Rack) -> None:
    client = rack.client()
    client.ask("/subscribe")
    client.send("/track/voc*/gain", -3.0)
    client.settle()
    rack.desk.do(RenameTrack("drums", "vocoder"))
    client.send("/track/voc*/gain", -4.0)
    client.settle()
    assert [rack.desk.mix.track(name).gain_db for name in ("vocals", "vocoder")] == [-4.0, -4.0]
    assert rack.warnings() == []


def test_one_packet_cannot_keep_all_others_waiting(rack: Rack) -> None:
    client = rack.client()
    client.send_bundle(*[("//*", 1)] * 3000)
    client.settle()
    assert rack.server.complaints.refused == 1
    assert "at most 32" in rack.warnings()[0]


def test_each_who_is_not_let_in_is_named_once() -> None:
    """A tablet's address is what its owner needs, whoever knocked before."""
    told: list[str] = []
    complaints = Complaints(told.append)
    for host in ("10.0.0.1", "10.0.0.2", "10.0.0.1", *(f"10.0.1.{number}" for number in range(200))):
        complaints.deny(host)
    assert [text.split()[1] for text in told[:2]] == ["10.0.0.1", "10.0.0.2"]
    assert (len(told), complaints.denied) == (MOST_NAMED, 203)


def test_an_open_port_is_warned_of(rack: Rack) -> None:
    opened = rack.start(OscSettings(port=0, listen="0.0.0.0"))  # noqa: S104  (what is tested)
    assert any("--osc-allow" in warning for warning in opened.warnings)
    assert not any("--osc-allow" in warning for warning in rack.start(OscSettings(port=0)).warnings)


def test_who_does_not_read_is_hung_up(rack: Rack) -> None:
    with socket.create_connection((LOOPBACK, rack.server.tcp_port), timeout=10.0) as surface:
        framing = Slip()
        ping = framing.framed(encoded("/ping", ("x" * 60_000,)))
        with contextlib.suppress(ConnectionError):
            for _ in range(400):
                surface.sendall(ping)
            while surface.recv(1_000_000):
                pass
    assert rack.client().ask("/ping").address == "/pong"


@pytest.mark.parametrize("port", [-1, 70_000])
def test_impossible_ports(rack: Rack, port: int) -> None:
    with pytest.raises(ControlError, match="--osc-port"):
        rack.start(OscSettings(port=port))


def test_an_address_of_another_machine(rack: Rack) -> None:
    with pytest.raises(ControlError, match=r"192\.0\.2\.1 .*--osc-listen"):  # kept for documentation, RFC 5737
        rack.start(OscSettings(port=0, listen="192.0.2.1"))


def test_a_port_that_is_taken(rack: Rack) -> None:
    with pytest.raises(ControlError, match="--osc-port"):
        rack.start(OscSettings(port=rack.server.port))
    with pytest.raises(ControlError, match="--osc-tcp-port"):
        rack.start(OscSettings(port=0, tcp_port=rack.server.tcp_port))


@pytest.mark.parametrize(
    "wrong",
    [{"listen": "nowhere"}, {"allow": ("300.1.1.1",)}, {"dialects": ("klingon",)}, {"feedback_to": ("10.0.0.1",)},
     {"feedback_to": ("10.0.0.1:9001=klingon",)}, {"feedback_to": ("10.0.0.1:99999",)}],
)  # fmt: skip
def test_settings_that_cannot_be_meant(wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        OscSettings(**wrong)


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10.0
    while not done():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.005)


def test_others_are_not_let_in(rack: Rack) -> None:
    others = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    own = next((address for address in others if not address.startswith("127.")), None)
    if own is None:
        pytest.skip("needs a network interface beside loopback")
    server = rack.start(OscSettings(port=0, listen=own, tcp_port=0, allow=("192.0.2.1",))).server
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(3):
            sender.sendto(encoded("/track/vocals/gain", (-9.0,)), (own, server.port))
        _until(lambda: server.complaints.denied == 3)
    with socket.create_connection((own, server.tcp_port), timeout=10.0) as surface:
        assert surface.recv(10) == b""
    assert rack.desk.mix.track("vocals").gain_db == 0.0
    (warning,) = rack.warnings()
    assert f"--osc-allow {own}" in warning
