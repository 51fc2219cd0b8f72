"""A chain as TOML tables: parameters stand flat beside the reserved keys; branches are lists of lists.

[[chain]]
effect = "compressor"
threshold_db = -18.0
ratio = 3.0

[[chain]]
effect = "parallel"
branches = [
  [],                                            # the signal as it came
  [{ effect = "distortion", drive_db = 12.0 }],
]

[[chain]]
effect = "convolution"
impulse_response_filename = "hall.wav"             # relative to the folder of the file that says so
"""

from collections.abc import Callable, Mapping

from plugin_host.errors import EffectError, MixError
from plugin_host.mix.effect_files import found_from
from plugin_host.mix.limits import MAX_BRANCHES, MAX_EFFECTS, check_chain_size
from plugin_host.mix.state import Chain, Effect, ParamValue
from plugin_host.mix.toml_document import MAX_BYTES, Document, Table, shown, table_list
from plugin_host.mix.toml_lines import KeyPath

EffectCheck = Callable[[Effect], None]
"""Raises `EffectError` for an effect the host does not know or a parameter out of range; the effects catalogue's is
handed in, for this room knows no effects."""

MAX_PATH = 4096
PLUGIN_KEYS = ("plugin_path", "plugin_name", "plugin_state")
RESERVED = frozenset({"effect", "bypass", "wet", "branches", "params", *PLUGIN_KEYS})


def read_chain(document: Document, at: KeyPath, value: object, check: EffectCheck) -> Chain:
    """The chain written at that place; `PresetError` names the line and field of what is wrong."""
    tables = table_list(document, at, value)
    if len(tables) > MAX_EFFECTS:
        raise document.fault((*at, MAX_EFFECTS), f"{len(tables)} effects in one chain: give at most {MAX_EFFECTS}")
    chain = tuple(_read_effect(table, check) for table in tables)
    try:
        check_chain_size(chain, "chain")
    except MixError as error:
        raise document.fault(at, str(error)) from error
    return chain


def _read_effect(table: Table, check: EffectCheck) -> Effect:
    effect = Effect(
        kind=table.text("effect"),
        params=found_from(table.document.path.parent, _read_params(table)),
        bypass=table.flag("bypass", False),
        wet=table.number("wet", 1.0, 0.0, 1.0),
        branches=_read_branches(table, check),
        plugin_path=table.text("plugin_path", "", MAX_PATH),
        plugin_name=table.text("plugin_name", ""),
        plugin_state=table.text("plugin_state", "", MAX_BYTES),
    )
    try:
        check(effect)
    except EffectError as error:
        field = error.field if error.field in table.values else "effect"
        raise table.fault(field, str(error)) from error
    return effect


def _read_params(table: Table) -> dict[str, ParamValue]:
    """Flat keys, and those in `params`, where a plugin's own parameter has a reserved name."""
    inner = table.table("params")
    flat = {key: _param(table, key, value) for key, value in table.values.items() if key not in RESERVED}
    return {**flat, **{key: _param(inner, key, value) for key, value in inner.values.items()}}


def _param(table: Table, key: str, value: object) -> ParamValue:
    if not isinstance(value, bool | int | float | str):
        raise table.fault(key, f"{shown(value)} is no parameter value: give a number, true, false or a text")
    if value != value:
        raise table.fault(key, "is NaN: give a number")
    return value


def _read_branches(table: Table, check: EffectCheck) -> tuple[Chain, ...]:
    branches = table.values.get("branches", [])
    if not isinstance(branches, list) or len(branches) > MAX_BRANCHES:
        raise table.fault("branches", f"give a list of at most {MAX_BRANCHES} chains, each a list: [[…], […]]")
    at = (*table.at, "branches")
    return tuple(read_chain(table.document, (*at, i), branch, check) for i, branch in enumerate(branches))


def chain_values(chain: Chain) -> list[dict[str, object]]:
    """What to write for a chain; `read_chain` gives it back."""
    return [_effect_values(effect) for effect in chain]


def _effect_values(effect: Effect) -> dict[str, object]:
    values: dict[str, object] = {"effect": effect.kind}
    if effect.bypass:
        values["bypass"] = True
    if effect.wet != 1.0:
        values["wet"] = effect.wet
    values |= {key: getattr(effect, key) for key in PLUGIN_KEYS if getattr(effect, key)}
    values |= _param_values(effect.params)
    if effect.branches:
        values["branches"] = [chain_values(branch) for branch in effect.branches]
    return values


def _param_values(params: Mapping[str, ParamValue]) -> dict[str, object]:
    flat: dict[str, object] = {name: value for name, value in params.items() if name not in RESERVED}
    reserved = {name: value for name, value in params.items() if name in RESERVED}
    return {**flat, "params": reserved} if reserved else flat
