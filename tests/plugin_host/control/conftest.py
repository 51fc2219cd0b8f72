"""What no surface may ever bring about.

The fuzz runs take a hundred times as many examples with `STEMRACK_FUZZ=100 pytest -k fuzz --timeout 0
tests/plugin_host/control`; without, as many as a test may take time for.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass

import pytest

from plugin_host.mix.state import MAX_GAIN_DB


def _unsound(value: object, name: str) -> Iterator[str]:
    """Every number in a mix that cannot be: NaN, infinite upwards, a gain above +12 dB."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _unsound(getattr(value, field.name), field.name)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _unsound(each, str(key))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _unsound(each, name)
    elif isinstance(value, float):
        is_gain = name in ("gain_db", "sends")
        if math.isnan(value) or value == math.inf or (is_gain and value > MAX_GAIN_DB):
            yield f"{name} = {value}"


@pytest.fixture
def unsound() -> Callable[[object], list[str]]:
    """What is wrong with a mix or a transport."""
    return lambda value: [*_unsound(value, "")]
