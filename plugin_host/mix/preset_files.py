"""One chain preset or scene, read from its TOML file. The file's name is the preset's name.

A chain, `chains/warm-lead.toml`:

    purpose = "A lead vocal close and warm"
    suits = ["voice"]

    [[chain]]
    effect = "highpass_filter"
    cutoff_frequency_hz = 80.0

A scene, `scenes/karaoke.toml`; `chain` is a preset's name or written out in place:

    purpose = "You sing"
    needs = ["voice"]

    [roles.voice]
    mute = true

    [tracks."*"]
    mute = false
    chain = "gentle-glue"

    [tracks.guitar]
    sends = [-12.0, -inf]

    [master]
    chain = [{ effect = "gain", gain_db = -1.0 }]

    [aux.1]
    gain_db = -3.0
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plugin_host.errors import PresetError
from plugin_host.mix.chain_table import EffectCheck, read_chain
from plugin_host.mix.roles import ROLES
from plugin_host.mix.scenes import AuxScene, MasterScene, Scene, TrackScene
from plugin_host.mix.sends import read_sends
from plugin_host.mix.state import AUXES, MAX_GAIN_DB, SILENCE_DB, Chain
from plugin_host.mix.toml_document import Table, read_document, suggestion

SUITS = ROLES | {"master", "any"}
SCENE_KEYS = ("needs", "tracks", "roles", "master", "aux")
"""What only a scene has at its top."""

_AUX_NAMES = tuple(str(place + 1) for place in range(AUXES))

NamedChain = Callable[[str], Chain]
"""A chain preset's name to its chain; `PresetError` where there is none."""


@dataclass(frozen=True, slots=True)
class ChainPreset:
    """A named chain. purpose: one line. suits: roles (see `roles.ROLES`), "master" or "any"."""

    name: str
    purpose: str
    suits: tuple[str, ...]
    chain: Chain


def read_chain_preset(path: Path, check: EffectCheck) -> ChainPreset:
    """The chain preset in that file; `PresetError` names file, line and field of what is wrong."""
    root = read_document(path)
    root.refuse_unknown(("purpose", "suits", "chain"))
    purpose = root.text("purpose")
    if "chain" not in root.values:
        raise root.fault("", 'chain is missing: add [[chain]] with effect = "…"')
    return ChainPreset(
        name=path.stem,
        purpose=purpose,
        suits=_names(root, "suits", SUITS),
        chain=read_chain(root.document, ("chain",), root.values["chain"], check),
    )


def read_scene(path: Path, check: EffectCheck, named: NamedChain) -> Scene:
    """The scene in that file, its named chains looked up with `named`; `PresetError` as for a chain preset."""
    root = read_document(path)
    root.refuse_unknown(("purpose", *SCENE_KEYS))
    auxes = root.table("aux")
    auxes.refuse_unknown(_AUX_NAMES)
    roles = root.table("roles")
    roles.refuse_unknown(ROLES)
    return Scene(
        name=path.stem,
        purpose=root.text("purpose"),
        tracks={name: _read_track(table, check, named) for name, table in root.table("tracks").subtables()},
        roles={name: _read_track(table, check, named) for name, table in roles.subtables()},
        master=_read_master(root.table("master"), check, named),
        auxes={name: _read_aux(table, check, named) for name, table in auxes.subtables()},
        needs=_names(root, "needs", ROLES),
    )


def _read_track(table: Table, check: EffectCheck, named: NamedChain) -> TrackScene:
    table.refuse_unknown(("gain_db", "pan", "mute", "solo", "invert", "sends", "chain"))
    return TrackScene(
        gain_db=_number(table, "gain_db", SILENCE_DB, MAX_GAIN_DB),
        pan=_number(table, "pan", -1.0, 1.0),
        mute=_flag(table, "mute"),
        solo=_flag(table, "solo"),
        invert=_flag(table, "invert"),
        sends=read_sends(table),
        chain=_chain(table, check, named),
    )


def _read_aux(table: Table, check: EffectCheck, named: NamedChain) -> AuxScene:
    table.refuse_unknown(("gain_db", "mute", "chain"))
    return AuxScene(
        gain_db=_number(table, "gain_db", SILENCE_DB, MAX_GAIN_DB),
        mute=_flag(table, "mute"),
        chain=_chain(table, check, named),
    )


def _read_master(table: Table, check: EffectCheck, named: NamedChain) -> MasterScene:
    table.refuse_unknown(("gain_db", "limiter", "ceiling_db", "chain"))
    return MasterScene(
        gain_db=_number(table, "gain_db", SILENCE_DB, MAX_GAIN_DB),
        limiter=_flag(table, "limiter"),
        ceiling_db=_number(table, "ceiling_db", -24.0, 0.0),
        chain=_chain(table, check, named),
    )


def _number(table: Table, key: str, lowest: float, highest: float) -> float | None:
    return table.number(key, 0.0, lowest, highest) if key in table.values else None


def _flag(table: Table, key: str) -> bool | None:
    return table.flag(key, False) if key in table.values else None


def _chain(table: Table, check: EffectCheck, named: NamedChain) -> Chain | None:
    value = table.values.get("chain")
    if value is None:
        return None
    if not isinstance(value, str):
        return read_chain(table.document, (*table.at, "chain"), value, check)
    try:
        return named(value)
    except PresetError as error:
        raise table.fault("chain", str(error)) from error


def _names(root: Table, key: str, known: frozenset[str]) -> tuple[str, ...]:
    values = root.values.get(key, [])
    if not isinstance(values, list):
        raise root.fault(key, 'give a list of names: ["voice"]')
    for index, value in enumerate(values):
        if not isinstance(value, str) or value not in known:
            raise root.document.fault((key, index), f"unknown: {suggestion(str(value), known)}")
    return tuple(values)
