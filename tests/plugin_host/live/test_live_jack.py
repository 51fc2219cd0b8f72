"""The engine on a real JACK server: every track at its own ports, and a server that dies and returns."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

from plugin_host.engine.outputs.jack_output import CLIENTS_COME_AND_GO
from plugin_host.live.host import EngineHost
from plugin_host.live.lanes import SPARE_LANES
from plugin_host.live.port import Applied, Back, EngineEvent, Notice
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Track, plain_mix
from plugin_host.mix.transport import Play, Stop, Transport
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]
Until = Callable[[Callable[[], object]], None]
Server = Any  # the conftest's
JACK_PERIOD = 1024
FADE = 1_000
"""Frames in which playing fades in, and more."""
TO_GIVE_IT_ONE = "end and start play again to give it one"


def close(client: Any) -> None:
    with CLIENTS_COME_AND_GO:
        client.close()


def until_heard(engine: EngineHost, kind: type) -> Callable[[], bool]:
    return lambda: any(isinstance(event, kind) for event in engine.events())


def has_passed(engine: EngineHost, frame: int) -> Callable[[], bool]:
    return lambda: engine.status().song_frame > frame


def has_gone_on(engine: EngineHost, frames: int) -> Callable[[], bool]:
    """From now on."""
    until_frame = engine.status().engine_frame + frames
    return lambda: engine.status().engine_frame > until_frame


def test_a_daw_gets_every_track_sample_by_sample(session: HostSession, launch: Launch, mortal_jackd: Server) -> None:
    mortal_jackd.start(rate=session.rate)
    mix = apply(plain_mix(session.stems), c.SetPan("bass", -1.0))
    for _ in range(3):
        engine = launch(session, mix, output="jack", device=mortal_jackd.name, direct="post", ahead=8)
        ports = [f"stemrack:{name}_{side}" for name in session.stems for side in "LR"]
        assert set(ports) < set(mortal_jackd.ports())
        time.sleep(0.1)
        engine.send(1, Play())
        recorded = mortal_jackd.record(ports, has_passed(engine, 30_000))
        status = engine.status()
        engine.close()
        if not status.dropouts and not status.xruns:
            break
    sounding = np.abs(recorded).max(axis=0) > 0
    heard = recorded[:, int(sounding.argmax()) :].reshape(len(session.stems), 2, -1)
    stems = np.stack([soundfile.read(session.session.stem_path(name), dtype="float32")[0].T for name in session.stems])
    stems[session.stems.index("bass"), 1] = 0.0
    # Recording begins while it plays, so find where; the latest it can be is a second in.
    start = next(at for at in range(16_000) if np.array_equal(stems[:, :, at : at + 64], heard[:, :, :64]))
    count = min(8_000, heard.shape[2])
    np.testing.assert_array_equal(heard[:, :, :count], stems[:, :, start : start + count])


def test_a_track_that_is_added_has_ports_of_its_own(
    session: HostSession, launch: Launch, mortal_jackd: Server, heard_until: HeardUntil, until: Until
) -> None:
    mortal_jackd.start(rate=session.rate)
    engine = launch(session, output="jack", device=mortal_jackd.name, direct="post", ahead=8)
    engine.send(1, c.AddTrack(Track("double", "other")))
    until(lambda: "stemrack:double_R" in mortal_jackd.ports())
    engine.send(2, Play())
    pairs = ["stemrack:other_L", "stemrack:double_L", "stemrack:other_R", "stemrack:double_R"]
    heard = mortal_jackd.record(pairs, has_passed(engine, 24_000))
    np.testing.assert_array_equal(heard[::2], heard[1::2])
    assert np.abs(heard[::2]).max(axis=1).min() > 0.1
    for number in range(3, 3 + SPARE_LANES):
        engine.send(number, c.AddTrack(Track(f"more {number}", "other")))
    *_, told = heard_until(engine, lambda event: isinstance(event, Notice))
    assert told == Notice(f"track more {2 + SPARE_LANES} has no output of its own: {TO_GIVE_IT_ONE}")
    until(lambda: f"stemrack:more {1 + SPARE_LANES}_L" in mortal_jackd.ports())


@pytest.fixture
def noise(make_session: Callable[..., HostSession]) -> HostSession:
    """Long, and no two places in it are alike."""
    return make_session({"wash": np.random.default_rng(7).uniform(-0.1, 0.1, (2, 160_000)).astype(np.float32)})


def test_the_server_may_change_its_period(
    noise: HostSession, launch: Launch, mortal_jackd: Server, until: Until
) -> None:
    """To the longest there is, so that less fits ahead than was asked for, and back."""
    mortal_jackd.start(rate=noise.rate)
    engine = launch(noise, output="jack", device=mortal_jackd.name, direct="post", ahead=16)
    usual = engine.ready.latency_ms
    assert engine.status().latency_ms == usual
    user = mortal_jackd.client("user")
    user.blocksize = 8192
    until(lambda: engine.status().latency_ms > 2 * usual)
    song = soundfile.read(noise.session.stem_path("wash"), dtype="float32")[0][:, 0]
    for number in (1, 3, 5):
        wrong = engine.status().dropouts, engine.status().xruns
        engine.send(number, Play())
        heard = mortal_jackd.record(["stemrack:wash_L"], has_passed(engine, 60_000))[0]
        if wrong == (engine.status().dropouts, engine.status().xruns):
            break
        engine.send(number + 1, Stop())  # this machine is too busy: once more, when all that was ahead has been heard
        until(has_gone_on(engine, 60_000))
    else:
        assert engine.status().xruns > wrong[1], "dropouts although the server was never late"
        pytest.skip("this machine was too busy for JACK: the server was late in each of three tries")
    user.blocksize = JACK_PERIOD
    until(lambda: engine.status().latency_ms == usual)
    close(user)
    heard = heard[int((heard != 0).argmax()) + FADE :]
    # Recording begins while it plays, and on a busy machine anywhere.
    start = next(at for at in np.flatnonzero(song == heard[0]) if np.array_equal(song[at : at + 64], heard[:64]))
    assert len(heard) > 20_000
    np.testing.assert_array_equal(heard, song[start : start + len(heard)])


@pytest.mark.parametrize("crash", [False, True])
def test_playing_goes_on_while_the_server_is_away(
    session: HostSession, launch: Launch, mortal_jackd: Server, crash: bool, until: Until
) -> None:
    """And the server, whose rate is not the session's, is used again, also by an engine that began without it."""
    mortal_jackd.start()
    engine = launch(session, transport=Transport(loop=(0, 40_000)), output="jack", device=mortal_jackd.name)
    assert engine.ready.rate == 48_000
    engine.send(1, Play())
    deadline = time.monotonic() + 30
    while not until_heard(engine, Applied)():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    mortal_jackd.end(signal.SIGKILL)
    while not until_heard(engine, Notice)():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if crash:
        os.kill(engine.pid, signal.SIGKILL)
        until(until_heard(engine, Back))
    frame = engine.status().engine_frame
    time.sleep(0.5)
    assert engine.status().engine_frame > frame
    assert engine.status().device == f"no device, clocked until {mortal_jackd.name} is back"
    assert engine.restarts == crash
    mortal_jackd.start()
    while "stemrack:master_L" not in mortal_jackd.ports():
        assert time.monotonic() < deadline + 30
        time.sleep(0.1)
    until(lambda: engine.status().device == f"JACK server {mortal_jackd.name}, as stemrack")
    assert engine.status().playing
