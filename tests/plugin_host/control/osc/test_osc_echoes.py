"""What a surface says again of what it was told moves nothing, however late it comes."""

import heapq
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.lately_told import HELD_SECONDS, LatelyTold, News, is_same
from plugin_host.control.osc.packet import OscMessage
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.control.osc.surfaces import dialects_of
from plugin_host.mix.commands import SetGain, SetMute, SetSolo
from plugin_host.mix.transport import Pause, Play

Rack = Any  # the conftest's
Client = Any
SLOW = 0.2
"""How fast the server's clock runs: so that a test on a busy machine stays within the second that counts."""
LATE_SECONDS = 0.15
BURST = [-0.37 * number for number in range(1, 40)]
NAMES = {
    "": "/track/vocals/gain",
    "ardour": "/strip/gain",
    "reaper": "/track/1/volume/db",
    "x32": "/ch/01/mix/fader",
}
GREETINGS: dict[str, tuple[Any, ...]] = {
    "": ("/subscribe", 0, 60, "/track/vocals/gain"),
    "ardour": ("/set_surface", 0, 1, 2),
    "reaper": ("/track/1/volume",),
    "x32": ("/xremote",),
}


@dataclass
class Stage:
    """A rack with a server whose clock can be put forward. later: seconds."""

    rack: Any
    later: list[float]
    server: OscServer

    def client(self) -> Client:
        client = self.rack.client()
        client.server = (LOOPBACK, self.server.port)
        return client

    def surface(self, dialect: str) -> Client:
        """One that is told of everything."""
        client = self.client()
        client.send(*GREETINGS[dialect])
        client.settle()
        client.rest()
        return client

    def gain(self, name: str = "vocals") -> float:
        return float(self.rack.desk.mix.track(name).gain_db)

    def hand(self, db: float, name: str = "vocals") -> None:
        """Moves a fader at the desk."""
        self.rack.desk.do(SetGain(name, db), "somebody")


@pytest.fixture
def stage(rack: Rack) -> Stage:
    later, settings = [0.0], OscSettings(port=0)
    server = OscServer(
        rack.table,
        settings,
        Complaints(rack.desk.warn),
        dialects_of(rack.table, settings),
        clock=lambda: SLOW * time.monotonic() + later[0],
    )
    rack.stack.callback(server.close)
    return Stage(rack, later, server)


def say(client: Client, message: OscMessage) -> None:
    client.send(message.address, *message.arguments)


@contextmanager
def late_echo(ear: socket.socket, mouth: socket.socket, server: tuple[str, int]) -> Iterator[None]:
    """Says again everything that is heard, that much later, until nothing is left to be said."""
    ending = threading.Event()

    def repeat() -> None:
        waiting: list[tuple[float, int, bytes]] = []
        while waiting or not ending.is_set():
            try:
                waiting_for = time.monotonic() + LATE_SECONDS
                heapq.heappush(waiting, (waiting_for, len(waiting), ear.recv(65_535)))
            except TimeoutError:
                pass
            while waiting and waiting[0][0] <= time.monotonic():
                mouth.sendto(heapq.heappop(waiting)[2], server)

    ear.settimeout(0.005)
    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@pytest.mark.parametrize(
    ("dialect", "from_elsewhere"),
    [("", False), ("", True), ("ardour", False), ("ardour", True), ("reaper", False), ("x32", False)],
)
def test_a_late_echo_never_sets_a_fader_back(stage: Stage, dialect: str, from_elsewhere: bool) -> None:
    """As Ardour's does, which speaks from another port than it listens at."""
    ear = stage.client()
    if from_elsewhere and dialect == "ardour":
        stage.client().send("/set_surface", 0, 1, 2, 0, 0, 0, ear.port)
        ear.receive()
    elif from_elsewhere:
        stage.client().send("/subscribe", ear.port, 60, "/track/vocals/gain")
        ear.receive()
    else:
        ear.send(*GREETINGS[dialect])
        ear.settle()
    mouth = stage.client().socket if from_elsewhere else ear.socket
    with late_echo(ear.socket, mouth, ear.server):
        for db in BURST:
            stage.hand(db)
            time.sleep(0.008)
        time.sleep(2 * LATE_SECONDS)
    stage.client().settle()
    assert stage.gain() == BURST[-1]


@pytest.mark.parametrize("dialect", NAMES)
def test_an_echo_of_an_earlier_value_is_answered_with_what_stands(stage: Stage, dialect: str) -> None:
    ear = stage.surface(dialect)
    stage.hand(-12.0)
    earlier = ear.until(NAMES[dialect])
    stage.hand(-14.0)
    latest = ear.until(NAMES[dialect])
    ear.rest()
    say(ear, earlier)
    assert ear.until(NAMES[dialect]) == latest
    say(ear, latest)
    assert ear.rest() == []
    assert stage.gain() == -14.0


def test_an_echo_is_known_in_another_form_than_it_was_told_in(stage: Stage) -> None:
    """Told of as a fader's position, it comes back as decibels from elsewhere."""
    ear, mouth = stage.client(), stage.client()
    stage.client().send("/set_surface", 0, 1, 2, 1, 0, 0, ear.port)
    ear.receive()
    ear.rest()
    for db in (-12.0, -14.0):
        stage.hand(db)
        ear.until("/strip/fader")
    mouth.send("/strip/gain", 1, -12.000003)
    mouth.settle()
    assert stage.gain() == -14.0


def test_after_a_second_it_is_a_move(stage: Stage) -> None:
    ear = stage.surface("")
    stage.hand(-12.0)
    earlier = ear.until(NAMES[""])
    stage.hand(-14.0)
    ear.until(NAMES[""])
    stage.later[0] += 1.5 * HELD_SECONDS
    say(ear, earlier)
    ear.settle()
    assert stage.gain() == -12.0


def test_a_surface_that_moves_may_come_back_to_what_it_was_told(stage: Stage) -> None:
    ear = stage.surface("ardour")
    stage.hand(-12.0)
    told = ear.until("/strip/gain")
    ear.send("/strip/gain", 1, -20.0)
    ear.settle()
    assert stage.gain() == -20.0
    stage.hand(-3.0, "drums")
    ear.until("/strip/gain")  # by then, it is known who did what
    say(ear, told)
    ear.settle()
    assert stage.gain() == -12.0


def test_what_was_changed_by_another_word_may_be_set_again(stage: Stage) -> None:
    ear = stage.surface("reaper")
    stage.rack.desk.do(SetSolo("vocals", True), "somebody")
    told = ear.until("/track/1/solo")
    ear.send("/soloreset")
    stage.rack.desk.do(SetMute("drums", True), "somebody")
    ear.until("/track/3/mute")
    say(ear, told)
    ear.settle()
    assert stage.rack.desk.mix.track("vocals").solo


def test_buttons_that_do_something_always_do_it(stage: Stage) -> None:
    ear = stage.surface("reaper")
    stage.rack.desk.do(Play(), "somebody")
    told = ear.until("/play")
    stage.rack.desk.do(Pause(), "somebody")
    ear.until("/play")
    say(ear, told)
    ear.settle()
    assert stage.rack.desk.transport.playing


def test_a_hand_beside_the_listening_program_moves_as_it_likes(stage: Stage) -> None:
    """On one machine with a program that listens at a port of its own, but no surface of it."""
    ear, hand = stage.client(), stage.client()
    stage.client().send("/set_surface", 0, 1, 2, 0, 0, 0, ear.port)
    ear.receive()
    ear.rest()
    for db in (-12.0, -13.0, -12.0, -13.0, -12.0):
        hand.send("/track/vocals/gain", db)
        while ear.until("/strip/gain") != OscMessage("/strip/gain", (1, db)):
            pass
        assert stage.gain() == db


def test_a_program_that_speaks_from_elsewhere_is_not_told_what_it_did(stage: Stage) -> None:
    ear, mouth, other = stage.client(), stage.client(), stage.surface("")
    stage.client().send("/set_surface", 0, 1, 2, 0, 0, 0, ear.port)
    ear.receive()
    ear.rest()
    for db in BURST:
        mouth.send("/strip/gain", 1, db)
    while other.receive().arguments[0] != pytest.approx(BURST[-1]):
        pass
    assert [message for message in ear.rest() if message.address == "/strip/gain"] == []
    mouth.send("/strip/gain", 1, 99.0)
    assert ear.until("/strip/gain").arguments == (1, 12.0)


VALUES = st.one_of(st.floats(-60.0, 12.0, width=32), st.booleans(), st.sampled_from(("slow", "fast")))
TOLD = st.lists(st.tuples(VALUES, st.floats(0.0, 0.1)), min_size=1, max_size=12)


@given(TOLD, st.floats(0.0, 3.0), st.data())
def test_what_is_repeated_is_what_was_told_within_the_second(
    told: list[tuple[Any, float]], wait: float, data: st.DataObject
) -> None:
    memory, now, times = LatelyTold(), 100.0, []
    for value, pause in told:
        now += pause
        memory.remember(News("/a", value, "somebody"), now)
        times.append((now, value))
    now += wait
    said = data.draw(st.sampled_from([value for value, _ in told]))
    lately = [value for when, value in times if now - when <= HELD_SECONDS]
    assert memory.repeats(News("/a", said, "surface"), now) == any(is_same(value, said) for value in lately)
    assert not memory.repeats(News("/b", said, "surface"), now)
    assert not memory.repeats(News("/a", said, "somebody"), now)
    memory.forget("/a")
    assert not memory.repeats(News("/a", said, "surface"), now)


def test_it_holds_no_more_than_a_second_of_it() -> None:
    memory = LatelyTold()
    for number in range(20_000):
        memory.remember(News(f"/{number % 5000}", float(number)), number / 1000)
    held = [number for number in range(20_000) if memory.repeats(News(f"/{number % 5000}", float(number), "x"), 20.0)]
    assert held == list(range(19_000, 20_000))
    assert len(memory._told) < 3000
