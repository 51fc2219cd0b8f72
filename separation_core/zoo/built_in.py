"""The models that come with stemrack, and which of them is taken where nobody names one.

Both stand in a data file: `default = …` there is the whole switch. A model whose weights are not in the package is
described there already and not offered. Reading it imports no torch.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from separation_core.errors import ModelError
from separation_core.units import Hertz
from separation_core.zoo.card_table import CardTable, nearest
from separation_core.zoo.cards import BuiltInCard, Credit, MeasuredScore

FORMAT = 1
DEFAULT_MODEL = "default"
"""The name that always means the model taken where nobody names one."""
_FILE = "built_in.toml"
_WEIGHTS = "weights"
_FIELDS = (
    "title", "stems", "rate", "licence", "data", "recipe", "parameters", "weights", "silence_db", "speed", "memory",
    "machine", "scores", "gains", "limits", "credits",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """cards: the models that can be used, by name. default: the name of one of them."""

    cards: Mapping[str, BuiltInCard]
    default: str


@cache
def built_in() -> BuiltIn:
    """The built-in models of this installation."""
    return read_built_in((_package() / _FILE).read_text(encoding="utf-8"), _package() / _WEIGHTS)


def is_built_in(name: str) -> bool:
    """Whether a built-in model has that name; `default` is the name of one."""
    return name == DEFAULT_MODEL or name in built_in().cards


def built_in_card(name: str) -> BuiltInCard:
    """The card of that name, or of the default. Raises ModelError with the nearest names."""
    known = built_in()
    name = known.default if name == DEFAULT_MODEL else name
    if name not in known.cards:
        raise ModelError(f"no built-in model is called {name!r}: {nearest(name, known.cards)}")
    return known.cards[name]


def weights_of(card: BuiltInCard) -> Traversable:
    """Where the model's weights lie in the package."""
    return _package() / _WEIGHTS / card.weights


def read_built_in(text: str, weights: Traversable) -> BuiltIn:
    """The models in a data file whose weights are in the folder `weights`, or that need none.

    Raises ModelError naming the entry and the field of the first fault, and for a default that cannot be used.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{_FILE} is not TOML: {error}") from error
    top = CardTable(_FILE, "", document, ("format", "default", "models"))
    top.take("format", int, lambda value: value == FORMAT, f"{FORMAT}")
    cards = {name: _card(name, entry) for name, entry in top.take("models", dict, bool, "tables of models").items()}
    there = {name: card for name, card in cards.items() if not card.weights or (weights / card.weights).is_file()}
    return BuiltIn(there, top.take("default", str, lambda name: name in there, f"one of {', '.join(there)}"))


def _package() -> Traversable:
    return files(__package__)


def _card(name: str, entry: object) -> BuiltInCard:
    table = CardTable(_FILE, f"models.{name}", entry, _FIELDS)
    stems = table.texts("stems", str.isidentifier, "stem names")

    def number(field: str, wanted: str) -> float | None:
        value = table.optional(field, (int, float), lambda value: value > 0, wanted)
        return None if value is None else float(value)

    return BuiltInCard(
        name=name,
        title=table.text("title"),
        stems=stems,
        rate=Hertz(table.take("rate", int, lambda rate: 8000 <= rate <= 192_000, "a sample rate in Hz")),
        licence=table.text("licence"),
        data=table.text("data"),
        recipe=table.text("recipe", ""),
        parameters=table.optional("parameters", int, lambda count: count > 0, "a count"),
        weights=table.text("weights", ""),
        silence_db=table.optional("silence_db", (int, float), lambda db: -120 < db < 0, "decibels under 0"),
        speed=number("speed", "times real time"),
        memory=number("memory", "gigabytes"),
        machine=table.text("machine", ""),
        scores=tuple(_score(table.where, one, stems) for one in table.take("scores", list, bool, "scores", ())),
        gains=_gains(table),
        limits=tuple(table.take("limits", list, _sentences, "a list of sentences", ())),
        credits=tuple(_credit(table.where, one) for one in table.take("credits", list, bool, "credits", ())),
    )


def _sentences(values: list[Any]) -> bool:
    return all(isinstance(value, str) and value for value in values)


def _decibels(value: float) -> bool:
    return -200 < value < 200


def _gains(table: CardTable) -> Mapping[str, float]:
    gains = table.take("gains", dict, bool, "a table of decibels", {})
    measured = CardTable(_FILE, f"{table.where}.gains", gains, ("fast", "high", "best"))
    return {name: float(measured.take(name, (int, float), _decibels, "decibels")) for name in gains}


def _score(where: str, entry: object, stems: tuple[str, ...]) -> MeasuredScore:
    table = CardTable(_FILE, f"{where}.scores", entry, ("songs", "average", "leak", *stems))
    found = {stem: table.optional(stem, (int, float), _decibels, "decibels") for stem in stems}
    return MeasuredScore(
        songs=table.text("songs"),
        stems={stem: float(value) for stem, value in found.items() if value is not None},
        average=float(table.take("average", (int, float), _decibels, "decibels")),
        leak=table.optional("leak", (int, float), _decibels, "decibels"),
    )


def _credit(where: str, entry: object) -> Credit:
    table = CardTable(_FILE, f"{where}.credits", entry, ("work", "author", "licence", "source"))
    return Credit(*(table.text(field) for field in ("work", "author", "licence", "source")))
