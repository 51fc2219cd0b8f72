"""The effects there are: one record per effect, and the check of a chain slot against it."""

import difflib
import math
from dataclasses import dataclass
from functools import cache

from plugin_host.effects.introspection import BoundParameter, bound_parameters, effect_classes, effect_title
from plugin_host.effects.parameter_table import CARDS, Card, Span
from plugin_host.errors import EffectError, PluginError
from plugin_host.mix.state import Effect, ParamValue

_KIND_OF = {"float": "float", "int": "int", "bool": "bool"}
_TITLES = {"parallel": "Parallel", "vst3": "VST3 plugin"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. kind: "float", "int", "bool", "choice" or "path". default None: it must be given.

    minimum, maximum: inclusive, only for numbers. choices: only for "choice". below_nyquist: a filter frequency,
    lowered when the effect is built where the sample rate cannot hold it. glides: a playing effect takes new values
    without a click (see `param_glide`); where it does not, a change builds the effect anew.
    """

    name: str
    kind: str
    default: ParamValue | None
    minimum: float | None
    maximum: float | None
    unit: str
    choices: tuple[str, ...]
    description: str
    below_nyquist: bool = False
    glides: bool = False


@dataclass(frozen=True, slots=True)
class EffectType:
    """One kind of effect. streamable: it can run block by block; others are rendered ahead (`chain.render_ahead`).

    latency: in words, how late its output is before compensation; `ChainRunner.latency` has the measured frames.
    """

    name: str
    title: str
    purpose: str
    parameters: tuple[Parameter, ...]
    streamable: bool
    latency: str

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name; `EffectError` (its field is the name) lists near ones."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        names = [parameter.name for parameter in self.parameters]
        raise EffectError(f"{self.name}: no parameter {name!r}: {suggest_name(name, names)}", name)


@cache
def effect_types() -> tuple[EffectType, ...]:
    """Every effect: pedalboard's own in alphabetical order, then "parallel" and "vst3"."""
    classes = effect_classes()
    built_in = [
        _effect_type(name, effect_title(classes[name].__name__), bound_parameters(name))
        for name in sorted(classes.keys() & CARDS.keys())
    ]
    return (*built_in, *(_effect_type(name, title, ()) for name, title in _TITLES.items()))


def effect_type(name: str) -> EffectType:
    """The effect of that name; `EffectError` lists near names."""
    known = _types_by_name()
    if name not in known:
        raise EffectError(f"no effect {name!r}: {suggest_name(name, list(known))}")
    return known[name]


@cache
def _types_by_name() -> dict[str, EffectType]:
    return {kind.name: kind for kind in effect_types()}


def check_effect(effect: Effect) -> None:
    """Hold one slot against the catalogue, branches included.

    Raises `EffectError` whose `field` names the parameter (or "effect", "branches", "plugin_path") for an unknown
    effect or parameter, a wrong type, a value out of range, or a required value that is missing. Files and plugins
    are looked for when the chain is built, not here; a plugin's own parameters are checked then, too.
    """
    kind = effect_type(effect.kind)
    _check_shape(effect)
    if kind.name == "vst3":
        return
    for name, value in effect.params.items():
        _check_value(kind, kind.parameter(name), value)
    for parameter in kind.parameters:
        if parameter.default is None and parameter.name not in effect.params:
            raise EffectError(f"{kind.name}: {parameter.name} is missing: {parameter.description}", parameter.name)
    for branch in effect.branches:
        for inner in branch:
            check_effect(inner)


def _check_shape(effect: Effect) -> None:
    if effect.branches and effect.kind != "parallel":
        raise EffectError(f"{effect.kind}: only parallel has branches: put them in a parallel effect", "branches")
    if effect.kind == "parallel" and not effect.branches:
        raise EffectError("parallel: no branches: give at least one (an empty branch is the dry signal)", "branches")
    if (effect.plugin_path or effect.plugin_name or effect.plugin_state) and effect.kind != "vst3":
        raise EffectError(f"{effect.kind}: plugin_… belongs to vst3 only: take it out", "plugin_path")
    if effect.kind == "vst3" and not effect.plugin_path:
        raise PluginError("vst3: plugin_path is missing: give the path of the .vst3", "plugin_path")


def _check_value(kind: EffectType, parameter: Parameter, value: ParamValue) -> None:
    where = f"{kind.name}: {parameter.name}"
    if parameter.kind == "choice":
        if value not in parameter.choices:
            choices = ", ".join(parameter.choices)
            raise EffectError(f"{where} is {value!r}: choose from {choices}", parameter.name)
    elif parameter.kind == "path":
        if not isinstance(value, str) or not value:
            raise EffectError(f"{where} is {value!r}: give a file path", parameter.name)
    else:
        _check_number(where, parameter, value)


def _check_number(where: str, parameter: Parameter, value: ParamValue) -> None:
    wanted = {"bool": "true or false", "int": "a whole number"}.get(parameter.kind, "a number")
    whole_only = parameter.kind != "float"
    if isinstance(value, str) or isinstance(value, bool) != (parameter.kind == "bool"):
        raise EffectError(f"{where} is {value!r}: give {wanted}", parameter.name)
    if whole_only and isinstance(value, float):
        raise EffectError(f"{where} is {value!r}: give {wanted}", parameter.name)
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None and (math.isnan(value) or not low <= value <= high):
        raise EffectError(f"{where} is {value:g}: give {low:g} to {high:g} {parameter.unit}".rstrip(), parameter.name)


def _effect_type(name: str, title: str, bound: tuple[BoundParameter, ...]) -> EffectType:
    card: Card = CARDS[name]
    parameters = tuple(_parameter(b, card.spans[b.name], card) for b in bound if b.name in card.spans)
    return EffectType(name, title, card.purpose, parameters, card.streamable, card.latency)


def _parameter(bound: BoundParameter, span: Span, card: Card) -> Parameter:
    kind = "choice" if bound.choices else _KIND_OF.get(bound.annotation, "path")
    return Parameter(
        bound.name,
        kind,
        bound.default,
        span.minimum,
        span.maximum,
        span.unit,
        bound.choices,
        span.description,
        span.below_nyquist,
        glides=kind == "float" and span.glides and not card.steady,
    )


def suggest_name(name: str, names: list[str]) -> str:
    """What to write instead of a name that is not there: the nearest, else all."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"choose from {', '.join(names)}" if names else "it takes none"
