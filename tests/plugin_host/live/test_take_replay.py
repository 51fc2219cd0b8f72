"""A take that is replayed live sounds as its bounce, exchanged chains and all."""

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from plugin_host.desk.desk import Desk
from plugin_host.desk.events import DeskWarning, TakeRecorded
from plugin_host.desk.take_files import read_take, take_path
from plugin_host.effects.catalogue import check_effect
from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_settings import BounceSettings
from plugin_host.live.host import EngineHost
from plugin_host.live.port import Applied, EngineEvent, Stopped
from plugin_host.mix import commands as c
from plugin_host.mix.scenes import Scene, TrackScene
from plugin_host.mix.state import Effect, Mix, plain_mix
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.mix.transport import Play, Seek, Transport
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]
Until = Callable[[Callable[[], object]], None]

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


@pytest.fixture
def take(session: HostSession) -> Take:
    return Take(plain_mix(session.stems), 0, tuple(TakeEvent(*move) for move in MOVES))


def frames_of(events: list[EngineEvent]) -> list[int]:
    """At which song frames the take's moves were carried out, in order."""
    done = [event for event in events if isinstance(event, Applied) and max(event.numbers) < -1]
    return [event.song_frame for event in done for _ in event.numbers]


@pytest.mark.parametrize("buffer", [128, 1024])
def test_a_replay_with_exchanged_chains_sounds_as_its_bounce(
    session: HostSession, take: Take, launch: Launch, heard_until: HeardUntil, tmp_path: Path, buffer: int, until: Until
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


def test_a_replay_of_nothing_but_a_mix(
    session: HostSession, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    mix = plain_mix(session.stems)
    engine = launch(session, mix)
    engine.play_take(Take(Mix(mix.tracks[:1]), 0))
    engine.send(1, Play())
    heard_until(engine, lambda event: isinstance(event, Applied) and 1 in event.numbers)
    until(lambda: len(engine.status().tracks) == 1)


def test_a_replay_goes_on_after_a_crash(session: HostSession, launch: Launch, until: Until) -> None:
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


@contextmanager
def desk_over(engine: EngineHost, session: HostSession, **settings: Any) -> Iterator[Desk]:
    desk = Desk(engine, plain_mix(session.stems), frames=session.frames, rate=session.rate, **settings)
    desk.start()
    try:
        yield desk
    finally:
        desk.close()


def moves_of(bass_db: list[tuple[int, float]], mix: Mix) -> Take:
    return Take(mix, 0, tuple(TakeEvent(frame, c.SetGain("bass", gain_db)) for frame, gain_db in bass_db))


def levels_until(desk: Desk, frame: int, until: Until) -> set[tuple[float, float]]:
    """What the bass is said to be at and what is heard of it (full level: 0.1), from the take's start to a frame."""
    seen = set()

    def look() -> bool:
        status = desk.status()
        heard = max(status.tracks["bass"].peak) / 0.1
        if status.playing and status.song_frame > 4_000:
            seen.add((desk.mix.track("bass").gain_db, round(20 * math.log10(heard))))
        return status.song_frame > frame

    until(lambda: desk.replaying and desk.status().playing and desk.status().song_frame < 3_000)
    until(look)
    return seen


def test_a_take_is_replayed_from_its_start_while_the_song_is_elsewhere(
    session: HostSession, launch: Launch, until: Until
) -> None:
    """Nothing of it is carried out, nor shown, before the song has got to where it begins."""
    take = moves_of([(14_000, -60.0), (40_000, -20.0)], plain_mix(session.stems))
    with desk_over(launch(session), session) as desk:
        desk.do(Seek(44_000))
        desk.do(Play())
        until(lambda: desk.status().song_frame > 45_000)
        desk.replay_take(take)
        assert levels_until(desk, 12_000, until) == {(0.0, 0)}
        until(lambda: desk.mix.track("bass").gain_db == -60.0)
        until(lambda: desk.status().song_frame > 20_000)
        assert max(desk.status().tracks["bass"].peak) < 0.001


def test_going_round_a_loop_brings_what_lies_in_it_and_nothing_else(
    session: HostSession, launch: Launch, until: Until
) -> None:
    """A move just behind the loop is never made; one just within it is made every time."""
    take = moves_of([(8_001, -6.0), (15_990, 0.0), (16_001, -60.0), (46_000, -20.0)], plain_mix(session.stems))
    engine = launch(session, transport=Transport(loop=(8_000, 16_000)))
    with desk_over(engine, session, transport=Transport(loop=(8_000, 16_000))) as desk:
        desk.replay_take(take)
        for _ in range(3):
            until(lambda: 10_000 < desk.status().song_frame < 11_000)
            assert desk.mix.track("bass").gain_db == -6.0
            until(lambda: 13_000 < desk.status().song_frame < 15_000)
            assert round(20 * math.log10(max(desk.status().tracks["bass"].peak) / 0.1)) == -6


def test_a_take_recorded_over_another_has_the_moves_of_both(
    session: HostSession, launch: Launch, tmp_path: Path, until: Until
) -> None:
    take = moves_of([(8_000, -6.0), (24_000, -12.0)], plain_mix(session.stems))
    with desk_over(launch(session), session, takes_folder=tmp_path) as desk, desk.subscribe() as heard:
        desk.record("both")
        desk.replay_take(take)
        until(lambda: desk.mix.track("bass").gain_db == -6.0)
        desk.do(c.SetGain("vocals", -9.0))
        until(lambda: not desk.replaying)
        desk.end_recording()
        until(lambda: any(isinstance(event, TakeRecorded) for event in heard.drain()))
    both = read_take(take_path(tmp_path, "both"), session.rate, check_effect)
    faders = [event for event in both.events if isinstance(event.command, c.SetGain)]
    assert [faders[0], faders[2]] == list(take.events)
    assert faders[1].command == c.SetGain("vocals", -9.0)


def test_a_chain_that_is_ready_after_the_last_move_stays(session: HostSession, launch: Launch, until: Until) -> None:
    mix = plain_mix(session.stems)
    slow = (Effect("pitch_shift", {"semitones": 1.0}), Effect("gain", {"gain_db": -60.0}))  # rendered ahead
    moves = (TakeEvent(0, c.SetChain("bass", slow)), TakeEvent(1, c.SetGain("vocals", -6.0)))
    with desk_over(launch(session), session) as desk:
        desk.replay_take(Take(mix, 0, moves))
        until(lambda: not desk.replaying)
        assert desk.mix.track("bass").chain == slow
        until(lambda: max(desk.status().tracks["bass"].peak) < 0.001)
        frame = desk.status().song_frame
        until(lambda: desk.status().song_frame > frame + 8_000)
        assert 0.0 < max(desk.status().tracks["bass"].peak) < 0.001


def test_a_take_of_other_stems_is_refused_in_a_word(session: HostSession, launch: Launch, until: Until) -> None:
    moves = tuple(TakeEvent(frame, c.SetGain("flute", -6.0)) for frame in range(0, 40_000, 100))
    with desk_over(launch(session), session) as desk, desk.subscribe() as heard:
        desk.replay_take(Take(plain_mix(("flute",)), 0, moves))
        until(lambda: not desk.replaying)
        assert [track.name for track in desk.mix.tracks] == list(session.stems)
        frame = desk.status().song_frame
        until(lambda: desk.status().song_frame > frame + 16_000)
        told = [event.text for event in heard.drain() if isinstance(event, DeskWarning)]
        assert len(told) == 1
        assert "no stem 'flute'" in told[0]


def test_a_fader_moved_while_a_mix_is_built_is_recorded_when_it_moved(
    session: HostSession, launch: Launch, tmp_path: Path, until: Until
) -> None:
    """And once more where the mix comes, which it outlives: the bounce sounds as what was heard."""
    mix, chain = plain_mix(session.stems), (REVERB,) * 5
    other = replace(mix, tracks=tuple(replace(track, chain=chain, gain_db=-3.0) for track in mix.tracks))
    with desk_over(launch(session), session, takes_folder=tmp_path) as desk, desk.subscribe() as heard:
        desk.record("ride")
        desk.capture(tmp_path / "live.wav")
        time.sleep(0.3)
        desk.do(Play())
        until(lambda: desk.status().song_frame > 2_000)
        desk.do_all([c.ReplaceMix(other), c.SetGain("bass", -12.0)])
        until(lambda: any(isinstance(event, TakeRecorded) for event in heard.drain()))  # at the song's end
        time.sleep(0.5)
        desk.capture(None)
        until((tmp_path / "live.wav").exists)
    take = read_take(take_path(tmp_path, "ride"), session.rate, check_effect)
    moved, came, set_again = take.events
    assert (moved.command, came.command) == (c.SetGain("bass", -12.0), c.ReplaceMix(other))
    assert moved.frame < came.frame == set_again.frame
    assert set_again.command == moved.command
    bounce(session, mix, tmp_path / "bounce.wav", BounceSettings(tail=0.0, take=take))
    live, wanted = samples(tmp_path / "live.wav"), samples(tmp_path / "bounce.wav")
    begin = int(np.argmax(np.abs(live).max(axis=0) > 0)) - int(np.argmax(np.abs(wanted).max(axis=0) > 0))
    assert np.abs(live[:, begin : begin + session.frames] - wanted).max() < BELOW_HEARING
