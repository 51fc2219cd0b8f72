"""What pedalboard says about its own effects: names, parameters, defaults, choices.

Its classes are bound with pybind11, whose `__init__.__doc__` is the typed signature:
`__init__(self: …, threshold_db: float = 0, ratio: float = 1, …) -> None`.
"""

import ast
import inspect
import re
from dataclasses import dataclass
from functools import cache

import pedalboard

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PARAMETER = re.compile(r"(?P<name>\w+): (?P<type>[^=]+?)(?: = (?P<default><[^>]+>|[^,]+))?$")
_ENUM_VALUE = re.compile(r"<(?P<enum>\w+)\.(?P<member>\w+): \d+>")
_COMMA_OUTSIDE_BRACKETS = re.compile(r", (?![^\[]*\])")


@dataclass(frozen=True, slots=True)
class BoundParameter:
    """One constructor parameter. default is None where there is none; choices are the members of its enum."""

    name: str
    annotation: str
    default: float | int | bool | str | None
    choices: tuple[str, ...] = ()


def effect_name(class_name: str) -> str:
    """`GSMFullRateCompressor` → `gsm_full_rate_compressor`."""
    return "_".join(_WORD_STARTS.split(class_name)).lower()


def effect_title(class_name: str) -> str:
    """`GSMFullRateCompressor` → `GSM Full Rate Compressor`."""
    return " ".join(_WORD_STARTS.split(class_name))


@cache
def effect_classes() -> dict[str, type[pedalboard.Plugin]]:
    """Every built-in effect by catalogue name: plugins that can be made, neither containers nor external."""
    plugins = [c for _, c in inspect.getmembers(pedalboard, inspect.isclass) if issubclass(c, pedalboard.Plugin)]
    apart = (pedalboard.PluginContainer, pedalboard.ExternalPlugin)
    effects = [c for c in plugins if not issubclass(c, apart) and not _is_base(c, plugins)]
    return {effect_name(c.__name__): c for c in effects}


@cache
def bound_parameters(name: str) -> tuple[BoundParameter, ...]:
    """The constructor parameters of the effect with that catalogue name, in order."""
    signature = (effect_classes()[name].__init__.__doc__ or "").splitlines()[0]
    inside = signature[signature.index("(") + 1 : signature.rindex(")")]
    matches = (_PARAMETER.match(part) for part in _COMMA_OUTSIDE_BRACKETS.split(inside)[1:])
    return tuple(_bound(m["name"], m["type"], m["default"]) for m in matches if m)


def constructor_value(parameter: BoundParameter, value: object) -> object:
    """What the constructor takes: a choice by its name becomes the enum member."""
    return _members(parameter.annotation)[str(value)] if parameter.choices else value


def _is_base(candidate: type, plugins: list[type[pedalboard.Plugin]]) -> bool:
    return any(candidate is not other and issubclass(other, candidate) for other in plugins)


def _bound(name: str, annotation: str, default: str | None) -> BoundParameter:
    enum = _ENUM_VALUE.match(default or "")
    if enum:
        return BoundParameter(name, annotation, enum["member"], tuple(_members(annotation)))
    if default is None:
        return BoundParameter(name, annotation, None)
    value = ast.literal_eval(default)
    return BoundParameter(name, annotation, float(value) if annotation == "float" else value)


def _members(annotation: str) -> dict[str, object]:
    """Members of an enum annotated as `pedalboard_native.Resample.Quality`; GSM's quality is Resample's."""
    _, owner, enum = annotation.rsplit(".", 2)
    members: dict[str, object] = getattr(getattr(pedalboard, owner), enum).__members__
    return members
