"""A take that is replayed live sounds as its bounce, exchanged chains and all."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_host.desk.desk import Desk
from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_settings import BounceSettings
from plugin_host.live.host import EngineHost
from plugin_host.live.port import Applied, EngineEvent, Stopped
from plugin_host.mix import commands as c
from plugin_host.mix.scenes import Scene, TrackScene
from plugin_host.mix.state import Effect, Mix, plain_mix
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.mix.transport import Play
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]

BELOW_HEARING = 10 ** (-120 / 20)
REVERB, DELAY = Effect("reverb"), Effect("delay", {"delay_seconds": 0.1, "mix": 0.4})
SCENE = Scene("dry", "…", tracks={"vocals": TrackScene(chain=(DELAY,)), "other": TrackScene(chain=(Effect("gain"),))})
MOVES: tuple[tuple[int, c.Command], ...] = (
    (4_001, c.SetGain("bass", -6.0)),
    (9_003, c.AddEffect("vocals", REVERB)),
    (9_003, c.SetGain("vocals", -3.0)),
    (9_003, c.SetChain("bass", (Effect("gain", {"gain_db": -2.0}),))),
    (13_507, c.SetEffectParam("vocals", 0, "room_size", 0.9)),
    (17_777, c.AddEffect("vocals", DELAY, 0)),
    (22_222, c.SetLimiter(False)),
    (26_001, c.SetEffectBypass("vocals", 1, True)),
    (31_003, c.RecallScene(SCENE)),
    (33_333, c.SetPan("drums", -0.5)),
    (36_161, c.SetChain(c.MASTER, (Effect("gain", {"gain_db": -3.0}),))),
)


def samples(path: Path) -> np.ndarray:
    found: np.ndarray = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    return found


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def take(session: HostSession) -> Take:
    return Take(plain_mix(session.stems), 0, tuple(TakeEvent(*move) for move in MOVES))


def frames_of(events: list[EngineEvent]) -> list[int]:
    """At which song frames the take's moves were carried out, in order."""
    done = [event for event in events if isinstance(event, Applied) and max(event.numbers) < -1]
    return [event.song_frame for event in done for _ in event.numbers]


@pytest.mark.parametrize("buffer", [128, 1024])
def test_a_replay_with_exchanged_chains_sounds_as_its_bounce(
    session: HostSession, take: Take, launch: Launch, heard_until: HeardUntil, tmp_path: Path, buffer: int
) -> None:
    engine = launch(session, take.mix, buffer=buffer)
    engine.play_take(take)
    engine.capture(tmp_path / "live.wav")
    time.sleep(0.5)
    engine.send(1, Play())
    events = heard_until(engine, lambda event: isinstance(event, Stopped))
    time.sleep(0.5)
    engine.capture(None)
    until((tmp_path / "live.wav").exists)
    bounce(session, take.mix, tmp_path / "bounce.wav", BounceSettings(tail=0.0, take=take))
    assert frames_of(events) == [frame for frame, _ in MOVES]
    live, wanted = samples(tmp_path / "live.wav"), samples(tmp_path / "bounce.wav")
    begin = int(np.argmax(np.abs(live).max(axis=0) > 0)) - int(np.argmax(np.abs(wanted).max(axis=0) > 0))
    assert np.abs(live[:, begin : begin + session.frames] - wanted).max() < BELOW_HEARING


def test_a_hand_that_changed_the_same_chain_is_respected(
    session: HostSession, take: Take, launch: Launch, heard_until: HeardUntil
) -> None:
    """What was built ahead no longer fits; both changes are there in the end."""
    moves = TakeEvent(30_000, c.AddEffect("vocals", REVERB))
    engine = launch(session, take.mix)
    engine.play_take(replace(take, events=(moves,)))
    time.sleep(0.5)
    engine.send(1, Play())
    engine.send(2, c.AddEffect("vocals", DELAY))
    heard_until(engine, lambda event: isinstance(event, Applied) and -2 in event.numbers)
    engine.send(3, c.SetEffectParam("vocals", 1, "room_size", 0.7))  # of the reverb, which is behind the delay
    heard_until(engine, lambda event: isinstance(event, Applied) and 3 in event.numbers)
    assert engine.restarts == 0


def test_a_replay_of_nothing_but_a_mix(session: HostSession, launch: Launch, heard_until: HeardUntil) -> None:
    mix = plain_mix(session.stems)
    engine = launch(session, mix)
    engine.play_take(Take(Mix(mix.tracks[:1]), 0))
    engine.send(1, Play())
    heard_until(engine, lambda event: isinstance(event, Applied) and 1 in event.numbers)
    until(lambda: len(engine.status().tracks) == 1)


def test_a_replay_goes_on_after_a_crash(session: HostSession, launch: Launch) -> None:
    """What came before is in the mix, with what a hand did meanwhile; what comes after still comes."""
    mix = plain_mix(session.stems)
    moves = [(frame, c.SetGain("bass", -frame / 2_000)) for frame in range(2_000, 48_000, 2_000)]
    engine = launch(session, mix)
    desk = Desk(engine, mix, frames=session.frames, rate=session.rate)
    desk.start()
    try:
        desk.replay_take(Take(mix, 0, tuple(TakeEvent(*move) for move in moves)))
        until(lambda: desk.mix.track("bass").gain_db <= -3.0)
        desk.do(c.SetGain("vocals", -9.0))
        os.kill(engine.pid, signal.SIGKILL)
        until(lambda: engine.restarts == 1)
        until(lambda: not desk.replaying)
        assert desk.mix.track("bass").gain_db == -23.0
        assert desk.mix.track("vocals").gain_db == -9.0
    finally:
        desk.close()
