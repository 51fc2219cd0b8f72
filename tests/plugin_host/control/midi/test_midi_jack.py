"""MIDI over a real JACK server: everything arrives once and in order; ports and servers may come and go."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin_host.control.midi.jack_liveness import MISSED
from plugin_host.control.midi.ports import VIRTUAL_PORT, Arrival, InputPort
from plugin_host.control.midi.rtmidi_ports import RtMidiSystem, open_system
from plugin_host.control.midi.surface import PORTS_SECONDS, MidiPlan, MidiSurface
from plugin_host.desk.events import DeskWarning
from plugin_host.errors import ControlError, PresetError
from plugin_host.mix import commands as c

Room = JackServer = Peer = Any  # the conftest's
Wait = Callable[..., None]


@pytest.fixture
def system(jackd: JackServer) -> Iterator[RtMidiSystem]:
    system = open_system("jack")
    yield system
    system.close()


@pytest.fixture
def surface(room: Room, jackd: JackServer) -> Iterator[MidiSurface]:
    yield from _running(room)


@pytest.fixture
def mortal_surface(room: Room, mortal_jackd: JackServer) -> Iterator[MidiSurface]:
    yield from _running(room)


def _running(room: Room) -> Iterator[MidiSurface]:
    plan = MidiPlan(chosen={"wing": "generic-8"}, virtual={VIRTUAL_PORT: "generic-8"})
    surface = MidiSurface(room.table, room.library, open_system("jack"), plan=plan)
    surface.start()
    yield surface
    surface.close()
    assert not any(thread.name == "midi" for thread in threading.enumerate())


def test_two_thousand_messages_arrive_once_and_in_order(
    system: RtMidiSystem, peer: Callable[[str], Peer], wait_until: Wait
) -> None:
    korg = peer("nanoKONTROL2")
    assert list(system.inputs()) == ["nanoKONTROL2:out"]
    port = system.open_input("nanoKONTROL2:out")
    wait_until(port.receive, lambda: korg.send(0xFE))  # connections hold from some period on
    sent = [(0xB0, number % 128, number // 128) for number in range(2000)]
    for _ in range(3):  # a machine that is very busy skips a client, which JACK gives no remedy for
        arrived = _sent_to(port, korg, sent)
        got = [tuple(each.message.bytes()) for each in arrived if each.message.type == "control_change"]
        assert got == [each for each in sent if each in set(got)]
        times = [each.seconds for each in arrived]
        assert times == sorted(times)
        if got == sent:
            break
    assert len(got) == len(sent)
    assert port.refused == 0


def _sent_to(port: InputPort, korg: Peer, sent: list[tuple[int, ...]]) -> list[Arrival]:
    for number, data in enumerate(sent):
        korg.send(*data)
        if number % 5 == 0:
            time.sleep(0.002)
    arrived: list[Arrival] = []
    quiet = 0
    while quiet < 20:
        before = len(arrived)
        arrived += port.receive()
        quiet = quiet + 1 if len(arrived) == before else 0
        time.sleep(0.05)
    return arrived


def test_sysex_and_clock_come_through(system: RtMidiSystem, peer: Callable[[str], Peer], wait_until: Wait) -> None:
    other = peer("wing")
    port = system.open_input("wing:out")
    arrived = []
    for data in ((0xF8,), (0xF0, *range(100), 0xF7), (0xFE,), (0xFA,)):
        other.send(*data)
    wait_until(lambda: arrived.extend(port.receive()) or len(arrived) == 4)
    assert [each.message.type for each in arrived] == ["clock", "sysex", "active_sensing", "start"]
    port.close()


def test_a_controller_is_found_moves_the_mix_and_is_shown_it(
    room: Room, surface: MidiSurface, peer: Callable[[str], Peer], wait_until: Wait
) -> None:
    mackie = peer("X-Touch")
    wait_until(lambda: ("X-Touch:out", "mackie") in surface.attached)
    seen: list[list[int]] = []
    wait_until(lambda: seen.extend(mackie.received()) or [0xB0, 0x30, 0x16] in seen)
    wait_until(lambda: seen.extend(mackie.received()) or any(b"vocals" in bytes(each) for each in seen))
    mackie.send(0x90, 0x68, 127)
    mackie.send(0xE0, 0x39, 0x50)
    mackie.send(0x90, 0x68, 0)
    wait_until(lambda: room.track("vocals").gain_db != 0.0)
    seen.clear()
    room.desk.do(c.SetMute("drums", True))
    wait_until(lambda: seen.extend(mackie.received()) or [0x90, 0x11, 127] in seen)
    wait_until(lambda: seen.extend(mackie.received()) or [0xE0, 0x39, 0x50] in seen)


def test_a_chosen_binding_and_a_port_of_our_own(
    room: Room, surface: MidiSurface, peer: Callable[[str], Peer], wait_until: Wait
) -> None:
    peer("my wing")
    other = peer("another program")
    wait_until(lambda: len(surface.attached) == 2)
    assert set(surface.attached) == {("my wing:out", "generic-8"), (VIRTUAL_PORT, "generic-8")}
    other.connect(f"{VIRTUAL_PORT} in")
    for value in (90, 95, 100):
        other.send(0xB0, 8, value)
    wait_until(lambda: room.desk.mix.master.gain_db > 0.0)


def test_unplugged_and_plugged_in_again(
    room: Room, surface: MidiSurface, peer: Callable[[str], Peer], wait_until: Wait
) -> None:
    heard = room.desk.subscribe()
    korg = peer("nanoKONTROL2")
    wait_until(lambda: len(surface.attached) == 2)
    korg.leave()
    wait_until(lambda: len(surface.attached) == 1)
    again = peer("nanoKONTROL2")
    wait_until(lambda: len(surface.attached) == 2)
    again.send(0xB0, 48, 127)
    wait_until(lambda: room.track("vocals").mute)
    told = [event.text for event in heard.drain() if isinstance(event, DeskWarning)]
    assert sum("nanoKONTROL2:out is gone" in text for text in told) == 1
    assert sum("nanoKONTROL2:out is Korg" in text for text in told) == 2


def test_the_server_dies_and_returns(
    room: Room, mortal_surface: MidiSurface, mortal_jackd: JackServer, peer: Callable[[str], Peer], wait_until: Wait
) -> None:
    wait_until(lambda: len(mortal_surface.attached) == 1)
    mortal_jackd.die()
    wait_until(lambda: not mortal_surface.attached)
    mortal_jackd.start()
    wait_until(lambda: len(mortal_surface.attached) == 1)
    other = peer("another program")
    other.connect(f"{VIRTUAL_PORT} in")
    other.send(0xB0, 48, 127)
    wait_until(lambda: room.track("vocals").mute)


def test_a_server_that_is_only_deaf_is_not_given_up(
    room: Room, surface: MidiSurface, jackd: JackServer, peer: Callable[[str], Peer], wait_until: Wait
) -> None:
    korg = peer("nanoKONTROL2")
    wait_until(lambda: len(surface.attached) == 2)
    heard = room.desk.subscribe()
    cut = "import jack; c = jack.Client('cutter', no_start_server=True); (ear,) = c.get_ports(':heartbeat .*')\n"
    cut += "[c.disconnect(other, ear) for other in c.get_all_connections(ear)]; c.close()"
    subprocess.run([sys.executable, "-c", cut], check=True, timeout=30.0)
    time.sleep((MISSED + 2) * PORTS_SECONDS)
    assert not [event for event in heard.drain() if isinstance(event, DeskWarning)]
    korg.send(0xB0, 48, 127)
    wait_until(lambda: room.track("vocals").mute)


def test_what_is_not_there_is_told_in_one_line(
    room: Room, system: RtMidiSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ControlError, match="no MIDI port 'nothing'"):
        system.open_input("nothing")
    with pytest.raises(ControlError, match="there are alsa, jack"):
        open_system("oss")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no-such-server")
    with pytest.raises(ControlError, match="start jackd"):
        open_system("jack")
    if not Path("/dev/snd/seq").exists():
        with pytest.raises(ControlError, match="no ALSA sequencer"):
            open_system("alsa")
    with pytest.raises(PresetError, match="no controller 'wing'"):
        MidiSurface(room.table, room.library, system, plan=MidiPlan({"x": "wing"}, {}))
