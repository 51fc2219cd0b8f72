"""Scenes recalled over time: only what differs moves, evenly, in the right order, and gives way to a hand."""

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.desk import events as e
from plugin_host.desk.checked import checked_apply
from plugin_host.desk.morph import Morph
from plugin_host.effects.catalogue import check_effect
from plugin_host.errors import MixError
from plugin_host.mix import commands as c
from plugin_host.mix.scenes import MasterScene, Scene, TrackScene
from plugin_host.mix.state import SILENCE_DB, Aux, Effect, Group, Master, Mix, Track, is_audible

Rig = Any  # the conftest's

GAINS = st.one_of(st.floats(-70, 12), st.just(SILENCE_DB))
CHAINS = st.lists(
    st.one_of(
        st.builds(
            lambda v, w: Effect("peak_filter", {"cutoff_frequency_hz": v}, wet=w), st.floats(20, 2e4), st.floats(0, 1)
        ),
        st.builds(lambda v, b: Effect("delay", {"delay_seconds": v}, bypass=b), st.floats(0, 5), st.booleans()),
        st.builds(lambda v: Effect("noise_gate", {"threshold_db": v}), st.floats(-100, 0)),
    ),
    max_size=2,
).map(tuple)


@st.composite
def mixes(draw: st.DrawFn) -> Mix:
    """Mixes that all have the same tracks and groups."""
    flags = st.booleans()
    tracks = tuple(
        Track(
            name,
            name,
            draw(CHAINS),
            draw(GAINS),
            draw(st.floats(-1, 1)),
            draw(flags),
            draw(flags),
            draw(flags),
            draw(st.sampled_from(["", "band"])),
            (draw(GAINS), draw(GAINS)),
        )
        for name in ("a", "b", "c")
    )
    auxes = tuple(Aux(name, draw(CHAINS), draw(GAINS), draw(flags)) for name in ("room", "echo"))
    master = Master(draw(CHAINS), draw(GAINS), draw(flags), draw(st.floats(-24, 0)))
    return Mix(tracks, master, (Group("band", draw(GAINS), draw(flags), draw(flags)),), auxes)


def begun(old: Mix, new: Mix) -> tuple[Morph, list[c.Command]]:
    """A morph of a second that has its chains, and what it did so far."""
    morph = Morph(old, new, 1.0)
    return morph, [*([morph.new_chains] if morph.new_chains else []), *morph.begin(0.0)]


@settings(max_examples=80, deadline=None)
@given(mixes(), mixes())
def test_a_morph_ends_in_the_other_mix(old: Mix, new: Mix) -> None:
    (morph, commands), mix = begun(old, new), old
    for step in range(1, 6):
        moves, last = morph.step(step / 5)
        commands += moves
        assert last == (step == 5)
    for command in commands:
        mix = checked_apply(mix, command, check_effect)
    assert not any(isinstance(command, c.ReplaceMix) for command in commands)
    if not new.master.limiter:  # nobody sees the ceiling of a limiter that is off on both sides
        mix = replace(mix, master=replace(mix.master, ceiling_db=new.master.ceiling_db))
    assert mix == new


@settings(max_examples=40, deadline=None)
@given(mixes(), mixes())
def test_what_is_heard_before_or_after_is_heard_on_the_way(old: Mix, new: Mix) -> None:
    (morph, commands), mix = begun(old, new), old
    heard = [track.name for track in old.tracks if is_audible(track, old) or is_audible(new.track(track.name), new)]
    if any(track.group != new.track(track.name).group for track in old.tracks):
        return  # a track that changes its group takes over that group's switches at once
    for command in (*commands, *morph.step(0.5)[0]):
        mix = checked_apply(mix, command, check_effect)
    assert all(is_audible(mix.track(name), mix) for name in heard)


@settings(max_examples=40, deadline=None)
@given(mixes())
def test_nothing_moves_where_nothing_differs(mix: Mix) -> None:
    morph, commands = begun(mix, mix)
    assert commands == []
    assert morph.step(1.0) == ((), True)


def test_faders_move_evenly_and_mutes_come_last(plain_rig: Rig) -> None:
    scene = Scene("quiet", "…", tracks={"vocals": TrackScene(gain_db=-10.0), "drums": TrackScene(mute=True)})
    plain_rig.desk.recall(scene, 1.0, "tablet")
    plain_rig.run(1.04)
    moves = plain_rig.all_told(e.MixChanged)
    gains = [move.command.gain_db for move in moves if isinstance(move.command, c.SetGain)]
    assert 49 <= len(gains) <= 51
    assert gains[-1] == -10.0
    steps = [before - after for before, after in itertools.pairwise(gains)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-6)
    assert moves[-1].command == c.SetMute("drums", True)
    assert plain_rig.all_told(e.SceneRecalled) == [e.SceneRecalled("quiet", 1.0, "tablet")]
    count = len(plain_rig.told)
    plain_rig.run(1.0)
    assert len(plain_rig.told) == count


def test_a_hand_on_a_fader_wins(plain_rig: Rig) -> None:
    scene = Scene("low", "…", tracks={"*": TrackScene(gain_db=-10.0)})
    plain_rig.desk.recall(scene, 1.0)
    plain_rig.run(0.5)
    plain_rig.desk.do(c.SetGain("vocals", 3.0), "hand")
    plain_rig.desk.do(c.RenameTrack("drums", "kit"))
    plain_rig.run(1.0)
    assert plain_rig.desk.mix.track("vocals").gain_db == 3.0
    assert -6.0 < plain_rig.desk.mix.track("kit").gain_db < -4.0


def test_a_newer_recall_ends_an_older(plain_rig: Rig) -> None:
    plain_rig.desk.recall(Scene("low", "…", tracks={"*": TrackScene(gain_db=-10.0)}), 1.0)
    plain_rig.run(0.5)
    plain_rig.desk.recall(Scene("left", "…", tracks={"drums": TrackScene(pan=-1.0)}), 0.2)
    plain_rig.run(2.0)
    assert plain_rig.desk.mix.track("drums").pan == -1.0
    assert plain_rig.desk.mix.track("drums").gain_db == pytest.approx(-5.0, abs=0.5)


def test_a_limiter_switched_off_by_hand_stays_off(plain_rig: Rig) -> None:
    plain_rig.desk.recall(Scene("loud", "…", master=MasterScene(ceiling_db=-6.0)), 1.0)
    plain_rig.run(0.5)
    plain_rig.desk.do(c.SetLimiter(False))
    plain_rig.run(1.0)
    assert not plain_rig.desk.mix.master.limiter


def test_from_and_to_silence(plain_rig: Rig) -> None:
    plain_rig.desk.do(c.SetGain("vocals", SILENCE_DB))
    plain_rig.desk.recall(
        Scene("swap", "…", tracks={"vocals": TrackScene(gain_db=0.0), "drums": TrackScene(gain_db=SILENCE_DB)}), 1.0
    )
    plain_rig.run(0.5)
    assert all(-45.0 < track.gain_db < -35.0 for track in plain_rig.desk.mix.tracks)
    plain_rig.run(0.6)
    assert [track.gain_db for track in plain_rig.desk.mix.tracks] == [0.0, SILENCE_DB]


def test_knobs_turn_and_other_chains_switch_at_once(rig: Rig) -> None:
    turned = (Effect("compressor", {"threshold_db": -30.0, "attack_ms": 40.0}), rig.desk.mix.track("vocals").chain[1])
    scene = Scene("s", "…", tracks={"vocals": TrackScene(chain=turned), "bass": TrackScene(chain=(Effect("chorus"),))})
    rig.desk.recall(scene, 1.0)
    assert rig.desk.mix.track("bass").chain == (Effect("chorus"),)
    rig.run()  # the chains are there
    rig.run(0.5)
    params = rig.desk.mix.track("vocals").chain[0].params
    assert params["threshold_db"] == pytest.approx(-24.0)
    assert params["attack_ms"] == pytest.approx(20.0)  # halfway by ratio
    rig.run(0.6)
    assert rig.desk.mix.track("vocals").chain == turned


def test_a_morph_waits_for_its_chains_and_a_hand_meanwhile_wins(
    plain_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = TrackScene(chain=(Effect("chorus"),), gain_db=-10.0)
    plain_rig.desk.do(c.SetMute("drums", True))
    plain_rig.desk.do(c.SetSolo("vocals", True))
    plain_rig.run()
    plain_rig.desk.recall(
        Scene("s", "…", tracks={"vocals": entry, "drums": TrackScene(mute=False, gain_db=-10.0, solo=True)}), 1.0
    )
    plain_rig.told.clear()
    with monkeypatch.context() as late:
        late.setattr(plain_rig.engine, "events", list)  # it is still at work on them
        plain_rig.run(1.5)
    first, *moved = plain_rig.all_told(e.MixChanged)
    assert isinstance(first.command, c.RecallScene)
    assert moved == []
    plain_rig.desk.do(c.SetGain("vocals", 3.0), "hand")
    plain_rig.desk.do(c.SetMute("drums", True), "hand")
    plain_rig.desk.do(c.ClearSolo(), "hand")
    plain_rig.run(0.5)
    assert -6.0 < plain_rig.desk.mix.track("drums").gain_db < -4.0
    plain_rig.run(1.0)
    vocals, drums = plain_rig.desk.mix.tracks
    assert (vocals.gain_db, vocals.chain, drums.gain_db, drums.mute) == (3.0, entry.chain, -10.0, True)
    assert not any(track.solo for track in plain_rig.desk.mix.tracks)


def test_a_whole_mix_ends_a_morph_that_waits(plain_rig: Rig) -> None:
    scene = Scene("s", "…", tracks={"*": TrackScene(chain=(Effect("chorus"),), gain_db=-10.0)})
    plain_rig.desk.recall(scene, 1.0)
    plain_rig.desk.recall(Scene("left", "…", tracks={"drums": TrackScene(pan=-1.0)}))
    plain_rig.run(1.5)
    assert [(track.gain_db, track.pan) for track in plain_rig.desk.mix.tracks] == [(0.0, 0.0), (0.0, -1.0)]


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf, 601.0])
def test_impossible_morph_times(plain_rig: Rig, seconds: float) -> None:
    with pytest.raises(MixError, match="morph"):
        plain_rig.desk.recall(Scene("x", "…", tracks={"*": TrackScene(gain_db=-10.0)}), seconds)
    assert plain_rig.desk.mix.track("vocals").gain_db == 0.0
