"""In which order changes are carried out, and that none undoes another."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from plugin_host.engine.builder import Builder
from plugin_host.engine.gains import mix_gains
from plugin_host.live.conductor import Conductor
from plugin_host.live.port import Refused
from plugin_host.live.render_loop import Posted
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Effect, Mix, plain_mix
from plugin_host.stems.open_session import HostSession

PATIENCE = 30.0
Conduct = Callable[[Callable[[], bool]], Conductor]


@pytest.fixture
def posted() -> list[Posted]:
    return []


@pytest.fixture
def refused() -> deque[Refused]:
    return deque()


@pytest.fixture
def conduct(session: HostSession, posted: list[Posted], refused: deque[Refused]) -> Iterator[Conduct]:
    """A conductor that builds for real, before a render thread that takes everything."""
    builder, made = Builder(session, session.rate, 256), []

    def make(free: Callable[[], bool]) -> Conductor:
        made.append(Conductor(plain_mix(session.stems), builder, posted.append, free, refused.append))
        return made[-1]

    yield make
    for conductor in made:
        conductor.close()
    builder.close()


def carried_out(posted: list[Posted], until: int) -> Iterator[Posted]:
    """In the render thread's order: what has no time at once, then what has, when it is due."""
    yield from (each for each in posted if each.at is None)
    yield from (each for each in posted if each.at is not None and each.at <= until)


def test_a_hand_on_a_fader_is_not_undone_by_a_take(conduct: Conduct, posted: list[Posted]) -> None:
    """Each change sets all faders: what was handed on for later must not come after what was made of it."""
    conductor = conduct(lambda: True)
    conductor.take([(-1, c.SetGain("bass", -20.0))], at=5_000)
    conductor.take([(1, c.SetGain("vocals", -60.0))])
    *_, last = carried_out(posted, until=10_000)
    np.testing.assert_array_equal(last.change.gains.tracks, mix_gains(conductor.heard).tracks)
    assert conductor.heard.track("vocals").gain_db == -60.0
    conductor.take([(-2, c.SetGain("bass", -30.0))], at=6_000)
    assert [each.at for each in posted] == [5_000, 5_000, 6_000]


def test_an_exchanged_chain_waits_until_it_may_go_and_faders_do_not(conduct: Conduct, posted: list[Posted]) -> None:
    free = [False]
    conductor = conduct(lambda: free[0])
    conductor.take([(1, c.SetChain("vocals", (Effect("gain"),)))])
    conductor.take([(2, c.SetGain("vocals", -6.0))])
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        conductor.advance()
        time.sleep(0.01)
    assert [each.numbers for each in posted] == [(2,)]
    free[0] = True
    until = time.monotonic() + PATIENCE
    while len(posted) < 2 and time.monotonic() < until:
        conductor.advance()
        time.sleep(0.01)
    assert posted[-1].numbers == (1,)
    assert not posted[-1].change.is_light
    np.testing.assert_array_equal(posted[-1].change.gains.tracks, mix_gains(conductor.heard).tracks)


def test_what_cannot_be_built_is_refused_alone(conduct: Conduct, posted: list[Posted], refused: deque[Refused]) -> None:
    conductor = conduct(lambda: True)
    commands = [
        (1, c.SetChain("vocals", (Effect("vst3", plugin_path="/nowhere.vst3"),))),
        (2, c.SetChain("bass", (Effect("gain"),))),
        (3, c.SetGain("cowbell", 0.0)),
    ]
    conductor.take(commands)
    until = time.monotonic() + PATIENCE
    while not conductor.idle and time.monotonic() < until:
        conductor.advance()
        time.sleep(0.01)
    assert {each.number for each in refused} == {1, 3}
    assert [number for each in posted for number in each.numbers] == [2]


def test_faders_that_move_while_mixes_are_built_are_where_the_last_word_left_them(
    conduct: Conduct, posted: list[Posted], refused: deque[Refused]
) -> None:
    """Heard at once, and told of when it is certain: what a mix sets after them, and what they set after the mix."""
    free = [False]
    conductor = conduct(lambda: free[0])
    first, second = (
        Mix(tuple(replace(track, chain=(Effect(kind),)) for track in conductor.heard.tracks))
        for kind in ("gain", "distortion")
    )
    conductor.take([(1, c.ReplaceMix(first))])
    conductor.take([(2, c.SetGain("bass", -20.0)), (3, c.SetGain("drums", -30.0))])
    assert [each.change.gains.tracks.tolist() for each in posted] == [mix_gains(conductor.heard).tracks.tolist()]
    assert conductor.heard.track("bass").gain_db == -20.0
    conductor.take([(4, c.ReplaceMix(second)), (5, c.SetGain("drums", -7.0)), (6, c.SetGain("cowbell", 0.0))])
    free[0] = True
    until = time.monotonic() + PATIENCE
    while not conductor.idle and time.monotonic() < until:
        conductor.advance()
        time.sleep(0.01)
    assert [number for each in posted for number in each.numbers] == [1, 2, 3, 4, 5]
    assert [each.number for each in refused] == [6]
    assert conductor.heard == apply(second, c.SetGain("drums", -7.0))
    np.testing.assert_array_equal(posted[-1].change.gains.tracks, mix_gains(conductor.heard).tracks)


def test_the_limiter_is_as_it_was_asked_for_last(conduct: Conduct, posted: list[Posted]) -> None:
    """Although what was asked for last is what is heard, so that nothing would have to be built for it."""
    free = [False]
    conductor = conduct(lambda: free[0])
    before = conductor.heard
    conductor.take([(1, c.SetLimiter(True, -6.0))])
    conductor.take([(2, c.SetLimiter(True, -1.0))])
    conductor.take([(3, c.SetLimiter(True, -9.0)), (4, c.ReplaceMix(before))])
    free[0] = True
    until = time.monotonic() + PATIENCE
    while not conductor.idle and time.monotonic() < until:
        conductor.advance()
        time.sleep(0.01)
    assert [number for each in posted for number in each.numbers] == [1, 2, 3, 4]
    assert conductor.heard == before
