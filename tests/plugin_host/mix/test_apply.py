"""`apply`: pure, exact, clamped where a knob overshoots, refusing where only a mistake is possible."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.errors import MixError
from plugin_host.mix import apply as apply_module
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply, chain_of
from plugin_host.mix.limits import MAX_BRANCH_DEPTH, MAX_EFFECTS, MAX_TRACKS
from plugin_host.mix.scenes import MasterScene, Scene, TrackScene
from plugin_host.mix.state import Chain, Effect, Mix, Track, is_audible, plain_mix, track_gain_db

COMPRESSOR, DELAY, REVERB = Effect("compressor"), Effect("delay"), Effect("reverb")
PARALLEL = Effect("parallel", branches=((), (DELAY, REVERB)))


@pytest.fixture
def mix() -> Mix:
    mix = plain_mix(("drums", "bass", "vocals"))
    mix = apply(mix, c.SetChain("vocals", (COMPRESSOR, PARALLEL)))
    return apply(mix, c.SetGroup("drums", "band"))


COMMANDS: tuple[c.Command, ...] = (
    c.SetGain("bass", -3.0),
    c.SetPan("bass", -0.5),
    c.SetMute("bass", True),
    c.SetSolo("bass", True),
    c.ClearSolo(),
    c.SetInvert("bass", True),
    c.SetSend("bass", 1, -6.0),
    c.SetGroup("bass", "band"),
    c.SetGroupGain("band", -3.0),
    c.SetGroupMute("band", True),
    c.SetGroupSolo("band", True),
    c.RemoveGroup("band"),
    c.SetAuxGain(0, -3.0),
    c.SetAuxMute(1, True),
    c.SetChain("bass", (DELAY,)),
    c.AddEffect("bass", DELAY),
    c.RemoveEffect("vocals", 0),
    c.MoveEffect("vocals", 0, 1),
    c.SetEffectParam("vocals", 0, "threshold_db", -20.0),
    c.SetEffectBypass("vocals", 0, True),
    c.SetEffectWet("vocals", 0, 0.4),
    c.AddTrack(Track("double", "vocals")),
    c.RemoveTrack("bass"),
    c.RenameTrack("bass", "low"),
    c.MoveTrack("vocals", 0),
    c.SetMasterGain(-1.0),
    c.SetChain(c.MASTER, (COMPRESSOR,)),
    c.SetLimiter(False, -3.0),
    c.RecallScene(Scene("s", "p", tracks={"*": TrackScene(gain_db=-6.0)}, master=MasterScene(gain_db=-2.0))),
    c.ReplaceMix(plain_mix(("other",))),
)


def test_every_command_is_tried_here_and_can_be_carried_out() -> None:
    assert {type(command) for command in COMMANDS} == set(get_args(c.Command))
    assert set(get_args(c.Command)) == set(apply_module._changed.registry) - {object}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_changes_the_mix_but_not_the_mix_given(mix: Mix, command: c.Command) -> None:
    mix = apply(mix, c.SetSolo("drums", True))  # so that ClearSolo has something to clear
    before = repr(mix)
    after = apply(mix, command)
    assert after != mix
    assert repr(mix) == before
    assert apply(mix, command) == after


@given(gain=st.floats(allow_nan=False), pan=st.floats(allow_nan=False), wet=st.floats(allow_nan=False))
def test_overshoot_is_held_at_the_end_of_the_range(gain: float, pan: float, wet: float) -> None:
    mix = apply(plain_mix(("drums",)), c.AddEffect("drums", DELAY))
    for command in (
        c.SetGain("drums", gain),
        c.SetPan("drums", pan),
        c.SetEffectWet("drums", 0, wet),
        c.SetMasterGain(gain),
        c.SetLimiter(True, gain),
    ):
        mix = apply(mix, command)
    track = mix.track("drums")
    assert track.gain_db == mix.master.gain_db == min(gain, 12.0)
    assert track.pan == max(-1.0, min(pan, 1.0))
    assert track.chain[0].wet == max(0.0, min(wet, 1.0))
    assert mix.master.ceiling_db == max(-24.0, min(gain, 0.0))


@pytest.mark.parametrize(
    "command",
    [
        c.SetGain("vocals", math.nan),
        c.SetPan("vocals", math.nan),
        c.SetMasterGain(math.nan),
        c.SetLimiter(True, math.nan),
        c.SetEffectWet("vocals", 0, math.nan),
        c.SetEffectParam("vocals", 0, "threshold_db", math.nan),
    ],
    ids=repr,
)
def test_nan_is_refused(mix: Mix, command: c.Command) -> None:
    with pytest.raises(MixError, match="NaN"):
        apply(mix, command)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (c.SetGain("vocal", 0.0), "no track 'vocal': there are drums, bass, vocals"),
        (c.RemoveEffect("vocals", 2), "no effect at place 2: there are 0 compressor, 1 parallel"),
        (c.RemoveEffect("bass", 0), "there are none"),
        (c.RemoveEffect("vocals", -1), "no effect at place -1"),
        (c.RemoveEffect("vocals", (1, 2, 0)), "parallel has no branch 2: it has 2"),
        (c.RemoveEffect("vocals", (0, 0, 0)), "compressor has no branch 0"),
        (c.RemoveEffect("vocals", (1, 1)), "effect place 1/1"),
        (c.RemoveEffect("vocals", ()), "effect place"),
        (c.AddEffect("vocals", DELAY, 3), "no place 3 in a chain of 2: give 0 to 2"),
        (c.MoveEffect("vocals", 0, 2), "no effect at place 2"),
        (c.AddTrack(Track("drums", "drums")), "two tracks are called 'drums'"),
        (c.AddTrack(Track("x", "drums"), 9), "no place 9 among 3 tracks"),
        (c.RenameTrack("bass", "drums"), "two tracks are called 'drums'"),
        (c.RenameTrack("bass", "  "), "new name is empty"),
        (c.MoveTrack("bass", 3), "no place 3 among 3 tracks: give 0 to 2"),
        (c.SetChain("bass", (DELAY,) * (MAX_EFFECTS + 1)), "effects in one chain"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_one_line_that_names_it(mix: Mix, command: c.Command, said: str) -> None:
    with pytest.raises(MixError) as caught:
        apply(mix, command)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_places_inside_branches_are_reached(mix: Mix) -> None:
    mix = apply(mix, c.SetEffectParam("vocals", (1, 1, 0), "feedback", 0.3))
    mix = apply(mix, c.AddEffect("vocals", COMPRESSOR, (1, 0, 0)))
    mix = apply(mix, c.MoveEffect("vocals", (1, 1, 0), 1))
    first, second = mix.track("vocals").chain[1].branches
    assert [effect.kind for effect in first] == ["compressor"]
    assert [effect.kind for effect in second] == ["reverb", "delay"]
    assert second[1].params == {"feedback": 0.3}


def test_the_masters_chain_takes_the_same_commands_and_is_not_a_track_called_master(mix: Mix) -> None:
    mix = apply(mix, c.AddTrack(Track("master", "drums")))
    mix = apply(mix, c.AddEffect(c.MASTER, COMPRESSOR))
    mix = apply(mix, c.SetEffectBypass(c.MASTER, 0, True))
    assert mix.master.chain == (Effect("compressor", bypass=True),)
    assert mix.track("master").chain == ()


@given(data=st.data(), count=st.integers(1, 8))
def test_moving_an_effect_keeps_the_others_in_order(data: st.DataObject, count: int) -> None:
    chain: Chain = tuple(Effect(f"e{i}") for i in range(count))
    start, end = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    moved = apply(apply(plain_mix(("a",)), c.SetChain("a", chain)), c.MoveEffect("a", start, end)).track("a").chain
    assert moved[end] == chain[start]
    assert [e for e in moved if e != chain[start]] == [e for e in chain if e != chain[start]]


def test_too_deep_branches_and_too_many_tracks_are_refused(mix: Mix) -> None:
    effect = DELAY
    for _ in range(MAX_BRANCH_DEPTH):
        effect = Effect("parallel", branches=((effect,),))
    apply(mix, c.AddEffect("bass", effect))
    with pytest.raises(MixError, match="nested deeper"):
        apply(mix, c.AddEffect("bass", Effect("parallel", branches=((effect,),))))
    full = Mix(tuple(Track(f"t{i}", "drums") for i in range(MAX_TRACKS)))
    with pytest.raises(MixError, match="at most"):
        apply(full, c.AddTrack(Track("one more", "drums")))


def test_a_group_rides_mutes_and_solos_its_tracks(mix: Mix) -> None:
    mix = apply(apply(mix, c.SetGroup("bass", "band")), c.SetGroupGain("band", -6.0))
    assert track_gain_db(mix.track("bass"), mix) == -6.0
    assert track_gain_db(apply(mix, c.SetGain("bass", 12.0)).track("bass"), mix) == 6.0
    muted = apply(mix, c.SetGroupMute("band", True))
    assert [is_audible(track, muted) for track in muted.tracks] == [False, False, True]
    soloed = apply(mix, c.SetGroupSolo("band", True))
    assert [is_audible(track, soloed) for track in soloed.tracks] == [True, True, False]
    assert apply(soloed, c.ClearSolo()) == mix


def test_a_removed_group_leaves_its_tracks(mix: Mix) -> None:
    mix = apply(mix, c.RemoveGroup("band"))
    assert mix.groups == ()
    assert mix.track("drums").group == ""


def test_an_aux_bus_that_is_not_there_is_refused(mix: Mix) -> None:
    for command in (c.SetSend("bass", 2, 0.0), c.SetAuxGain(-1, 0.0), c.SetAuxMute(2, True)):
        with pytest.raises(MixError, match="give 1 to 2"):
            apply(mix, command)


def test_a_bus_has_a_chain_as_a_track_has(mix: Mix) -> None:
    for bus in c.Bus:
        edited = apply(apply(mix, c.SetChain(bus, ())), c.AddEffect(bus, DELAY))
        assert chain_of(edited, bus) == (DELAY,)
        assert [chain_of(edited, track.name) for track in mix.tracks] == [track.chain for track in mix.tracks]
