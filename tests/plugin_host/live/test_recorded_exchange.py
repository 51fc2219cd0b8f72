"""Exchanges that need other sources bounce as they were heard: a chain rendered ahead, a track that comes or goes."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_settings import BounceSettings
from plugin_host.live.host import EngineHost
from plugin_host.live.port import Applied, EngineEvent, Stopped, number_of_move
from plugin_host.mix import commands as c
from plugin_host.mix.state import Effect, Mix, Track
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.mix.transport import Play
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]
Until = Callable[[Callable[[], object]], None]
Bounces = Callable[[EngineHost, Sequence[TakeEvent]], float]

BELOW_HEARING = 10 ** (-120 / 20)
SHIFT, REVERB = Effect("pitch_shift", {"semitones": 3.0}), Effect("reverb")  # the first is rendered ahead
MIX = Mix((Track("bass", "bass", (REVERB,)), Track("vocals", "vocals"), Track("other", "other", gain_db=-6.0)))
HAND: tuple[c.Command, ...] = (
    c.AddTrack(Track("drums", "drums", (REVERB,))),
    c.RemoveTrack("other"),
    c.AddTrack(Track("other", "other", (REVERB,))),
    c.SetChain("bass", (SHIFT, REVERB)),
    c.SetChain("bass", (REVERB,)),
)
TAKE = Take(
    MIX,
    0,
    (
        TakeEvent(2_001, c.SetChain("vocals", (SHIFT, REVERB))),
        TakeEvent(4_003, c.SetGain("other", -12.0)),
        TakeEvent(9_003, c.SetPan("bass", 0.5)),
        TakeEvent(30_003, c.SetChain("other", (REVERB,))),
    ),
)


@pytest.fixture(params=[128, 1024])
def engine(session: HostSession, launch: Launch, tmp_path: Path, request: pytest.FixtureRequest) -> EngineHost:
    """It captures what is heard, into `live.wav`."""
    started = launch(session, MIX, buffer=request.param)
    started.capture(tmp_path / "live.wav")
    time.sleep(0.3)
    return started


@pytest.fixture
def difference(session: HostSession, tmp_path: Path, until: Until) -> Bounces:
    """The largest between what was heard of a song that has been played and its bounce with these moves."""

    def between(engine: EngineHost, moves: Sequence[TakeEvent]) -> float:
        time.sleep(0.5)
        engine.capture(None)
        until((tmp_path / "live.wav").exists)
        bounce(session, MIX, tmp_path / "bounce.wav", BounceSettings(tail=0.0, take=Take(MIX, 0, tuple(moves))))
        live, wanted = (
            soundfile.read(tmp_path / name, dtype="float32", always_2d=True)[0].T for name in ("live.wav", "bounce.wav")
        )
        begin = int(np.argmax(np.abs(live).max(axis=0) > 0)) - int(np.argmax(np.abs(wanted).max(axis=0) > 0))
        return float(np.abs(live[:, begin : begin + session.frames] - wanted).max())

    return between


def applied(events: Sequence[EngineEvent]) -> dict[int, int]:
    """The song frames at which commands were carried out, by number."""
    done = [event for event in events if isinstance(event, Applied)]
    return {number: event.song_frame for event in done for number in event.numbers}


def test_what_a_hand_exchanged(engine: EngineHost, heard_until: HeardUntil, difference: Bounces) -> None:
    engine.send(0, Play())
    events: list[EngineEvent] = []
    for number, command in enumerate(HAND, 1):
        engine.send(number, command)
        events += heard_until(engine, lambda event: number in applied([event]))  # noqa: B023 - called in this round
    if not any(isinstance(event, Stopped) for event in events):
        heard_until(engine, lambda event: isinstance(event, Stopped))
    frames = applied(events)
    moves = [TakeEvent(frames[number], command) for number, command in enumerate(HAND, 1)]
    assert difference(engine, moves) < BELOW_HEARING


def test_what_a_take_exchanged_when_it_was_ready(
    engine: EngineHost, heard_until: HeardUntil, difference: Bounces
) -> None:
    """What is rendered ahead comes when it is ready, wherever that is."""
    engine.play_take(TAKE)
    heard_until(engine, lambda event: -1 in applied([event]))
    engine.send(0, Play())
    frames = applied(heard_until(engine, lambda event: isinstance(event, Stopped)))
    moves = [TakeEvent(frames[number_of_move(place)], event.command) for place, event in enumerate(TAKE.events)]
    assert difference(engine, sorted(moves, key=lambda move: move.frame)) < BELOW_HEARING
