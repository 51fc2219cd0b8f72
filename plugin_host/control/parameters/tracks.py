"""What can be set on a track."""

from plugin_host.control.parameters.control import Control, Read, in_all_forms
from plugin_host.control.parameters.declaration import Parameter
from plugin_host.control.parameters.panel import PanelChanged
from plugin_host.control.parameters.places import Keys
from plugin_host.control.parameters.sight import Host, Sight
from plugin_host.control.parameters.taper import FADER, Linear
from plugin_host.mix import commands as c
from plugin_host.mix.state import MAX_GAIN_DB, SILENCE_DB, Track


def gain_parameter(address: str, description: str, default: float = 0.0) -> Parameter:
    """A level in dB, -inf … +12, on the fader's law."""
    return Parameter(address, "float", description, "rw", "dB", SILENCE_DB, MAX_GAIN_DB, default=default, taper=FADER)


def _track(sight: Sight, keys: Keys) -> Track:
    return sight.mix.track(str(keys.owner))


def _select(host: Host, keys: Keys, on: bool, origin: str) -> None:
    selected = host.panel.state.selected
    if on or selected == keys.owner:
        host.panel.change(origin, selected=keys.owner if on else "")


def _text(address: str, description: str, read: Read) -> Control:
    """Shown, not set; it changes only when the tracks do."""
    return Control(Parameter(address, "text", description, "r"), read)


TRACK_CONTROLS = (
    _text("/track/{track}/name", "the track's name", lambda sight, keys: _track(sight, keys).name),
    _text("/track/{track}/stem", "the stem it plays", lambda sight, keys: _track(sight, keys).stem),
    in_all_forms(
        Control(
            gain_parameter("/track/{track}/gain", "level of the track"),
            lambda sight, keys: _track(sight, keys).gain_db,
            lambda sight, keys, value: (c.SetGain(str(keys.owner), value),),
            told_by=(c.SetGain,),
        ),
        share_at="/track/{track}/fader",
    ),
    in_all_forms(
        Control(
            Parameter(
                "/track/{track}/pan",
                "float",
                "balance: -1 left, 0 centre, 1 right",
                "rw",
                "",
                -1.0,
                1.0,
                0.0,
                Linear(-1.0, 1.0),
            ),
            lambda sight, keys: _track(sight, keys).pan,
            lambda sight, keys, value: (c.SetPan(str(keys.owner), value),),
            told_by=(c.SetPan,),
        )
    ),
    Control(
        Parameter("/track/{track}/mute", "bool", "silent", default=False),
        lambda sight, keys: _track(sight, keys).mute,
        lambda sight, keys, value: (c.SetMute(str(keys.owner), value),),
        told_by=(c.SetMute,),
    ),
    Control(
        Parameter("/track/{track}/solo", "bool", "only soloed tracks are heard", default=False),
        lambda sight, keys: _track(sight, keys).solo,
        lambda sight, keys, value: (c.SetSolo(str(keys.owner), value),),
        told_by=(c.SetSolo,),
    ),
    Control(
        Parameter("/track/{track}/invert", "bool", "polarity flipped", default=False),
        lambda sight, keys: _track(sight, keys).invert,
        lambda sight, keys, value: (c.SetInvert(str(keys.owner), value),),
        told_by=(c.SetInvert,),
    ),
    Control(
        Parameter("/track/{track}/select", "bool", "the one track that /selected means", default=False),
        lambda sight, keys: sight.panel.selected == keys.owner,
        act=_select,
        told_by=(PanelChanged,),
    ),
    Control(
        Parameter("/track/{track}/group", "text", "the group it is in; empty is none", default=""),
        lambda sight, keys: _track(sight, keys).group,
        lambda sight, keys, value: (c.SetGroup(str(keys.owner), value),),
    ),
    in_all_forms(
        Control(
            gain_parameter("/track/{track}/send/{send}", "level into an aux bus, after the fader", SILENCE_DB),
            lambda sight, keys: _track(sight, keys).sends[keys.aux],
            lambda sight, keys, value: (c.SetSend(str(keys.owner), keys.aux, value),),
            told_by=(c.SetSend,),
        ),
        share_at="/track/{track}/send/{send}/fader",
    ),
)
