"""Reading our TOML files strictly: every complaint is a `PresetError` that names file, line and field."""

import difflib
import math
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from plugin_host.errors import PresetError
from plugin_host.mix.toml_lines import KeyPath, OutsizeError, key_lines

MAX_BYTES = 8 * 1024 * 1024
"""Room for plugins' saved states; without any, a mix is a few kilobytes."""
MAX_LINES = 20_000
MAX_NAME = 200
"""Characters in a name or purpose."""


@dataclass(frozen=True)
class Document:
    """A file's tables with the line of each key."""

    path: Path
    lines: Mapping[KeyPath, int]

    def fault(self, at: KeyPath, message: str) -> PresetError:
        """The error to raise for the value at that key path."""
        line = next((self.lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.lines), 1)
        field = f" {spelt(at)}:" if at else ""
        return PresetError(f"{self.path}, line {line}:{field} {message}")


@dataclass(frozen=True)
class Table:
    """One table of a document. Its getters check the type and say what to give instead."""

    document: Document
    at: KeyPath
    values: Mapping[str, object]

    def fault(self, key: str, message: str) -> PresetError:
        """The error to raise for one of its keys; "" for the table itself."""
        return self.document.fault((*self.at, key) if key else self.at, message)

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Every key must be a known one; the nearest known is suggested."""
        for key in self.values:
            if key not in known:
                raise self.fault(key, f"unknown key: {suggestion(key, known)}")

    def text(self, key: str, default: str | None = None, limit: int = MAX_NAME) -> str:
        """A text on one line, of at most `limit` characters; without a default it must be there and not blank."""
        value = self.values.get(key, default)
        if value is None:
            raise self.fault("", f'{key} is missing: add {key} = "…"')
        if not isinstance(value, str):
            raise self.fault(key, f"{shown(value)} is no text: put it in quotes")
        if default is None and not value.strip():
            raise self.fault(key, "is empty: give a text")
        if len(value) > limit:
            raise self.fault(key, f"{len(value)} characters long: give at most {limit}")
        if not value.isprintable():
            raise self.fault(key, f"{shown(value)} has a line break or control character: take it out")
        return value

    def number(self, key: str, default: float, lowest: float, highest: float) -> float:
        """A number in the range (-inf where that is the lowest)."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(key, f"{shown(value)} is no number: give {lowest:g} to {highest:g}")
        if math.isnan(value) or not lowest <= value <= highest:
            raise self.fault(key, f"{shown(value)} is out of range: give {lowest:g} to {highest:g}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.fault(key, f"{shown(value)} is neither true nor false")
        return value

    def table(self, key: str) -> "Table":
        """A table below, empty where the key is absent."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.fault(key, f"{shown(value)} is no table: write [{spelt((*self.at, key))}]")
        return Table(self.document, (*self.at, key), value)

    def tables(self, key: str) -> tuple["Table", ...]:
        """A list of tables below, empty where the key is absent."""
        return table_list(self.document, (*self.at, key), self.values.get(key, []))

    def subtables(self) -> Iterator[tuple[str, "Table"]]:
        """Every key here as a table."""
        return ((key, self.table(key)) for key in self.values)


def table_list(document: Document, at: KeyPath, value: object) -> tuple[Table, ...]:
    """A value that must be a list of tables."""
    if not isinstance(value, list):
        raise document.fault(at, f"{shown(value)} is no list: write [[{spelt(at)}]]")
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            raise document.fault((*at, index), f"{shown(entry)} is no table: write {{ … }}")
    return tuple(Table(document, (*at, index), entry) for index, entry in enumerate(value))


def read_document(path: Path) -> Table:
    """The file's root table; `PresetError` where it cannot be read, is too large, or is no TOML."""
    text = _read_text(path)
    if text.count("\n") > MAX_LINES:
        raise PresetError(f"{path}, line {MAX_LINES + 1}: more than {MAX_LINES} lines: no preset or mix is that long")
    try:
        lines = key_lines(text)
        values = tomllib.loads(text)
    except OutsizeError as error:
        raise PresetError(f"{path}, line {error.line}: {error}: no preset or mix is like that") from error
    except tomllib.TOMLDecodeError as error:
        where = str(error).replace("end of document", f"line {text.count(chr(10)) + 1}, the end")
        raise PresetError(f"{path}: not valid TOML: {where}") from error
    except ValueError as error:  # Python's own limit on the digits of a whole number
        raise PresetError(f"{path}: not valid TOML: a number has thousands of digits") from error
    return Table(Document(path, lines), (), values)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PresetError(f"{path}: no such file: check the path") from error
    except OSError as error:
        raise PresetError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise PresetError(f"{path}: larger than {MAX_BYTES // 1024 // 1024} MiB: no preset or mix is that large")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PresetError(f"{path}, line {line}: not UTF-8 text: save it as UTF-8") from error


def spelt(at: KeyPath) -> str:
    """A key path as a person reads it: tracks[1].chain[3].threshold_db, places counted from 1."""
    text = ""
    for part in at:
        text += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if text else ''}{part[:40]}"
    return text


def shown(value: object) -> str:
    """A value in a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def suggestion(name: str, known: Collection[str]) -> str:
    """'did you mean …' with the nearest known name, else the list of them."""
    near = difflib.get_close_matches(name[:MAX_NAME], list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
