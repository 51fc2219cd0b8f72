"""The engine on a real JACK server: every track at its own ports, and a server that dies and returns."""

import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile

from plugin_host.live.host import EngineHost
from plugin_host.live.port import Applied, Notice, Stopped
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import plain_mix
from plugin_host.mix.transport import Play, Transport
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
Server = Any  # the conftest's


def until_heard(engine: EngineHost, kind: type) -> Callable[[], bool]:
    return lambda: any(isinstance(event, kind) for event in engine.events())


def test_a_daw_gets_every_track_sample_by_sample(session: HostSession, launch: Launch, mortal_jackd: Server) -> None:
    mortal_jackd.start(rate=session.rate)
    mix = apply(plain_mix(session.stems), c.SetPan("bass", -1.0))
    for _ in range(3):
        engine = launch(session, mix, output="jack", device=mortal_jackd.name, direct="post", ahead=8)
        ports = [f"stemrack:{name}_{side}" for name in session.stems for side in "LR"]
        assert set(ports) < set(mortal_jackd.ports())
        time.sleep(0.1)
        engine.send(1, Play())
        recorded = mortal_jackd.record(ports, until_heard(engine, Stopped))
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


def test_playing_goes_on_while_the_server_is_away(session: HostSession, launch: Launch, mortal_jackd: Server) -> None:
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
    frame = engine.status().engine_frame
    time.sleep(0.5)
    assert engine.status().engine_frame > frame
    assert engine.restarts == 0
    mortal_jackd.start()
    while "stemrack:master_L" not in mortal_jackd.ports():
        assert time.monotonic() < deadline + 30
        time.sleep(0.1)
    assert engine.status().playing
