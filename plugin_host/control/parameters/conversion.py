"""Values as they arrive from outside, made into what a parameter holds; and values as people read them."""

import math
import re

from plugin_host.control.parameters.declaration import Parameter, Value
from plugin_host.control.parameters.taper import Linear
from plugin_host.errors import ControlError
from plugin_host.mix.toml_document import shown

MAX_TEXT = 500
"""Characters of a text that is taken."""
_NUMBER = re.compile(
    r"\s*([-+−]?\s*(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|inf|∞))\s*(\D{0,20})", re.IGNORECASE
)
_WORDS = {"true": 1.0, "on": 1.0, "yes": 1.0, "false": 0.0, "off": 0.0, "no": 0.0}


def taken(parameter: Parameter, value: Value) -> Value:
    """The value as this parameter holds it: converted, and held at the ends of the range.

    Taken are truth values, whole and other numbers, and texts of these with or without the unit ("-3 dB", "-inf").
    Raises `ControlError` for NaN, for infinity (but -inf where the range begins there), and for what is no number or
    choice at all.
    """
    match parameter.kind:
        case "text":
            return _text(parameter, value)
        case "trigger":
            return _text(parameter, value) if isinstance(value, str) else _held(parameter, _number(parameter, value))
        case "choice":
            return _choice(parameter, value)
        case "bool":
            return _number(parameter, value) >= 0.5
        case "int":
            return round(_held(parameter, _number(parameter, value)))
        case "float":
            return _held(parameter, _number(parameter, value))


def is_pressed(value: Value | None) -> bool:
    """Whether a trigger that is given this is pressed, not let go."""
    if isinstance(value, str):
        return value.strip().lower() not in ("0", "0.0", "false", "off")
    return value is None or value is True or value > 0


def share_of(parameter: Parameter, value: Value) -> float | None:
    """Where the value stands between the ends, 0 … 1; None for texts and triggers."""
    if parameter.kind == "bool":
        return float(bool(value))
    if parameter.kind == "choice":
        return parameter.choices.index(str(value)) / max(len(parameter.choices) - 1, 1)
    if parameter.taper is None or isinstance(value, str):
        return None
    return parameter.taper.to_share(float(value))


def value_at(parameter: Parameter, share: float) -> Value:
    """The value that stands at a share 0 … 1 of the way; `ControlError` where the parameter has no range."""
    if parameter.kind == "bool":
        return share >= 0.5
    if parameter.kind == "choice":
        return parameter.choices[round(Linear(0.0, len(parameter.choices) - 1.0).to_value(share))]
    if parameter.taper is None:
        raise ControlError(f"{parameter.address} has no range: send it a value of its own")
    value = parameter.taper.to_value(share)
    return round(value) if parameter.kind == "int" else value


def spoken(parameter: Parameter, value: Value) -> str:
    """The value with its unit, as a display shows it: "-3.0 dB", "1200 Hz"; `taken` reads it again."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or math.isinf(value):
        number = str(value)
    elif parameter.unit == "dB":
        number = f"{value:.1f}"
    else:
        number = f"{value:.{_decimals(value)}f}"
    return f"{number} {parameter.unit}".rstrip()


def _decimals(value: float) -> int:
    return 0 if abs(value) >= 1000.0 else 1 if abs(value) >= 100.0 else 2


def _held(parameter: Parameter, number: float) -> float:
    low, high = parameter.minimum, parameter.maximum
    held = number if low is None else max(number, low)
    held = held if high is None else min(held, high)
    if math.isinf(number) and not (number < 0 and low == -math.inf):
        raise ControlError(f"{parameter.address}: {number} is no value: give {_range(parameter)}")
    return held


def _number(parameter: Parameter, value: Value) -> float:
    try:
        number = _read_number(value, parameter.unit) if isinstance(value, str) else float(value)
    except (OverflowError, ValueError) as error:
        raise ControlError(f"{parameter.address}: {shown(value)} is no number: give {_range(parameter)}") from error
    if math.isnan(number):
        raise ControlError(f"{parameter.address}: NaN is no value: give {_range(parameter)}")
    return number


def _read_number(text: str, unit: str) -> float:
    word = _WORDS.get(text.strip().lower())
    if word is not None:
        return word
    if unit == "s" and ":" in text:
        return _seconds(text)
    found = _NUMBER.fullmatch(text) if len(text) <= MAX_TEXT else None
    if found is None or found[2].strip().lower() not in ("", unit.lower()):
        raise ValueError(text)
    return float(re.sub(r"\s", "", found[1]).replace("−", "-").replace("∞", "inf"))


def _seconds(text: str) -> float:
    """m:ss.s or h:mm:ss."""
    parts = [float(part) for part in text.split(":", 3)]
    if len(parts) > 3 or any(part < 0.0 for part in parts):
        raise ValueError(text)
    return sum((part * 60.0**place for place, part in enumerate(reversed(parts))), 0.0)


def _choice(parameter: Parameter, value: Value) -> str:
    choices = parameter.choices
    if isinstance(value, str):
        by_name = {choice.lower(): choice for choice in choices}
        if value.strip().lower() in by_name:
            return by_name[value.strip().lower()]
    try:
        return choices[min(max(round(_number(parameter, value)), 0), len(choices) - 1)]
    except (ControlError, OverflowError):
        raise ControlError(f"{parameter.address}: {shown(value)} is none of {', '.join(choices)}") from None


def _text(parameter: Parameter, value: Value) -> str:
    text = value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    if len(text) > MAX_TEXT or not text.isprintable():
        raise ControlError(f"{parameter.address}: {shown(text)}: give at most {MAX_TEXT} printable characters")
    return text.strip()


def _range(parameter: Parameter) -> str:
    if parameter.minimum is None or parameter.maximum is None:
        return "a number"
    return f"{parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}".rstrip()
