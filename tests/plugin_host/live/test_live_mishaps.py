"""What happens to files, folders, disks and processes while the real engine plays: the show goes on, in plain words."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from plugin_host.desk.desk import Desk
from plugin_host.errors import MixError
from plugin_host.live.blame import BlameMarker, bypass_of
from plugin_host.live.capture_file import part_of
from plugin_host.live.host import EngineHost
from plugin_host.live.port import Applied, Back, CaptureLost, Died, EngineEvent, Notice
from plugin_host.live.shared import SharedState
from plugin_host.mix import commands as c
from plugin_host.mix.limits import MAX_TRACKS
from plugin_host.mix.state import Effect, Mix, Track, plain_mix
from plugin_host.mix.transport import Pause, Play, Seek, Stop, Transport
from plugin_host.stems.open_session import HostSession

resource = pytest.importorskip("resource", reason="limits of a process need a POSIX system")

Launch = Callable[..., EngineHost]
HeardUntil = Callable[[EngineHost, Callable[[EngineEvent], bool]], list[EngineEvent]]
Until = Callable[[Callable[[], object]], None]
Damage = Callable[[Path], None]
Stems = Mapping[str, np.ndarray]

LOOP = (0, 16_000)


def applies(number: int) -> Callable[[EngineEvent], bool]:
    return lambda event: isinstance(event, Applied) and number in event.numbers


def notices(word: str) -> Callable[[EngineEvent], bool]:
    return lambda event: isinstance(event, Notice) and word in event.text


def is_back(event: EngineEvent) -> bool:
    return isinstance(event, Back)


def loudest(engine: EngineHost, track: str) -> float:
    meter = engine.status().tracks.get(track)
    return max(meter.peak) if meter else 0.0


@pytest.fixture
def own(make_session: Callable[[Stems], HostSession], stems: Stems) -> HostSession:
    """A session that may be damaged."""
    return make_session(stems)


def _cut(path: Path) -> None:
    os.truncate(path, 20_000)


def _replace(path: Path) -> None:
    """As an editor does it: another file takes the name."""
    soundfile.write(path.with_name("new.wav"), np.zeros((96_000, 1)), 96_000)
    path.with_name("new.wav").replace(path)


def _write_over(path: Path) -> None:
    """In place, under the reader's feet."""
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(b"nothing like a sound file")


def _scramble(path: Path) -> None:
    """The same length, but no audio: among its floats are NaN and infinity."""
    path.write_bytes(np.random.default_rng(1).bytes(path.stat().st_size))


DAMAGES: Mapping[str, Damage] = {
    "deleted": Path.unlink,
    "replaced": _replace,
    "cut": _cut,
    "written over": _write_over,
    "scrambled": _scramble,
}
STILL_OPEN = {"deleted", "replaced"}
"""What the reader has open is still the old file."""


def test_damaged_stems_are_at_most_silent_and_survive_a_crash_so(
    make_session: Callable[[Stems], HostSession], stems: Stems, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    own = make_session(dict.fromkeys((*DAMAGES, "whole"), stems["bass"] / 2))
    engine = launch(own, transport=Transport(loop=LOOP))
    engine.send(1, Play())
    heard_until(engine, applies(1))
    until(lambda: all(loudest(engine, name) > 0.01 for name in own.stems))
    for name, damage in DAMAGES.items():
        damage(own.session.stem_path(name))
    broken = DAMAGES.keys() - STILL_OPEN
    until(lambda: all(loudest(engine, name) == 0.0 for name in broken))  # they were read a second ahead
    assert all(loudest(engine, name) > 0.01 for name in ("whole", *STILL_OPEN))
    told = [event.text for event in engine.events() if isinstance(event, Notice)]
    assert len(told) == len(broken)
    assert all(any(name in line and "silent" in line for line in told) for name in broken)
    assert engine.restarts == 0
    os.kill(engine.pid, signal.SIGKILL)
    told.clear()

    def all_are_named() -> bool:
        told.extend(event.text for event in engine.events() if isinstance(event, Notice))
        return all(any(f"track {name} is silent" in line for line in told) for name in DAMAGES)

    until(all_are_named)
    until(lambda: loudest(engine, "whole") > 0.01 and all(loudest(engine, name) == 0.0 for name in DAMAGES))
    assert engine.status().playing
    assert engine.restarts == 1


def test_a_session_that_goes_away_is_waited_for(
    own: HostSession, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    """A disk that is pulled out, and put in again."""
    engine = launch(own, transport=Transport(loop=LOOP))
    engine.send(1, Play())
    heard_until(engine, applies(1))
    away = own.folder.with_name("elsewhere")
    own.folder.rename(away)
    time.sleep(0.3)
    assert engine.status().playing
    os.kill(engine.pid, signal.SIGKILL)
    heard = heard_until(engine, notices("is not a session"))
    assert sum(isinstance(event, Died) for event in heard) == 1
    engine.send(2, c.SetGain("bass", -6.0))
    away.rename(own.folder)
    heard_until(engine, applies(2))
    until(lambda: engine.status().playing)


def test_an_engine_without_tracks_comes_back_without_tracks(
    session: HostSession, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    engine = launch(session)
    for number, name in enumerate(session.stems, 1):
        engine.send(number, c.RemoveTrack(name))
    heard_until(engine, applies(len(session.stems)))
    os.kill(engine.pid, signal.SIGKILL)
    heard_until(engine, is_back)
    engine.send(9, c.AddTrack(Track("bass", "bass")))
    heard_until(engine, applies(9))
    engine.send(10, Play())
    until(lambda: loudest(engine, "bass") > 0.01)


def test_a_capture_ends_where_the_disk_does_and_the_show_goes_on(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path
) -> None:
    engine = launch(session, transport=Transport(loop=LOOP))
    resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    engine.capture(tmp_path / "full.wav")
    engine.send(1, Play())
    *before, told = heard_until(engine, notices("full.wav cannot be written"))
    assert CaptureLost(tmp_path / "full.wav") in before
    assert isinstance(told, Notice)
    assert "its first 0.8 s are kept" in told.text
    engine.capture(None)
    assert list(tmp_path.iterdir()) == [tmp_path / "full.wav"]
    assert np.abs(soundfile.read(tmp_path / "full.wav")[0]).max() > 0.01
    assert engine.restarts == 0
    assert engine.status().playing


def test_a_capture_whose_folder_goes_is_lost_and_said_so(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path
) -> None:
    engine = launch(session, transport=Transport(loop=LOOP))
    (tmp_path / "gone").mkdir()
    engine.capture(tmp_path / "gone" / "x.wav")
    engine.send(1, Play())
    heard_until(engine, applies(1))
    time.sleep(0.3)
    shutil.rmtree(tmp_path / "gone")
    engine.capture(None)
    heard_until(engine, notices("nothing of it is kept"))
    assert engine.restarts == 0


def test_a_capture_cut_by_a_crash_is_kept_and_goes_on_under_a_name_that_is_free(
    session: HostSession, launch: Launch, heard_until: HeardUntil, tmp_path: Path, until: Until
) -> None:
    (tmp_path / "heard-2.wav").write_text("an older one")
    engine = launch(session, transport=Transport(loop=LOOP))
    engine.capture(tmp_path / "heard.wav")
    engine.send(1, Play())
    until(lambda: part_of(tmp_path / "heard.wav").exists() and loudest(engine, "bass") > 0.01)
    time.sleep(0.5)
    os.kill(engine.pid, signal.SIGKILL)
    heard_until(engine, notices("heard.wav; the capture goes on in"))
    until(lambda: engine.restarts == 1 and loudest(engine, "bass") > 0.01)
    time.sleep(0.3)
    engine.capture(None)
    until((tmp_path / "heard-3.wav").exists)
    assert (tmp_path / "heard-2.wav").read_text() == "an older one"
    before, after = (soundfile.read(tmp_path / name)[0] for name in ("heard.wav", "heard-3.wav"))
    assert min(np.abs(before).max(), np.abs(after).max()) > 0.01
    assert not list(tmp_path.glob("*.part"))


def test_chains_exchanged_faster_than_a_buffer_goes_by(
    session: HostSession, launch: Launch, heard_until: HeardUntil
) -> None:
    """Each is ready before the render thread has begun the one before."""
    engine = launch(session, buffer=512)
    count = 0
    for turn in range(20):
        for name in session.stems:
            count += 1
            engine.send(count, c.SetChain(name, (Effect("gain", {"gain_db": -1.0}),) if turn % 2 == 0 else ()))
            time.sleep(0.004)
    done = {
        number
        for event in heard_until(engine, applies(count))
        if isinstance(event, Applied)
        for number in event.numbers
    }
    assert done == set(range(1, count + 1))
    assert engine.restarts == 0


def test_what_a_whole_terminal_is_sent_ends_the_engine_through_its_host_only(
    session: HostSession, launch: Launch, heard_until: HeardUntil
) -> None:
    """So that captures are completed, and nothing is restarted that is about to end."""
    engine = launch(session)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(engine.pid, number)
    engine.send(1, c.SetGain("bass", -6.0))
    heard_until(engine, applies(1))
    assert engine.restarts == 0


def test_a_host_that_ends_without_a_word_takes_its_engine_along(session: HostSession) -> None:
    program = f"""
from pathlib import Path
from plugin_host.live.host import EngineHost
from plugin_host.live.messages import Begin, LiveSettings
from plugin_host.mix.state import plain_mix
from plugin_host.mix.transport import Transport

if __name__ == "__main__":
    settings = LiveSettings(Path({str(session.folder)!r}))
    engine = EngineHost(settings, Begin(plain_mix({session.stems!r}), Transport()), {session.frames})
    print(engine.pid)
    raise SystemExit(3)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3
    assert ended.stderr == ""
    assert not Path(f"/proc/{int(ended.stdout)}").exists()


def test_the_desk_knows_that_the_song_has_ended(session: HostSession, launch: Launch, until: Until) -> None:
    """Where it stands, where Play begins then, and where Stop goes back to."""
    mix = plain_mix(session.stems)
    engine = launch(session, mix)
    desk = Desk(engine, mix, frames=session.frames, rate=session.rate)
    desk.start()
    try:
        desk.do(Seek(session.frames - 1_000))
        desk.do(Play())
        until(lambda: not desk.transport.playing)
        assert desk.transport.position == session.frames
        desk.do(Play())
        assert desk.transport.began == 0
        until(lambda: 0 < desk.status().song_frame < session.frames)
        desk.do(Stop())
        until(lambda: not desk.status().playing and desk.status().song_frame == 0)
        assert desk.transport.position == 0
    finally:
        desk.close()


def test_the_desk_knows_where_a_pause_right_after_a_jump_is(session: HostSession, launch: Launch, until: Until) -> None:
    mix = plain_mix(session.stems)
    desk = Desk(launch(session, mix), mix, frames=session.frames, rate=session.rate)
    desk.start()
    try:
        desk.do(Seek(20_000))
        desk.do(Play())
        until(lambda: desk.status().song_frame > 24_000)
        desk.do(Seek(8_000))
        desk.do(Pause())
        until(lambda: not desk.status().playing and desk.status().song_frame < 10_000)
        until(lambda: 8_000 <= desk.transport.position <= desk.status().song_frame)
        desk.do(Play())
        assert 8_000 <= desk.transport.began <= desk.status().song_frame
    finally:
        desk.close()


def test_values_no_fader_has_are_held_or_refused(
    session: HostSession, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    mix = plain_mix(session.stems)
    engine = launch(session, mix, Transport(loop=LOOP))
    desk = Desk(engine, mix, frames=session.frames, rate=session.rate)
    desk.do(Play())
    for value in (math.inf, 1e9, 1e308):
        desk.do(c.SetGain("bass", value))
        assert desk.mix.track("bass").gain_db == 12.0
        desk.do(c.SetMasterGain(value))
    for command in (c.SetGain("bass", math.nan), Seek(math.nan), c.SetPan("bass", math.nan)):
        with pytest.raises(MixError, match="NaN"):
            desk.do(command)
    desk.do(Seek(-5.0))
    assert desk.transport.position == 0
    desk.do(Seek(1e300))
    until(lambda: engine.status().song_frame == session.frames)
    desk.tick()
    desk.do(Play())
    until(lambda: max(engine.status().master.peak) > 0.1)
    assert max(engine.status().master.peak) <= 10 ** (-1 / 20) + 1e-3, "the limiter holds"
    assert engine.restarts == 0
    desk.close()


def test_a_long_name_has_its_meter_and_can_be_blamed(
    session: HostSession, launch: Launch, heard_until: HeardUntil, until: Until
) -> None:
    """As long as a mix file may have it, twice with the same beginning."""
    names = tuple("ä" * 199 + end for end in "ab")
    engine = launch(session, Mix(tuple(Track(name, "bass") for name in names)), Transport(loop=LOOP))
    engine.send(1, Play())
    until(lambda: all(loudest(engine, name) > 0.01 for name in names))
    shared = SharedState()
    try:
        marker = BlameMarker(shared)
        marker(names[1], 0)
        mix = Mix((Track(names[0], "bass"), Track(names[1], "bass", (Effect("gain"),))))
        assert bypass_of(shared.blame, mix) == c.SetEffectBypass(names[1], 0, True)
    finally:
        shared.close()


def test_as_many_tracks_as_a_mix_may_hold_begin_and_play(session: HostSession, launch: Launch, until: Until) -> None:
    names = session.stems
    tracks = tuple(Track(f"track {n}", names[n % len(names)], gain_db=-30.0) for n in range(MAX_TRACKS))
    engine = launch(session, Mix(tracks), Transport(loop=LOOP), buffer=1024, direct="post")
    engine.send(1, Play())
    until(lambda: len(engine.status().tracks) == MAX_TRACKS and loudest(engine, "track 3") > 0.001)
    assert engine.restarts == 0
    desk: Any = Desk(engine, Mix(tracks), frames=session.frames, rate=session.rate)
    with pytest.raises(MixError, match=f"at most {MAX_TRACKS} tracks"):
        desk.do(c.AddTrack(Track("one more", names[0])))
    desk.close()
