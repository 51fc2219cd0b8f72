"""JACK's transport and the song's on a real server: sample by sample where the transport says, and no circle."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pytest

from plugin_host.desk.desk import Desk
from plugin_host.engine.outputs.jack_output import CLIENTS_COME_AND_GO, library
from plugin_host.live.host import EngineHost
from plugin_host.live.port import EngineEvent, Notice, Refused
from plugin_host.mix.commands import SetGain
from plugin_host.mix.state import plain_mix
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.mix.transport import Pause, Play, Seek, Stop, Transport
from plugin_host.stems.open_session import HostSession

Server = Any  # the conftest's
Until = Callable[[Callable[[], object]], None]
PORTS = ("stemrack:vocals_L", "stemrack:bass_R", "stemrack:other_L")
FADE = 200
"""Frames of 16 kHz in which playing fades in and out, and more."""
PASSED = 12_000


class JackPeer:
    """Another program: it moves the transport, and records ports by the transport's frames, as a DAW does."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.starts: list[int] = []
        self._blocks: list[np.ndarray] = []
        self._inputs: list[Any] = []
        self._leaving = threading.Event()

    def hear(self, ports: Sequence[str]) -> None:
        """Record what these ports give while the transport rolls."""
        self._inputs = [self._client.inports.register(f"in_{place}") for place in range(len(ports))]
        self._client.set_process_callback(self._keep)
        self._client.activate()
        for source, target in zip(ports, self._inputs, strict=True):
            self._client.connect(source, target)

    def roll(self) -> None:
        self._client.transport_start()

    def halt(self) -> None:
        self._client.transport_stop()

    def locate(self, frame: int) -> None:
        self._client.transport_frame = frame

    @property
    def state(self) -> tuple[bool, int]:
        """Whether it rolls, and the frame."""
        state, position = self._client.transport_query()
        return state == library().ROLLING, int(position["frame"])

    def heard_since(self, start: int, frames: int) -> np.ndarray:
        """(port, frame): what was heard while the transport went from `start` on; NaN where it did not pass."""
        heard = np.full((len(self._inputs), frames), np.nan, np.float32)
        for first, block in zip(list(self.starts), list(self._blocks), strict=False):
            begin, end = max(first - start, 0), min(first - start + block.shape[1], frames)
            if begin < end:
                heard[:, begin:end] = block[:, begin - (first - start) : end - (first - start)]
        return heard

    def first_sound(self) -> int | None:
        """The first transport frame at which something was heard."""
        for first, block in zip(list(self.starts), list(self._blocks), strict=False):
            if block.any():
                return first + int(block.any(axis=0).argmax())
        return None

    def forget(self) -> None:
        self._blocks.clear()
        self.starts.clear()

    def leave(self) -> None:
        self._leaving.set()
        time.sleep(0.2)  # its thread ends of itself: see `JackOutput.stop`
        close(self._client)

    def _keep(self, _: int) -> None:
        if self._leaving.is_set():
            raise library().CallbackExit
        state, position = self._client.transport_query_struct()
        if state == library().ROLLING:
            self._blocks.append(np.stack([port.get_array() for port in self._inputs]))
            self.starts.append(int(position.frame))


def close(client: Any) -> None:
    with CLIENTS_COME_AND_GO:
        client.close()


class Engine(Protocol):
    def __call__(self, mode: str) -> EngineHost: ...


@pytest.fixture
def server(session: HostSession, mortal_jackd: Server) -> Server:
    """At the session's rate, so that nothing is resampled."""
    mortal_jackd.start(rate=session.rate)
    return mortal_jackd


@pytest.fixture
def engine(session: HostSession, launch: Callable[..., EngineHost], server: Server) -> Engine:
    def start(mode: str) -> EngineHost:
        return launch(session, output="jack", device=server.name, direct="post", jack_transport=mode)

    return start


@pytest.fixture
def peer(server: Server) -> Iterator[JackPeer]:
    peer = JackPeer(server.client("peer"))
    yield peer
    peer.leave()


@pytest.fixture
def expected(session: HostSession, stems: dict[str, np.ndarray]) -> np.ndarray:
    """What belongs at the ports, (port, frame of the song)."""
    return np.stack([stems["vocals"][0], stems["bass"][1], stems["other"][0]])


def in_step(peer: JackPeer, expected: np.ndarray, start: int, until: Until, frames: int = PASSED) -> None:
    """What was heard from transport frame `start` on is the song from that frame on, after the fade."""
    until(lambda: peer.starts and start + frames < peer.starts[-1])
    heard = peer.heard_since(start, frames)[:, FADE:]
    wanted = expected[:, start + FADE : start + frames]
    passed = ~np.isnan(heard[0])
    assert passed.sum() > 0.8 * wanted.shape[1]  # a busy machine leaves out periods
    right = (heard == wanted).all(axis=0) | ~passed
    assert right.mean() > 0.8
    assert right[-2048:].all()  # and what was left out does not move what comes after


def test_the_song_follows_to_the_sample(engine: Engine, peer: JackPeer, expected: np.ndarray, until: Until) -> None:
    host = engine("follow")
    peer.hear(PORTS)
    peer.locate(5_003)
    until(lambda: host.status().song_frame == 5_003)
    peer.roll()
    in_step(peer, expected, 5_003, until)
    peer.locate(20_111)  # while it rolls
    in_step(peer, expected, 20_111, until)
    peer.halt()
    until(lambda: not host.status().playing)
    frame = peer.state[1]
    until(lambda: host.status().song_frame == frame)
    peer.forget()
    peer.locate(1_000)
    peer.roll()
    in_step(peer, expected, 1_000, until)


def test_a_transport_that_rolls_already_is_joined_in_step(
    engine: Engine, peer: JackPeer, expected: np.ndarray, until: Until
) -> None:
    peer.roll()
    until(lambda: peer.state[0])
    host = engine("follow")
    peer.hear(PORTS)
    peer.locate(0)
    until(lambda: any(after < before for before, after in pairwise(list(peer.starts))))
    peer.forget()
    until(lambda: peer.first_sound() is not None)
    start = peer.first_sound()
    assert start is not None
    in_step(peer, expected, start, until, 8_000)
    assert host.status().playing


def test_in_follow_mode_the_songs_own_play_is_refused(engine: Engine, peer: JackPeer, until: Until) -> None:
    host = engine("follow")
    host.send(1, Play())
    told: list[EngineEvent] = []
    until(lambda: told.extend(host.events()) or told)
    assert told == [Refused(1, told[0].text)]
    assert "--jack-transport both" in told[0].text
    assert peer.state == (False, 0)


@pytest.mark.parametrize("mode", ["lead", "both"])
def test_play_seek_pause_and_stop_move_jacks_transport(
    mode: str, engine: Engine, session: HostSession, peer: JackPeer, expected: np.ndarray, until: Until
) -> None:
    host = engine(mode)
    desk = Desk(host, plain_mix(session.stems), frames=session.frames, rate=session.rate)
    desk.start()
    try:
        peer.hear(PORTS)
        desk.do(Seek(3_000))
        until(lambda: peer.state == (False, 3_000))
        desk.do(Play())
        in_step(peer, expected, 3_000, until)
        desk.do(Seek(24_000))
        in_step(peer, expected, 24_000, until, 8_000)
        desk.do(Pause())
        until(lambda: not peer.state[0] and not host.status().playing)
        until(lambda: abs(host.status().song_frame - peer.state[1]) <= 1)
        desk.do(Play())
        until(lambda: peer.state[0] and host.status().playing)
        desk.do(Stop())
        until(lambda: not peer.state[0])
        time.sleep(0.3)
        assert abs(peer.state[1] - desk.transport.position) <= 1
        assert host.status().song_frame == desk.transport.position
    finally:
        desk.close()


@pytest.mark.parametrize("mode", ["lead", "both"])
def test_what_follows_a_jump_at_once_goes_by_where_it_leads(
    mode: str, engine: Engine, session: HostSession, peer: JackPeer, until: Until
) -> None:
    """A pause stays there, and a take is replayed from there, although the song has not got there yet."""
    host, mix = engine(mode), plain_mix(session.stems)
    desk = Desk(host, mix, frames=session.frames, rate=session.rate)
    desk.start()
    try:
        desk.do(Play())
        until(lambda: host.status().song_frame > 4_000)
        desk.do(Seek(30_000))
        desk.do(Pause())
        until(lambda: not peer.state[0] and not host.status().playing and host.status().song_frame >= 30_000)
        assert abs(host.status().song_frame - peer.state[1]) <= 1
        desk.do(Play())
        until(lambda: peer.state[0] and host.status().playing)
        desk.replay_take(Take(mix, 1_000, (TakeEvent(9_000, SetGain("bass", -60.0)),)))
        until(lambda: not desk.replaying)
        assert desk.mix.track("bass").gain_db == -60.0
        assert host.status().song_frame < 30_000
    finally:
        desk.close()


def test_who_only_leads_is_moved_by_nobody(engine: Engine, peer: JackPeer, until: Until) -> None:
    host = engine("lead")
    host.send(1, Play())
    until(lambda: peer.state[0] and host.status().playing)
    peer.halt()
    until(lambda: not peer.state[0])
    frame = host.status().song_frame
    until(lambda: host.status().song_frame > frame + 4_000)


def test_the_desk_is_told_what_jack_does(engine: Engine, session: HostSession, peer: JackPeer, until: Until) -> None:
    desk = Desk(engine("both"), plain_mix(session.stems), frames=session.frames, rate=session.rate)
    desk.start()
    try:
        with desk.subscribe() as told:
            peer.locate(7_000)
            until(lambda: desk.transport.position == 7_000)
            peer.roll()
            until(lambda: desk.transport.playing)
            peer.halt()
            until(lambda: not desk.transport.playing)
            time.sleep(0.5)  # would it go round in a circle, it would do so now
            events = told.drain()
        assert [event.origin for event in events] == ["jack"] * len(events)
        assert [type(event.command) for event in events] == [Seek, Play, Pause, Seek]
        assert desk.transport.position == peer.state[1]
    finally:
        desk.close()


def test_the_songs_end_does_not_stop_others(engine: Engine, session: HostSession, peer: JackPeer, until: Until) -> None:
    host = engine("both")
    peer.locate(session.frames - 4_000)
    peer.roll()
    until(lambda: peer.state[1] > session.frames + 4_000)
    assert peer.state[0]
    assert not host.status().playing
    host.send(1, Play())
    until(lambda: host.status().playing)
    until(lambda: peer.state[0] and peer.state[1] < session.frames)


def test_a_show_goes_on_when_the_server_comes_back(
    session: HostSession, launch: Callable[..., EngineHost], server: Server, until: Until
) -> None:
    loop = Transport(loop=(0, 40_000))
    host = launch(session, transport=loop, output="jack", device=server.name, jack_transport="both")
    host.send(1, Play())
    before = server.client("before")
    until(lambda: before.transport_state == library().ROLLING and host.status().playing)
    close(before)
    server.end()
    until(lambda: any(isinstance(event, Notice) for event in host.events()))
    frame = host.status().engine_frame
    until(lambda: host.status().engine_frame > frame + 4_000)
    assert host.status().playing
    server.start(rate=session.rate)
    until(lambda: "stemrack:master_L" in server.ports())
    after = server.client("after")
    until(lambda: after.transport_state == library().ROLLING and host.status().playing)
    close(after)
