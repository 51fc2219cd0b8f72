"""Values that controller files have beyond what all our TOML files have: words of a list, whole numbers, lists."""

from enum import StrEnum
from typing import TypeVar, overload

from plugin_host.mix.toml_document import MAX_NAME, Table, shown, suggestion

Word = TypeVar("Word", bound=StrEnum)
MAX_TEXTS = 256


@overload
def choice(table: Table, key: str, words: type[Word], default: Word) -> Word: ...
@overload
def choice(table: Table, key: str, words: type[Word], default: None) -> Word | None: ...


def choice(table: Table, key: str, words: type[Word], default: Word | None) -> Word | None:
    """One of the enum's words, or the default where the key is absent."""
    if key not in table.values:
        return default
    text = table.text(key)
    known = [word.value for word in words]
    if text not in known:
        raise table.fault(key, f"unknown: {suggestion(text, known)}")
    return words(text)


def integer(table: Table, key: str, default: int, lowest: int, highest: int) -> int:
    """A whole number in the range."""
    return _whole(table, (key,), table.values.get(key, default), lowest, highest)


def whole_numbers(
    table: Table, key: str, count: int, lowest: int, highest: int, *, default: int | None = None, step: int = 1
) -> list[int]:
    """So many whole numbers: a list of them, or the first, from which the others go on by `step`."""
    value = table.values.get(key, default)
    if value is None:
        raise table.fault("", f"{key} is missing: add {key} = a number, or a list of {count}")
    if isinstance(value, list):
        if len(value) != count:
            raise table.fault(key, f"{len(value)} numbers for {count} controls: give {count}, or only the first")
        return [_whole(table, (key, at), entry, lowest, highest) for at, entry in enumerate(value)]
    first = _whole(table, (key,), value, lowest, highest)
    last = first + step * (count - 1)
    if last > highest:
        raise table.fault(key, f"counts up to {last}, past {highest}: give a list of {count} numbers")
    return [first + step * at for at in range(count)]


def texts(table: Table, key: str) -> tuple[str, ...]:
    """A list of texts, empty where the key is absent."""
    values = table.values.get(key, [])
    if not isinstance(values, list) or len(values) > MAX_TEXTS:
        raise table.fault(key, f'give a list of at most {MAX_TEXTS} texts: ["…"]')
    for at, value in enumerate(values):
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME * 5:
            raise table.document.fault((*table.at, key, at), f"{shown(value)} is no short text: put it in quotes")
    return tuple(values)


def _whole(table: Table, at: tuple[str | int, ...], value: object, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise table.document.fault(
            (*table.at, *at), f"{shown(value)} is no whole number from {lowest} to {highest}: give one"
        )
    return value
