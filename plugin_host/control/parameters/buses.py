"""What can be set on groups, aux buses and the master."""

from plugin_host.control.parameters.control import Control, in_all_forms
from plugin_host.control.parameters.declaration import Parameter
from plugin_host.control.parameters.taper import Linear
from plugin_host.control.parameters.tracks import gain_parameter
from plugin_host.mix import commands as c

GROUP_CONTROLS = (
    Control(
        Parameter("/group/{group}/name", "text", "the group's name", "r"),
        lambda sight, keys: sight.mix.group(keys.group).name,
    ),
    in_all_forms(
        Control(
            gain_parameter("/group/{group}/gain", "added to the faders of its tracks"),
            lambda sight, keys: sight.mix.group(keys.group).gain_db,
            lambda sight, keys, value: (c.SetGroupGain(keys.group, value),),
            told_by=(c.SetGroupGain,),
        ),
        share_at="/group/{group}/fader",
    ),
    Control(
        Parameter("/group/{group}/mute", "bool", "all its tracks silent", default=False),
        lambda sight, keys: sight.mix.group(keys.group).mute,
        lambda sight, keys, value: (c.SetGroupMute(keys.group, value),),
        told_by=(c.SetGroupMute,),
    ),
    Control(
        Parameter("/group/{group}/solo", "bool", "only its tracks, and what else is soloed", default=False),
        lambda sight, keys: sight.mix.group(keys.group).solo,
        lambda sight, keys, value: (c.SetGroupSolo(keys.group, value),),
        told_by=(c.SetGroupSolo,),
    ),
)

AUX_CONTROLS = (
    Control(
        Parameter("/aux/{aux}/name", "text", "the bus's name", "r"),
        lambda sight, keys: sight.mix.auxes[keys.aux].name,
    ),
    in_all_forms(
        Control(
            gain_parameter("/aux/{aux}/gain", "level of the bus into the master"),
            lambda sight, keys: sight.mix.auxes[keys.aux].gain_db,
            lambda sight, keys, value: (c.SetAuxGain(keys.aux, value),),
            told_by=(c.SetAuxGain,),
        ),
        share_at="/aux/{aux}/fader",
    ),
    Control(
        Parameter("/aux/{aux}/mute", "bool", "silent", default=False),
        lambda sight, keys: sight.mix.auxes[keys.aux].mute,
        lambda sight, keys, value: (c.SetAuxMute(keys.aux, value),),
        told_by=(c.SetAuxMute,),
    ),
)

MASTER_CONTROLS = (
    in_all_forms(
        Control(
            gain_parameter("/master/gain", "master fader, before the limiter"),
            lambda sight, keys: sight.mix.master.gain_db,
            lambda sight, keys, value: (c.SetMasterGain(value),),
            told_by=(c.SetMasterGain,),
        ),
        share_at="/master/fader",
    ),
    Control(
        Parameter("/master/limiter", "bool", "the safety limiter", default=True),
        lambda sight, keys: sight.mix.master.limiter,
        lambda sight, keys, value: (c.SetLimiter(value),),
        told_by=(c.SetLimiter,),
    ),
    in_all_forms(
        Control(
            Parameter(
                "/master/ceiling",
                "float",
                "the level that the limiter holds",
                "rw",
                "dB",
                -24.0,
                0.0,
                -1.0,
                Linear(-24.0, 0.0),
            ),
            lambda sight, keys: sight.mix.master.ceiling_db,
            lambda sight, keys, value: (c.SetLimiter(sight.mix.master.limiter, value),),
            told_by=(c.SetLimiter,),
        )
    ),
)
