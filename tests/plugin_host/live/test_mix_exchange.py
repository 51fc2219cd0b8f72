"""Another mix while it plays, tracks and all: nothing is lost on the way, and the messages name what they speak of."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_host.live.host import EngineHost
from plugin_host.live.port import Applied, Back, EngineEvent, Notice
from plugin_host.mix import commands as c
from plugin_host.mix.limits import MAX_TRACKS
from plugin_host.mix.state import Effect, Mix, Track
from plugin_host.mix.transport import Play, Seek, SetTranspose, Transport
from plugin_host.stems.open_session import HostSession

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]
Until = Callable[[Callable[[], object]], None]

LOOP = (0, 16_000)
RUNS_AWAY = tuple(Effect("gain", {"gain_db": 24.0}) for _ in range(8))


def applies(number: int) -> Callable[[EngineEvent], bool]:
    return lambda event: isinstance(event, Applied) and number in event.numbers


def is_silent(event: EngineEvent) -> bool:
    return isinstance(event, Notice) and "is silent" in event.text


def test_each_that_runs_away_is_named_itself(session: HostSession, launch: Launch, heard_until: HeardUntil) -> None:
    """Also where others before it in the mix follow, or one does so again with another chain."""
    engine = launch(session, transport=Transport(loop=LOOP))
    engine.send(1, Play())
    engine.send(2, c.SetSend("vocals", 0, 0.0))
    said = []
    for number, owner in enumerate((c.MASTER, c.Bus.AUX_1, "bass", "vocals"), 3):
        engine.send(number, c.SetChain(owner, RUNS_AWAY))
        event = heard_until(engine, is_silent)[-1]
        assert isinstance(event, Notice)
        said.append(event.text.split(" gave")[0])
    assert said == ["master", "aux 1", "track bass", "track vocals"]


def test_a_full_mix_gives_way_to_another_full_one(
    session: HostSession, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    """For the time of the fade there are twice as many tracks as a mix may hold."""
    stems = session.stems
    full = [
        Mix(tuple(Track(f"{name} {n}", stems[n % len(stems)], gain_db=-30.0) for n in range(MAX_TRACKS)))
        for name in ("old", "new")
    ]
    engine = launch(session, full[0], Transport(loop=LOOP), buffer=1024)
    engine.send(1, Play())
    engine.send(2, c.ReplaceMix(full[1]))
    heard_until(engine, applies(2))
    until(lambda: set(engine.status().tracks) == {track.name for track in full[1].tracks})
    until(lambda: max(engine.status().tracks["new 3"].peak) > 0.001)
    assert engine.restarts == 0


@pytest.mark.parametrize("buffer", [128, 1024])
def test_tracks_go_without_a_crash(
    session: HostSession, launch: Launch, heard_until: HeardUntil, buffer: int, until: Until
) -> None:
    """Their fade may end in any block, also in one whose levels are shown: of the longer ones every one is."""
    engine = launch(session, transport=Transport(loop=LOOP), buffer=buffer)
    engine.send(1, Play())
    for number, name in enumerate(("vocals", "drums", "other"), 2):
        engine.send(number, c.RemoveTrack(name))
        heard_until(engine, applies(number))
    until(lambda: list(engine.status().tracks) == ["bass"])
    until(lambda: max(engine.status().tracks["bass"].peak) > 0.05)
    assert engine.restarts == 0


def test_drums_are_drums_by_their_stem_also_on_a_track_that_comes_later(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path, until: Until
) -> None:
    """Transposed without the drums: what is heard of such a track is its stem, sample by sample."""
    mix = Mix((Track("drums", "bass", gain_db=-200.0),))
    engine = launch(session, mix)
    engine.send(1, c.AddTrack(Track("kit", "drums")))
    *_, added = heard_until(engine, applies(1))
    assert isinstance(added, Applied)
    until(lambda: engine.status().engine_frame > added.engine_frame + 4_000)  # it has faded in
    engine.send(2, SetTranspose(7.0))
    engine.send(3, Seek(1))
    engine.capture(tmp_path / "heard.wav")
    engine.send(4, Play())
    until(lambda: engine.status().song_frame > 20_000)
    engine.capture(None)
    until((tmp_path / "heard.wav").exists)
    heard = soundfile.read(tmp_path / "heard.wav", dtype="float32")[0][:, 0]
    drums = soundfile.read(session.session.stem_path("drums"), dtype="float32")[0][:, 0]
    begin = int(np.argmax(np.abs(heard) > 1e-6))
    places = [np.abs(heard[begin + 400 : begin + 8_400] - drums[at : at + 8_000]).max() for at in range(400, 460)]
    assert min(places) < 1e-6


def test_a_fader_that_moves_while_a_mix_is_built_stays_where_it_was_left(
    session: HostSession, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    """Also in the engine that comes after a crash."""
    engine = launch(session, transport=Transport(loop=LOOP))
    mix = Mix(tuple(Track(name, name, (Effect("highpass_filter"),)) for name in session.stems))
    engine.send(1, Play())
    engine.send(2, c.ReplaceMix(mix))
    engine.send(3, c.SetGain("bass", -90.0))
    heard = [event for event in heard_until(engine, applies(2)) if isinstance(event, Applied)]
    if not any(3 in event.numbers for event in heard):
        heard += [event for event in heard_until(engine, applies(3)) if isinstance(event, Applied)]
    later = max(event.engine_frame for event in heard) + 8_000
    until(lambda: engine.status().engine_frame > later)
    assert 0.0 < max(engine.status().tracks["bass"].peak) < 1e-4
    os.kill(engine.pid, signal.SIGKILL)
    heard_until(engine, lambda event: isinstance(event, Back))
    until(lambda: engine.status().playing and max(engine.status().tracks["vocals"].peak) > 0.01)
    assert max(engine.status().tracks["bass"].peak) < 1e-4
