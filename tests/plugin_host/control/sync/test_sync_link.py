"""Ableton Link with a second peer in this process; it finds its peers by multicast on every interface there is."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from plugin_host.control.parameters.table import ParameterTable
from plugin_host.control.sync.follower import FollowSettings, SyncFollower
from plugin_host.control.sync.link_peer import LinkPeer
from plugin_host.desk.desk import Desk
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import ControlError
from plugin_host.mix import transport as t
from plugin_host.mix.presets import PresetLibrary, shipped_folder
from plugin_host.mix.state import plain_mix

PATIENCE_SECONDS = 20.0
RATE = 48_000


@pytest.fixture
def desk() -> Desk:
    mix = plain_mix(("vocals",))
    return Desk(SilentEngine(mix, frames=600 * RATE, rate=RATE), mix, frames=600 * RATE, rate=RATE)


@pytest.fixture
def other() -> Iterator[Any]:
    """Another program on the network; skipped where Link is not installed or peers cannot find each other."""
    link = pytest.importorskip("link", reason="needs LinkPython-extern: pip install 'stemrack[link]'")
    peer, probe = link.Link(120.0), link.Link(120.0)
    for each in (peer, probe):
        each.startStopSyncEnabled = True
        each.enabled = True
    until = time.monotonic() + 5.0
    while peer.numPeers() == 0 and time.monotonic() < until:
        time.sleep(0.05)
    found = peer.numPeers() > 0
    probe.enabled = False
    if found:
        yield peer
    peer.enabled = False
    if not found:
        pytest.skip("there is no multicast on this machine")


def wait_until(condition: Callable[[], object], step: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        step()
        time.sleep(0.002)


def test_start_tempo_and_beats_are_shared_both_ways(desk: Desk, other: Any, tmp_path: Path) -> None:
    desk.do_all((t.SetTempo(100.0), t.Seek(12 * RATE)))
    table = ParameterTable(
        desk, PresetLibrary((tmp_path,), shipped_folder(), check_effect), frames=600 * RATE, rate=RATE
    )
    follower = SyncFollower(table.host, lambda: pytest.fail("no MIDI is needed"), FollowSettings())
    with closing(follower):
        follower.follow("link")
        wait_until(lambda: table.host.panel.state.sync_state == "locked", follower.step)
        begun = _say(other, lambda state, now: (state.setTempo(125.0, now), state.setIsPlaying(True, now)))
        wait_until(lambda: desk.transport.playing, follower.step)
        assert desk.transport.speed == pytest.approx(1.25)
        wait_until(lambda: time.monotonic() - begun > 1.5, follower.step)
        beats = _beats(other)
        assert desk.status().song_frame / RATE == pytest.approx(12.0 + beats * 60 / 100, abs=0.05)
        desk.do(t.SetSpeed(0.9))
        wait_until(lambda: other.captureAppSessionState().tempo() == pytest.approx(90.0, abs=0.01), follower.step)
        assert desk.transport.speed == pytest.approx(0.9)
        _say(other, lambda state, now: state.setIsPlaying(False, now))
        wait_until(lambda: not desk.transport.playing, follower.step)
        assert desk.status().song_frame > 12 * RATE


def test_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "link", None)
    with pytest.raises(ControlError, match="pip install 'stemrack\\[link\\]'"):
        LinkPeer(120.0, time.monotonic)


def _say(other: Any, change: Callable[[Any, int], object]) -> float:
    state = other.captureAppSessionState()
    change(state, other.clock().micros())
    other.commitAppSessionState(state)
    return time.monotonic()


def _beats(other: Any) -> float:
    """Since playing began, as the other has it."""
    state = other.captureAppSessionState()
    return float(state.beatAtTime(other.clock().micros(), 4.0) - state.beatAtTime(state.timeForIsPlaying(), 4.0))
