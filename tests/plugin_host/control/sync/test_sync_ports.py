"""Ports by a part of their name: one that nobody has is named, one that is held is taken once it is free."""

import time
from typing import Any

import pytest
from mido import Message

from plugin_host.control.midi.ports import MOST_LISTED, without_port
from plugin_host.control.midi.watching import RETRY_SECONDS, PortWatcher
from plugin_host.control.sync.clock_out import ClockOut
from plugin_host.control.sync.follower import FollowSettings
from plugin_host.control.sync.heard_song import SongLine
from plugin_host.control.sync.mtc_out import MtcOut
from plugin_host.control.sync.sender import SendSettings
from plugin_host.errors import ControlError

Stage = Any  # the conftest's


def hold(stage: Stage, held: set[str], tried: list[str]) -> None:
    """As on Windows, where a port is one program's alone."""
    open_input = stage.midi.open_input

    def opened(name: str, *, virtual: bool = False) -> object:
        tried.append(name)
        if name in held:
            raise ControlError(f"MIDI port {name!r} cannot be opened: it is in use")
        return open_input(name, virtual=virtual)

    stage.midi.open_input = opened


def test_a_port_to_follow_that_nobody_has_is_named_with_what_there_is(stage: Stage) -> None:
    stage.midi.names = ["ardour:clock", "drums"]
    stage.follow("mtc", FollowSettings(part="cubase"))
    stage.run(5.0)
    line = "sync: no MIDI port has 'cubase' in its name: there are ardour:clock, drums"
    assert stage.warnings() == [line]
    stage.midi.names.append("Cubase:out")
    stage.run(1.5)
    assert "Cubase:out" in stage.midi.wires
    assert stage.warnings() == []
    stage.midi.names.remove("Cubase:out")
    stage.run(1.5)
    assert stage.warnings() == [line]


def test_so_is_one_to_send_to(stage: Stage) -> None:
    stage.midi.names = []
    stage.lead(SendSettings(mtc=True, part="cubase"))
    stage.run(3.0)
    assert stage.warnings() == ["sync: no MIDI port has 'cubase' in its name: there are none"]


def test_none_is_named_where_none_was_asked_for(stage: Stage) -> None:
    stage.follow("mtc", FollowSettings())
    stage.lead(SendSettings(mtc=True))
    stage.run(3.0)
    assert stage.warnings() == []


def test_a_port_that_is_held_is_told_and_taken_once_it_is_free(stage: Stage) -> None:
    held, tried = {"daw:clock"}, []
    hold(stage, held, tried)
    stage.follow("mtc")
    stage.run(3 * RETRY_SECONDS)
    assert stage.warnings() == ["sync: MIDI port 'daw:clock' cannot be opened: it is in use"]
    assert 3 <= tried.count("daw:clock") <= 4
    held.clear()
    stage.run(RETRY_SECONDS + 1.0)
    assert "daw:clock" in stage.midi.wires
    assert tried.count("daw:clock") <= 6


def test_a_watcher_forgets_the_trouble_with_a_port_that_is_gone(stage: Stage) -> None:
    hold(stage, {"daw"}, [])
    stage.midi.names = ["daw", "daw two"]
    watcher = PortWatcher(stage.midi, lambda: stage.now, part="daw")
    assert list(watcher.receive()) == []
    assert watcher.names == ("daw two",)
    assert watcher.problems == ("MIDI port 'daw' cannot be opened: it is in use",)
    stage.midi.names.remove("daw")
    stage.now += 1.0
    assert list(watcher.receive()) == []
    assert watcher.problems == ()


def test_not_every_port_of_a_large_machine_is_listed() -> None:
    names = [f"port {number}" for number in range(10 * MOST_LISTED)]
    told = without_port("x" * 1000, names)
    assert told.endswith(f"and {9 * MOST_LISTED} more")
    assert len(told) < 300


def fails(*given: object) -> list[object]:
    raise ZeroDivisionError("in a driver")


def test_neither_thread_ends_with_a_fault_which_is_told_once(stage: Stage) -> None:
    stage.follow("mtc")
    stage.wire.receive = fails
    assert stage.lead(SendSettings(mtc=True)) is stage.midi.wires["sync out"]
    stage.sender.step = fails
    told: list[str] = []
    deadline = time.monotonic() + 30.0
    for each in (stage.follower, stage.sender):
        each.start()
    while len(told) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
        told += stage.warnings()
    time.sleep(0.3)
    alive = [each._thread.is_alive() for each in (stage.follower, stage.sender)]
    for each in (stage.follower, stage.sender):
        each.close()
    assert alive == [True, True]
    assert told + stage.warnings() == ["sync: ZeroDivisionError: in a driver"] * 2


@pytest.mark.parametrize("source", ["midi-clock", "mtc", "mmc"])
def test_the_ports_of_one_program_that_say_something_else_are_in_nobodys_way(stage: Stage, source: str) -> None:
    """A DAW has ports for clock, time code and MMC beside each other, and speaks on all of them when it plays."""
    stage.midi.names = ["daw:mmc", "daw:mtc", "daw:midi-clock"]
    stage.follow(source, FollowSettings(part="daw"))
    stage.run(1.2)
    stage.now += 0.001
    line, code, clock = SongLine(True, 0.0, stage.now, 1.0, 1), MtcOut(), ClockOut()
    due = {
        "mtc": lambda: code.advance(line, stage.now),
        "midi-clock": lambda: clock.advance(line, 120.0, stage.now),
        "mmc": lambda: [Message("sysex", data=(0x7F, 0x7F, 0x06, 0x02))],
    }
    for name in sorted(due, key=lambda name: name == source):  # what is followed speaks last
        for message in due[name]():
            stage.midi.wires[f"daw:{name}"].send(message)
        stage.follower.step()
    for _ in range(2000):
        stage.run(0.002)
        for name in ("mtc", "midi-clock"):
            for message in due[name]():
                stage.midi.wires[f"daw:{name}"].send(message)
    assert stage.desk.transport.playing
    assert stage.place > 3.0
