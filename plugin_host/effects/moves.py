"""From one chain to another while it plays: which parameters merely move, or that it must be built anew."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from plugin_host.effects.building import is_passed_by
from plugin_host.effects.catalogue import Parameter, check_effect, effect_type
from plugin_host.effects.chain import split_render_ahead
from plugin_host.effects.stages import WET, Path
from plugin_host.mix.state import Chain, Effect, ParamValue


class Move(NamedTuple):
    """One parameter, or `WET`, of the effect at `path` goes to `value`."""

    path: Path
    name: str
    value: float


class _MustBuild(Exception):
    """The difference cannot be heard without building the chain anew."""


def chain_moves(old: Chain, new: Chain) -> tuple[Move, ...] | None:
    """The moves that make a playing `old` sound as `new`, or None where it must be built anew.

    Anything but a parameter that glides builds anew: effects added, removed, reordered, bypassed or rendered ahead, a
    plugin's state and its parameters, a wet share that begins or ends at 0 or 1. Raises `EffectError` where `new` has a
    value that no effect takes.
    """
    if split_render_ahead(old)[0] != split_render_ahead(new)[0]:
        return None
    try:
        return tuple(_chain(old, new, ()))
    except _MustBuild:
        return None


def _chain(old: Chain, new: Chain, path: Path) -> Iterator[Move]:
    if len(old) != len(new):
        raise _MustBuild
    for slot, (before, after) in enumerate(zip(old, new, strict=True)):
        if after != before:
            yield from _effect(before, after, (*path, slot))


def _effect(old: Effect, new: Effect, path: Path) -> Iterator[Move]:
    alike = replace(old, params={}, wet=1.0, branches=()) == replace(new, params={}, wet=1.0, branches=())
    if not alike or is_passed_by(old) != is_passed_by(new):
        raise _MustBuild
    check_effect(new)
    moves = [*_wet(old, new, path), *_parameters(old, new, path), *_branches(old, new, path)]
    if not is_passed_by(new):  # what is not heard keeps its latency with any parameter that glides
        yield from moves


def _wet(old: Effect, new: Effect, path: Path) -> Iterator[Move]:
    if old.wet == new.wet or is_passed_by(new):
        return
    if max(old.wet, new.wet) == 1.0:
        raise _MustBuild
    yield Move(path, WET, new.wet)


def _parameters(old: Effect, new: Effect, path: Path) -> Iterator[Move]:
    for name in sorted(old.params.keys() | new.params.keys()):
        if old.params.get(name) == new.params.get(name):
            continue
        parameter = None if new.kind == "vst3" else effect_type(new.kind).parameter(name)
        if parameter is None or not parameter.glides:
            raise _MustBuild
        value = _value(new, parameter)
        if value != _value(old, parameter):
            yield Move(path, name, float(value))


def _value(effect: Effect, parameter: Parameter) -> ParamValue:
    value = effect.params.get(parameter.name, parameter.default)
    return 0.0 if value is None else value


def _branches(old: Effect, new: Effect, path: Path) -> Iterator[Move]:
    if len(old.branches) != len(new.branches):
        raise _MustBuild
    for branch, (before, after) in enumerate(zip(old.branches, new.branches, strict=True)):
        yield from _chain(before, after, (*path, branch))
