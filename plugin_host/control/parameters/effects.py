"""What can be set on the effects of a track, an aux bus and the master."""

from functools import lru_cache

from plugin_host.control.parameters.control import Control, in_all_forms
from plugin_host.control.parameters.declaration import Kind, Parameter, Value
from plugin_host.control.parameters.places import Keys, effect_of
from plugin_host.control.parameters.sight import Sight
from plugin_host.control.parameters.taper import Linear, taper_of
from plugin_host.effects.catalogue import Parameter as EffectParameter
from plugin_host.effects.catalogue import effect_type
from plugin_host.errors import ControlError
from plugin_host.mix import commands as c

_OWN = "one of the effect's own parameters; kind, range and unit are the effect's"


def effect_controls(prefix: str) -> tuple[Control, ...]:
    """The controls of every effect of the chain that `prefix` names."""
    slot = f"{prefix}/fx/{{n}}"
    own = Control(
        Parameter(f"{slot}/{{param}}", "float", _OWN),
        _value,
        lambda sight, keys, value: (c.SetEffectParam(keys.owner, keys.slot, keys.name, value),),
        told_by=(c.SetEffectParam,),
        shape=_shaped,
    )
    return (
        Control(
            Parameter(f"{slot}/kind", "text", "which effect it is", "r"), lambda s, keys: effect_of(s.mix, keys).kind
        ),
        Control(
            Parameter(f"{slot}/bypass", "bool", "the signal goes past it", default=False),
            lambda sight, keys: effect_of(sight.mix, keys).bypass,
            lambda sight, keys, value: (c.SetEffectBypass(keys.owner, keys.slot, value),),
            told_by=(c.SetEffectBypass,),
        ),
        in_all_forms(
            Control(
                Parameter(f"{slot}/wet", "float", "how much of it is heard", "rw", "", 0.0, 1.0, 1.0, Linear(0.0, 1.0)),
                lambda sight, keys: effect_of(sight.mix, keys).wet,
                lambda sight, keys, value: (c.SetEffectWet(keys.owner, keys.slot, value),),
                told_by=(c.SetEffectWet,),
            )
        ),
        in_all_forms(own),
    )


def effect_parameter(parameter: EffectParameter, address: str) -> Parameter:
    """A parameter of the catalogue as it is declared at that address. Files can be seen, not chosen, from outside."""
    kinds: dict[str, Kind] = {"float": "float", "int": "int", "bool": "bool", "choice": "choice"}
    low, high = parameter.minimum, parameter.maximum
    return Parameter(
        address,
        kinds.get(parameter.kind, "text"),
        parameter.description,
        "r" if parameter.kind == "path" else "rw",
        parameter.unit,
        low,
        high,
        parameter.default,
        None if low is None or high is None else taper_of(low, high, parameter.unit),
        parameter.choices,
    )


def _shaped(sight: Sight, keys: Keys, declared: Parameter) -> Parameter:
    effect = effect_of(sight.mix, keys)
    if effect.kind == "vst3":
        return _plugin_parameter(keys.name, _value(sight, keys), declared.address)
    return _built_in_parameter(effect.kind, keys.name, declared.address)


@lru_cache(maxsize=1024)
def _built_in_parameter(kind: str, name: str, address: str) -> Parameter:
    return effect_parameter(effect_type(kind).parameter(name), address)


def _plugin_parameter(name: str, value: Value, address: str) -> Parameter:
    """Range and unit are the plugin's, which runs elsewhere; its kind is that of the value it has."""
    kind: Kind = "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "float"
    return Parameter(address, kind, f"{name}, as the plugin understands it")


def _value(sight: Sight, keys: Keys) -> Value:
    effect = effect_of(sight.mix, keys)
    if keys.name in effect.params:
        return effect.params[keys.name]
    parameter = None if effect.kind == "vst3" else effect_type(effect.kind).parameter(keys.name)
    if parameter is None or parameter.default is None:
        raise ControlError(f"{effect.kind}: {keys.name} has no value yet")
    return parameter.default
