"""What lies between two mixes."""

from dataclasses import replace

import numpy as np
import pytest

from plugin_host.engine.changes import ChangePlan, ParamMove, light_change, plan_change
from plugin_host.errors import EffectError
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Effect, Mix, Track

LEAD = Track("Lead", "vocals", (Effect("compressor"), Effect("reverb", wet=0.5)))
PITCHED = Track("Pitched", "other", (Effect("pitch_shift", {"semitones": 2.0}), Effect("gain")))
MIX = Mix((LEAD, PITCHED, Track("Bass", "bass")))
BUILD_LEAD = ChangePlan(rebuild=("Lead",))


@pytest.mark.parametrize(
    ("command", "plan"),
    [
        (c.SetGain("Lead", 0.0), ChangePlan()),
        (c.SetGain("Lead", -3.0), ChangePlan(gains=True)),
        (c.SetSend("Bass", 1, -10.0), ChangePlan(gains=True)),
        (c.SetAuxMute(0, True), ChangePlan(gains=True)),
        (c.SetMasterGain(-1.0), ChangePlan(gains=True)),
        (c.SetGroup("Bass", "rhythm"), ChangePlan(gains=True)),
        (c.MoveTrack("Bass", 0), ChangePlan(gains=True)),
        (c.SetEffectParam("Lead", 0, "ratio", 4.0), ChangePlan(moves=(ParamMove("Lead", (0,), "ratio", 4.0),))),
        (c.SetEffectWet("Lead", 1, 0.7), ChangePlan(moves=(ParamMove("Lead", (1,), "", 0.7),))),
        (
            c.SetEffectParam(c.Bus.AUX_1, 0, "damping", 0.1),
            ChangePlan(moves=(ParamMove(c.Bus.AUX_1, (0,), "damping", 0.1),)),
        ),
        (
            c.SetEffectParam("Pitched", 1, "gain_db", 4.0),
            ChangePlan(moves=(ParamMove("Pitched", (1,), "gain_db", 4.0),)),
        ),
        (c.SetEffectParam("Pitched", 0, "semitones", 3.0), ChangePlan(rebuild=("Pitched",), reread=("Pitched",))),
        (c.SetEffectParam(c.Bus.AUX_2, 0, "delay_seconds", 0.2), ChangePlan(rebuild=(c.Bus.AUX_2,))),
        (c.SetEffectBypass("Lead", 0, True), BUILD_LEAD),
        (c.MoveEffect("Lead", 0, 1), BUILD_LEAD),
        (c.RemoveEffect("Lead", 0), BUILD_LEAD),
        (c.AddEffect(c.MASTER, Effect("chorus")), ChangePlan(rebuild=(c.MASTER,))),
        (c.SetLimiter(False), ChangePlan(limiter=True)),
        (c.SetLimiter(True, -2.0), ChangePlan(limiter=True)),
        (c.AddTrack(Track("More", "drums")), ChangePlan(gains=True, added=("More",))),
        (c.RemoveTrack("Lead"), ChangePlan(gains=True, removed=("Lead",))),
        (c.RenameTrack("Bass", "Low"), ChangePlan(gains=True, added=("Low",), removed=("Bass",))),
    ],
    ids=lambda part: type(part).__name__ if not isinstance(part, ChangePlan) else "",
)
def test_every_command_has_its_plan(command: c.Command, plan: ChangePlan) -> None:
    found = plan_change(MIX, apply(MIX, command))
    assert found == plan
    assert found.is_light == (not (plan.rebuild or plan.added or plan.removed or plan.limiter))


def test_a_track_with_another_stem_is_built_anew_and_read_anew() -> None:
    new = replace(MIX, tracks=(replace(LEAD, stem="drums"), *MIX.tracks[1:]))
    assert plan_change(MIX, new) == ChangePlan(rebuild=("Lead",), reread=("Lead",))


def test_a_value_out_of_range_names_the_track() -> None:
    with pytest.raises(EffectError, match="track Lead: compressor: ratio is 1e"):
        plan_change(MIX, apply(MIX, c.SetEffectParam("Lead", 0, "ratio", 1e9)))


def test_what_is_built_for_an_older_mix_arrives_at_the_newer_faders() -> None:
    change = light_change(MIX, apply(MIX, c.SetGain("Bass", -6.0)))
    newer = change.at_levels_of(apply(MIX, c.SetMute("Bass", True)))
    assert change.gains.tracks[2, 0] == pytest.approx(0.501, abs=1e-3)
    assert np.array_equal(newer.gains.tracks[2], [0.0, 0.0])
    assert newer.plan.gains
    assert newer.is_light
