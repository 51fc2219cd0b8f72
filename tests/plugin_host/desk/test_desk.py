"""The desk: what it accepts, what it tells, and that it ends up where the engine is."""

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.desk import events as e
from plugin_host.desk.desk import Desk
from plugin_host.desk.ledger import MOST_OPEN, Ledger
from plugin_host.desk.silent_engine import SilentEngine
from plugin_host.errors import EffectError, HostError, MixError
from plugin_host.live import port
from plugin_host.mix import commands as c
from plugin_host.mix import transport as t
from plugin_host.mix.apply import apply
from plugin_host.mix.scenes import Scene, TrackScene
from plugin_host.mix.state import Mix, plain_mix

Rig = Any  # the conftest's


def test_a_command_reaches_engine_and_listeners(rig: Rig) -> None:
    rig.desk.do(c.SetGain("vocals", -6.0), origin="tablet")
    rig.run()
    assert rig.desk.mix.track("vocals").gain_db == rig.engine.mix.track("vocals").gain_db == -6.0
    assert rig.told == [e.MixChanged(c.SetGain("vocals", -6.0), rig.desk.mix, "tablet")]


@pytest.mark.parametrize(
    "command",
    [
        c.SetGain("nobody", 0.0),
        c.SetGain("vocals", math.nan),
        c.SetEffectParam("vocals", 0, "threshold_db", 1e9),
        c.SetEffectParam("vocals", 0, "no_such", 1.0),
        t.Seek(math.nan),
        t.SetLoop(5, 10),
        t.RemoveMarker("nowhere"),
    ],
)
def test_what_does_not_fit_changes_nothing(rig: Rig, command: port.EngineCommand) -> None:
    before = rig.desk.mix, rig.desk.transport
    with pytest.raises((MixError, EffectError)):
        rig.desk.do(command)
    rig.run()
    assert (rig.desk.mix, rig.desk.transport) == before
    assert rig.told == []
    assert rig.engine.mix == before[0]


def test_transport_runs_by_the_clock(rig: Rig) -> None:
    rig.desk.do(t.Play())
    rig.run(1.0)
    assert rig.desk.status().song_frame == 48_000
    rig.desk.do(t.Pause())
    rig.run(1.0)
    assert rig.desk.transport.position == rig.desk.status().song_frame == 48_000
    rig.desk.do(t.Seek(9.5 * 48_000))
    rig.desk.do(t.Play())
    rig.run(1.0)
    assert not rig.desk.transport.playing
    assert rig.desk.transport.position == 480_000
    assert rig.all_told(e.TransportChanged)[-1] == e.TransportChanged(None, rig.desk.transport)


def test_loop_and_reference(rig: Rig) -> None:
    rig.desk.do(t.SetLoop(0, 48_000))
    rig.desk.do(t.Play())
    rig.desk.do(port.SetReference(True))
    rig.run(2.5)
    assert rig.desk.status().song_frame == 24_000
    assert rig.desk.reference
    assert rig.desk.status().reference


class StubbornEngine(SilentEngine):
    """Refuses what concerns the bass, and answers only when asked to."""

    def __init__(self, mix: Mix) -> None:
        super().__init__(mix, frames=1000, rate=48_000, clock=lambda: 0.0)
        self.sent: list[tuple[int, port.EngineCommand]] = []
        self.news: list[port.EngineEvent] = []

    def send(self, number: int, command: port.EngineCommand) -> None:
        self.sent.append((number, command))

    def answer(self) -> None:
        for number, command in self.sent:
            try:
                if getattr(command, "track", "") == "bass":
                    raise MixError("the bass stays as it is")
                self.mix = apply(self.mix, command)  # type: ignore[arg-type]  # only mix commands are sent here
                self.news.append(port.Applied((number,), 0, 0))
            except HostError as error:
                self.news.append(port.Refused(number, str(error)))
        self.sent.clear()

    def events(self) -> list[port.EngineEvent]:
        news, self.news = self.news, []
        return news


MOVES = st.one_of(
    st.builds(c.SetGain, st.sampled_from(["vocals", "bass"]), st.integers(-20, 0).map(float)),
    st.builds(c.RenameTrack, st.sampled_from(["vocals", "bass", "x"]), st.sampled_from(["vocals", "x", "y"])),
    st.builds(c.SetMute, st.sampled_from(["vocals", "bass", "x"]), st.booleans()),
    st.none(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(MOVES, max_size=20))
def test_after_refusals_the_desk_shows_what_the_engine_has(moves: list[c.Command | None]) -> None:
    engine = StubbornEngine(plain_mix(("vocals", "bass")))
    desk = Desk(engine, engine.mix, frames=1000, rate=48_000)
    for move in (*moves, None):
        if move is None:
            engine.answer()
            desk.tick()
            assert desk.mix == engine.mix
            continue
        try:
            desk.do(move)
        except MixError:
            continue
    assert desk.mix == engine.mix


def test_refused_speed_is_taken_back(mix: Mix) -> None:
    engine = StubbornEngine(mix)
    desk = Desk(engine, mix, frames=1000, rate=48_000)
    heard = desk.subscribe()
    desk.do(t.SetSpeed(0.5))
    engine.news.append(port.Refused(engine.sent[-1][0], "install python-stretch"))
    desk.tick()
    assert desk.transport.speed == 1.0
    assert e.DeskWarning("install python-stretch") in heard.drain()


def test_death_and_return_are_told_and_open_requests_stay_open(mix: Mix) -> None:
    engine = StubbornEngine(mix)
    desk = Desk(engine, mix, frames=1000, rate=48_000)
    heard = desk.subscribe()
    desk.do(c.SetGain("drums", -3.0))
    bypass = c.SetEffectBypass("vocals", 0, True)
    engine.news += [port.Died("the engine ended", "compressor"), port.Back("compressor", bypass)]
    engine.mix = apply(engine.mix, bypass)
    desk.tick()
    assert desk.mix.track("vocals").chain[0].bypass
    assert desk.mix.track("drums").gain_db == -3.0
    engine.answer()  # what was open is sent again to the new engine
    desk.tick()
    assert desk.mix == engine.mix
    told = heard.drain()
    assert e.EngineDied("the engine ended", "compressor") in told
    assert e.EngineBack("compressor") in told
    assert any(isinstance(event, e.MixChanged) and event.command == bypass for event in told)


def test_an_engine_that_never_answers_costs_no_memory_without_end() -> None:
    ledger: Ledger[int, int] = Ledger(0, lambda state, request: state + request)
    for number in range(MOST_OPEN + 10):
        ledger.ask(number, 1, ledger.tried(1))
    assert ledger.confirmed >= MOST_OPEN
    assert ledger.refused(5) is None


def test_a_slow_listener_loses_the_oldest_and_is_told(rig: Rig) -> None:
    with rig.desk.subscribe(size=10) as slow:
        for step in range(25):
            rig.desk.do(c.SetGain("vocals", -float(step)))
        told = slow.drain()
    assert told[0] == e.EventsLost(15)
    assert [event.command.gain_db for event in told[1:]] == [-float(step) for step in range(15, 25)]
    rig.desk.do(c.SetGain("vocals", 0.0))
    assert slow.drain() == []


def test_many_threads_and_the_desks_own(mix: Mix) -> None:
    engine = SilentEngine(mix, frames=480_000, rate=48_000)
    desk = Desk(engine, mix, frames=480_000, rate=48_000)
    desk.start()
    try:
        threads = [threading.Thread(target=_turn, args=(desk, name)) for name in ("vocals", "drums", "bass")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        desk.close()
    assert desk.mix == engine.mix
    assert {track.gain_db for track in desk.mix.tracks} == {-19.9}
    assert not any(thread.name == "desk" for thread in threading.enumerate())


def _turn(desk: Desk, name: str) -> None:
    for step in range(200):
        desk.do(c.SetGain(name, -step / 10))


def test_a_scene_that_does_not_fit_changes_nothing(rig: Rig) -> None:
    scene = Scene("strings up", "…", tracks={"vocals": TrackScene(gain_db=-3.0)}, needs=("guitar",))
    with pytest.raises(MixError, match="guitar"):
        rig.desk.recall(scene, 2.0)
    rig.run(1.0)
    assert rig.told == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.floats(0, 20), st.just(None)), max_size=12))
def test_silent_engine_and_desk_agree_on_the_place(rig_of: Callable[[Mix], Rig], moves: list[float | None]) -> None:
    """Seeks, pauses and time: the position the desk shows after a stop is the engine's."""
    rig = rig_of(plain_mix(("vocals",)))
    for move in moves:
        rig.desk.do(t.Play() if move is None else t.Seek(move * 48_000))
        rig.run(0.1)
        rig.desk.do(t.Pause())
        rig.run()
        assert rig.desk.transport == rig.engine.transport


def test_commands_done_together_are_one_change_or_none(rig: Rig) -> None:
    before = rig.desk.mix
    with pytest.raises(MixError, match="cowbell"):
        rig.desk.do_all([c.SetGain("drums", -3.0), t.Seek(100), c.SetGain("cowbell", 0.0)])
    assert rig.desk.mix == before
    assert rig.desk.transport.position == 0
    rig.desk.do_all([c.SetGain("drums", -3.0), t.Seek(100), c.SetMute("drums", True)], "osc")
    assert rig.desk.mix.track("drums").gain_db == -3.0
    assert rig.desk.mix.track("drums").mute
    assert rig.desk.transport.position == 100
