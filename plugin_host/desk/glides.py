"""Single moves of a morph: one value on its way from where it is to where it shall be, as commands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import Enum
from functools import partial

from plugin_host.effects.catalogue import effect_type
from plugin_host.effects.moves import Move, chain_moves
from plugin_host.effects.stages import WET
from plugin_host.mix import commands as c
from plugin_host.mix.state import SILENCE_DB, Chain, Effect, Mix

FLOOR_DB = -80.0
"""From here on a fader glides where one end is silence; the end itself is reached exactly."""
LOGARITHMIC = frozenset({"Hz", "ms"})


class Law(Enum):
    """How a value travels: evenly, or by equal ratios."""

    LINEAR = "linear"
    LOGARITHMIC = "logarithmic"


@dataclass(frozen=True, slots=True)
class Glide:
    """One value on its way. key: what it turns, the same for every command that turns it. make: value → command."""

    key: tuple[object, ...]
    begin: float
    end: float
    make: Callable[[float], c.Command]
    law: Law = Law.LINEAR

    def at(self, share: float) -> c.Command:
        """The command for a share of the way, 0 … 1."""
        return self.make(self.end if share >= 1.0 else _between(self.begin, self.end, share, self.law))


def _between(begin: float, end: float, share: float, law: Law) -> float:
    """A share of the way, never beyond its ends; from or to silence by way of a level nobody hears."""
    if law is Law.LOGARITHMIC:
        value = begin * (end / begin) ** share
    else:
        near = max(begin, end)
        low, high = (min(FLOOR_DB, near) if value == SILENCE_DB else value for value in (begin, end))
        value = low + (high - low) * share
    return float(min(max(value, min(begin, end)), max(begin, end)))


def key_of(command: c.Command) -> tuple[object, ...]:
    """What a command turns: its kind and all but its last field, which is the value."""
    if isinstance(command, c.SetLimiter):
        return ("SetLimiter",)
    names = [part.name for part in fields(command)]
    return (type(command).__name__, *(getattr(command, name) for name in names[:-1]))


def fader_glides(old: Mix, new: Mix) -> Iterator[Glide]:
    """Gains, pans, sends, faders of groups, auxes and master, and the ceiling, where the two mixes differ.

    Both mixes name the same tracks and groups in the same order.
    """
    for was, track in zip(old.tracks, new.tracks, strict=True):
        yield from _glide(was.gain_db, track.gain_db, partial(c.SetGain, track.name))
        yield from _glide(was.pan, track.pan, partial(c.SetPan, track.name))
        for aux, (before, after) in enumerate(zip(was.sends, track.sends, strict=True)):
            yield from _glide(before, after, partial(c.SetSend, track.name, aux))
    for was_group, group in zip(old.groups, new.groups, strict=True):
        yield from _glide(was_group.gain_db, group.gain_db, partial(c.SetGroupGain, group.name))
    for number, (was_aux, aux_bus) in enumerate(zip(old.auxes, new.auxes, strict=True)):
        yield from _glide(was_aux.gain_db, aux_bus.gain_db, partial(c.SetAuxGain, number))
    yield from _glide(old.master.gain_db, new.master.gain_db, c.SetMasterGain)
    if new.master.limiter:
        yield from _glide(old.master.ceiling_db, new.master.ceiling_db, partial(c.SetLimiter, True))


def chain_glides(owner: c.ChainOwner, old: Chain, new: Chain) -> tuple[Glide, ...] | None:
    """The knobs whose turning makes `old` sound as `new`; None where only another chain will do."""
    moves = chain_moves(old, new)
    return None if moves is None else tuple(_knob(owner, old, move) for move in moves)


def _knob(owner: c.ChainOwner, chain: Chain, move: Move) -> Glide:
    """One move, from where the chain has that knob."""
    slot: c.Slot = move.path[0] if len(move.path) == 1 else move.path
    effect = _effect_at(chain, move.path)
    if move.name == WET:
        make: Callable[[float], c.Command] = partial(c.SetEffectWet, owner, slot)
        return Glide(key_of(make(move.value)), effect.wet, move.value, make)
    parameter = effect_type(effect.kind).parameter(move.name)
    begin = float(effect.params.get(move.name, parameter.default or 0.0))
    make = partial(c.SetEffectParam, owner, slot, move.name)
    by_ratio = parameter.unit in LOGARITHMIC and min(begin, move.value) > 0.0
    return Glide(key_of(make(move.value)), begin, move.value, make, Law.LOGARITHMIC if by_ratio else Law.LINEAR)


def _effect_at(chain: Chain, path: tuple[int, ...]) -> Effect:
    effect = chain[path[0]]
    for branch, slot in zip(path[1::2], path[2::2], strict=True):
        effect = effect.branches[branch][slot]
    return effect


def _glide(begin: float, end: float, make: Callable[[float], c.Command]) -> Iterator[Glide]:
    if begin != end:
        yield Glide(key_of(make(end)), begin, end, make)
