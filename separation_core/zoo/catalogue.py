"""The catalogue of published models: read from its data file, strictly.

The file is ours and ships with the package, but a card with a slip in it would download the wrong thing or promise a
wrong licence, so every field is checked, and an unknown one is named with the nearest that exists.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from separation_core.errors import ModelError
from separation_core.units import Hertz
from separation_core.zoo.card_table import CardTable, nearest
from separation_core.zoo.cards import BagMember, CheckpointCard, CommercialUse, ModelCard, Score

FORMAT = 1
DEFINITIONS = {
    "museval": "BSSEval v4 (museval): median over one-second frames, then over songs",
    "MDX": "MDX: ratio over a whole song, mean over songs",
    "paper": "as in its paper",
}
"""Definitions of the signal-to-distortion ratio; numbers of different ones must not be compared."""
_FILE = "catalogue.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HEX = re.compile(r"[0-9a-f]+")
_TOP_FIELDS = ("format", "checkpoints", "models")
_CHECKPOINT_FIELDS = ("file", "urls", "size", "sha256", "sha256_prefix", "checksum_source")
_MODEL_FIELDS = (
    "title", "architecture", "stems", "rate", "members", "licence", "commercial_use", "licence_source", "sources",
    "citation", "configuration", "normalised", "cost", "sdr", "note",
)  # fmt: skip


@cache
def catalogue() -> Mapping[str, ModelCard]:
    """Every published model by name, in the file's order."""
    return read_catalogue((files(__package__) / _FILE).read_text(encoding="utf-8"))


def model_card(name: str) -> ModelCard:
    """The card of that name. Raises ModelError with the nearest names."""
    cards = catalogue()
    if name not in cards:
        raise ModelError(f"no published model is called {name!r}: {nearest(name, cards)}")
    return cards[name]


def read_catalogue(text: str) -> Mapping[str, ModelCard]:
    """The cards in a catalogue file. Raises ModelError naming the entry and the field of the first fault."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{_FILE} is not TOML: {error}") from error
    CardTable(_FILE, "", document, _TOP_FIELDS).take("format", int, lambda value: value == FORMAT, f"{FORMAT}")
    checkpoints = {key: _checkpoint(key, entry) for key, entry in _entries(document, "checkpoints").items()}
    cards = {name: _card(name, entry, checkpoints) for name, entry in _entries(document, "models").items()}
    _refuse_unused(checkpoints, cards)
    return cards


def _entries(document: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    entries = document.get(table, {})
    if not isinstance(entries, Mapping):
        raise ModelError(f"{_FILE}: {table} must be a table of tables")
    for name in entries:
        if not _NAME.fullmatch(name):
            raise ModelError(f"{_FILE}: {table}.{name}: a name has small letters, digits and _ only")
    return entries


def _refuse_unused(checkpoints: Mapping[str, CheckpointCard], cards: Mapping[str, ModelCard]) -> None:
    used = {member.checkpoint.key for card in cards.values() for member in card.members}
    for key in checkpoints:
        if key not in used:
            raise ModelError(f"{_FILE}: checkpoints.{key} belongs to no model: remove it, or name it in a card")


def _checkpoint(key: str, entry: object) -> CheckpointCard:
    table = CardTable(_FILE, f"checkpoints.{key}", entry, _CHECKPOINT_FIELDS)

    def digest(field: str, lengths: Collection[int], wanted: str) -> str | None:
        def good(value: str) -> bool:
            return len(value) in lengths and bool(_HEX.fullmatch(value))

        return None if (value := table.optional(field, str, good, wanted)) is None else str(value)

    full = digest("sha256", (64,), "64 hexadecimal digits")
    prefix = digest("sha256_prefix", range(8, 64), "the first eight hexadecimal digits or more")
    if full and not full.startswith(prefix or ""):
        raise ModelError(f"{_FILE}: {table.where}: sha256 {full[:8]}… does not begin with sha256_prefix {prefix}")
    return CheckpointCard(
        key=key,
        file=table.take("file", str, lambda file: bool(_FILE_NAME.fullmatch(file)), "a plain file name"),
        urls=table.texts("urls", lambda url: url.startswith("https://"), "https:// addresses"),
        size=table.optional("size", int, lambda size: size > 0, "bytes"),
        sha256=full,
        sha256_prefix=prefix,
        checksum_source=table.text("checksum_source", "" if not (full or prefix) else None),
    )


def _card(name: str, entry: object, checkpoints: Mapping[str, CheckpointCard]) -> ModelCard:
    table = CardTable(_FILE, f"models.{name}", entry, _MODEL_FIELDS)
    uses = get_args(CommercialUse)
    stems = table.texts("stems", lambda stem: bool(_NAME.fullmatch(stem)), "stem names")
    return ModelCard(
        name=name,
        title=table.text("title"),
        architecture=table.text("architecture"),
        stems=stems,
        rate=Hertz(table.take("rate", int, lambda rate: 8000 <= rate <= 192_000, "a sample rate in Hz")),
        members=_members(table, len(stems), checkpoints),
        licence=table.text("licence"),
        commercial_use=table.take("commercial_use", str, lambda use: use in uses, " or ".join(uses)),
        normalised=table.flag("normalised"),
        licence_source=table.text("licence_source", ""),
        sources=table.texts("sources", lambda url: url.startswith("https://"), "https:// addresses"),
        citation=table.text("citation"),
        configuration=table.take("configuration", dict, lambda _: True, "a table of keyword arguments", {}),
        scores=tuple(_score(table.where, score, stems) for score in table.take("sdr", list, bool, "scores", ())),
        cost=table.optional("cost", (int, float), lambda cost: cost > 0, "a positive number"),
        note=table.text("note", ""),
    )


def _members(table: CardTable, stems: int, checkpoints: Mapping[str, CheckpointCard]) -> tuple[BagMember, ...]:
    entries = table.take("members", list, bool, "a list of one member or more")
    members = tuple(_member(f"{table.where}.members", entry, stems, checkpoints) for entry in entries)
    totals = [sum(weights) for weights in zip(*(member.weights for member in members), strict=True)]
    if min(totals) <= 0:
        raise ModelError(f"{_FILE}: {table.where}.members: stem {totals.index(min(totals)) + 1} has no weight at all")
    return members


def _member(where: str, entry: object, stems: int, checkpoints: Mapping[str, CheckpointCard]) -> BagMember:
    table = CardTable(_FILE, where, entry, ("checkpoint", "weights"))

    def good(weights: list[Any]) -> bool:
        return len(weights) == stems and all(isinstance(one, float) and 0 <= one < 1e6 for one in weights)

    key = table.take("checkpoint", str, lambda key: key in checkpoints, f"one of {', '.join(checkpoints)}")
    weights = table.take("weights", list, good, f"{stems} numbers ≥ 0 with a point, one a stem", [1.0] * stems)
    return BagMember(checkpoints[key], tuple(weights))


def _score(where: str, entry: object, stems: tuple[str, ...]) -> Score:
    table = CardTable(_FILE, f"{where}.sdr", entry, ("definition", "data", "average", *stems))

    def decibels(field: str) -> float | None:
        value = table.optional(field, (int, float), lambda db: -30 < db < 60, "decibels")
        return None if value is None else float(value)

    by_stem = {stem: decibels(stem) for stem in stems}
    return Score(
        definition=table.take("definition", str, lambda name: name in DEFINITIONS, " or ".join(DEFINITIONS)),
        data=table.text("data"),
        stems={stem: value for stem, value in by_stem.items() if value is not None},
        average=decibels("average"),
    )
