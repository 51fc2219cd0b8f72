"""Reading fields of an untrusted table: each is there, of its type and in its range, or the error names it."""

import math
from collections.abc import Mapping
from datetime import datetime

from separation_core.errors import ManifestInvalid

LONGEST_TEXT = 4096


class Fields:
    """One TOML table. `where` is how its fields are named in errors, "stems[2]" say; "" for the whole file."""

    def __init__(self, table: Mapping[str, object], file: str, where: str = "") -> None:
        self._table = table
        self._file = file
        self._where = where

    def text(self, name: str, *, longest: int = LONGEST_TEXT) -> str:
        """A string of at most `longest` characters."""
        value = self._get(name)
        if not isinstance(value, str) or len(value) > longest:
            raise self.invalid(name, f"a text of at most {longest} characters")
        return value

    def integer(self, name: str, lowest: int, highest: int) -> int:
        """A whole number in [lowest, highest]."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise self.invalid(name, f"a whole number from {lowest} to {highest}")
        return value

    def level(self, name: str) -> float:
        """A level in dB or LUFS from -inf (silence) to 1000, never NaN."""
        value = self._get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value) or value > 1000:
            raise self.invalid(name, "a level from -inf to 1000")
        return float(value)

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise self.invalid(name, "true or false")
        return value

    def moment(self, name: str) -> datetime:
        """A date and time with its offset from UTC."""
        value = self._get(name)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.invalid(name, "a date and time with its offset, such as 2025-01-31T12:00:00Z")
        return value

    def table(self, name: str) -> "Fields":
        """A table inside this one."""
        value = self._get(name)
        if not isinstance(value, dict):
            raise self.invalid(name, "a table")
        return Fields(value, self._file, self._path(name))

    def tables(self, name: str, fewest: int, most: int) -> tuple["Fields", ...]:
        """An array of `fewest` to `most` tables."""
        value = self._get(name)
        if not isinstance(value, list) or not fewest <= len(value) <= most:
            raise self.invalid(name, f"an array of {fewest} to {most} tables")
        if not all(isinstance(item, dict) for item in value):
            raise self.invalid(name, "an array that holds only tables")
        return tuple(Fields(item, self._file, f"{self._path(name)}[{index}]") for index, item in enumerate(value))

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """An array of at most `most` texts."""
        value = self._get(name)
        if not isinstance(value, list) or len(value) > most:
            raise self.invalid(name, f"an array of at most {most} texts")
        if not all(isinstance(item, str) and len(item) <= LONGEST_TEXT for item in value):
            raise self.invalid(name, f"an array of texts of at most {LONGEST_TEXT} characters")
        return tuple(value)

    def text_values(self, most: int) -> dict[str, str]:
        """All fields of this table, at most `most`, each of them a text."""
        self._check_count(most)
        return {name: self.text(name) for name in self._table}

    def plain_values(self, most: int) -> dict[str, str | int | float | bool]:
        """All fields of this table, at most `most`, each a text, number, true or false."""
        self._check_count(most)
        values: dict[str, str | int | float | bool] = {}
        for name, value in self._table.items():
            if not isinstance(value, str | int | float | bool):
                raise self.invalid(name, "a text, a number, true or false")
            values[name] = value
        return values

    def invalid(self, name: str, wanted: str) -> ManifestInvalid:
        """The error that names file, field, value and what belongs there."""
        shown = _shown(self._table[name]) if name in self._table else "missing"
        return ManifestInvalid(
            f"{self._file}: {self._path(name)} is {shown}: give {wanted}, or separate the song again with --force"
        )

    def _get(self, name: str) -> object:
        if name not in self._table:
            raise self.invalid(name, "it")
        return self._table[name]

    def _path(self, name: str) -> str:
        printable = name if name.isidentifier() else _shown(name)
        return f"{self._where}.{printable}" if self._where else printable

    def _check_count(self, most: int) -> None:
        if len(self._table) > most:
            raise ManifestInvalid(
                f"{self._file}: {self._where} has {len(self._table)} fields: at most {most} are taken; "
                "separate the song again with --force"
            )


def _shown(value: object) -> str:
    """The value on one line; a hostile number can be too long for Python to spell out."""
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    spelled = repr(value)
    return spelled if len(spelled) <= 80 else f"{spelled[:77]}..."
