"""Commands and mixes as plain values (text, numbers, lists, tables) and back, driven by the types of their fields.

A record is a table of the fields that are set; a bus is {"bus": "master"}, a track its name; infinity is "inf" or
"-inf", for which JSON has no number; chains are written as in `mix.toml`. What comes back was checked as strictly as a
preset file is, for it may have been written by anybody.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from plugin_host.errors import MixError, PresetError
from plugin_host.mix.chain_table import EffectCheck, chain_values, read_chain
from plugin_host.mix.commands import Command
from plugin_host.mix.limits import MAX_TRACKS
from plugin_host.mix.state import Chain, Effect, Mix
from plugin_host.mix.toml_document import Document, shown, suggestion
from plugin_host.mix.toml_lines import KeyPath

MAX_ENTRIES = 1000
"""Entries in one list or table of a record: far more than any mix has."""
_INFINITIES = {"inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a value stands, so that a complaint can name it; `check` judges effects."""

    document: Document
    at: KeyPath
    check: EffectCheck

    def below(self, part: str | int) -> "Place":
        """The place of one of its parts."""
        spoken = part if isinstance(part, int) or part.isprintable() else shown(part)
        return Place(self.document, (*self.at, spoken), self.check)

    def fault(self, message: str) -> PresetError:
        """The error to raise for what stands here."""
        return self.document.fault(self.at, message)


def command_values(command: Command) -> list[object]:
    """["set_gain", {"track": "vocals", "gain_db": -3.0}]; `read_command` gives the command back."""
    return [_name(type(command)), to_values(command)]


def read_command(name: object, values: object, place: Place) -> Command:
    """The command of that name with those fields; `PresetError` names the field that is wrong."""
    if not isinstance(name, str) or name not in _COMMANDS:
        raise place.fault(f"{shown(name)} is no command: {suggestion(str(name), _COMMANDS)}")
    return cast(Command, from_values(_COMMANDS[name], values, place))


def to_values(value: object) -> object:
    """A command, mix or part of one as text, numbers, truth values, lists and tables."""
    if isinstance(value, Effect):
        return to_values(chain_values((value,))[0])
    if isinstance(value, Enum):
        return {"bus": value.value}
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((part.name, getattr(value, part.name)) for part in fields(value))
        return {name: to_values(inner) for name, inner in pairs if inner is not None}
    if isinstance(value, Mapping):
        return {key: to_values(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [to_values(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def from_values(kind: Any, value: object, place: Place) -> Any:
    """What `to_values` made of a value of that type; `PresetError` where it cannot be one."""
    if kind == Chain:
        return read_chain(place.document, place.at, value, place.check)
    if kind is Effect:
        return read_chain(place.document, place.at, [value], place.check)[0]
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return _alternative(get_args(kind), value, place)
    if origin is tuple:
        return _sequence(get_args(kind), value, place)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        table = _table(value, place)
        return {key: from_values(get_args(kind)[1], inner, place.below(key)) for key, inner in table.items()}
    if is_dataclass(kind):
        return _record(kind, value, place)
    return _single(kind, value, place)


def _alternative(kinds: tuple[Any, ...], value: object, place: Place) -> object:
    """The first of the types that the value's own shape allows, an exact one before a converted one."""
    real = [kind for kind in kinds if kind is not NoneType]
    exact = [kind for kind in real if kind is type(value)]
    for kind in (*exact, *real):
        if len(real) == 1 or _shape_fits(kind, value):
            return from_values(kind, value, place)
    raise place.fault(f"{shown(value)} cannot stand here")


def _shape_fits(kind: Any, value: object) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, list)
    if isinstance(value, dict):
        return is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, Enum))
    return kind is type(value) or (kind is float and type(value) is int)


def _sequence(kinds: tuple[Any, ...], value: object, place: Place) -> tuple[object, ...]:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise place.fault(f"{shown(value)} is no list of at most {MAX_ENTRIES} entries")
    return tuple(from_values(kinds[0], inner, place.below(index)) for index, inner in enumerate(value))


def _record(kind: Any, value: object, place: Place) -> object:
    table = _table(value, place)
    parts = _parts(kind)
    for name in table:
        if name not in parts:
            raise place.below(name).fault(f"unknown key: {suggestion(name, parts)}")
    for name, (part, _) in parts.items():
        if name not in table and part.default is MISSING and part.default_factory is MISSING:
            raise place.fault(f"{name} is missing")
    values = {name: from_values(parts[name][1], inner, place.below(name)) for name, inner in table.items()}
    if kind is Mix and len(values["tracks"]) > MAX_TRACKS:
        raise place.fault(f"{len(values['tracks'])} tracks: a mix holds at most {MAX_TRACKS}")
    try:
        return kind(**values)
    except MixError as error:
        raise place.fault(str(error)) from error


@cache
def _parts(kind: type) -> dict[str, tuple[Field[Any], Any]]:
    """The fields of a record with their types."""
    hints = get_type_hints(kind)
    return {part.name: (part, hints[part.name]) for part in fields(kind)}


def _table(value: object, place: Place) -> dict[str, object]:
    if not isinstance(value, dict) or len(value) > MAX_ENTRIES:
        raise place.fault(f"{shown(value)} is no table of at most {MAX_ENTRIES} entries")
    return value


def _single(kind: Any, value: object, place: Place) -> object:
    if issubclass(kind, Enum):
        named = {member.value: member for member in kind}
        wanted = _table(value, place).get("bus")
        if not isinstance(wanted, str) or wanted not in named:
            raise place.fault(f"{shown(wanted)} is no bus: there are {', '.join(named)}")
        return named[wanted]
    if kind is float and isinstance(value, str) and value in _INFINITIES:
        return _INFINITIES[value]
    if kind is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not kind or value != value:
        raise place.fault(f"{shown(value)} is no {_SPOKEN[kind]}")
    return value


_SPOKEN = {float: "number", int: "whole number", bool: "true or false", str: "text"}


def _name(kind: type) -> str:
    """SetEffectParam → set_effect_param."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind.__name__)[1:]


_COMMANDS: Mapping[str, type] = {_name(kind): kind for kind in get_args(Command)}
