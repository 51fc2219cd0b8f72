"""The tables of our own data files, read strictly: every fault names the file, the entry, the field and the remedy."""

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from separation_core.errors import ModelError


def nearest(name: str, known: Collection[str]) -> str:
    """'did you mean …' with the nearest known names, else the list of them."""
    near = difflib.get_close_matches(name[:64], list(known), n=2)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"


class CardTable:
    """One table of a file, whose fields are taken one by one with their type and condition.

    file: the file's name; where: the table's, both for messages. Every method raises ModelError.
    """

    def __init__(self, file: str, where: str, entry: object, known: Collection[str]) -> None:
        self.file, self.where = file, where
        if not isinstance(entry, Mapping):
            raise ModelError(f"{file}: {where} must be a table")
        self._entry = entry
        for field in entry:
            if field not in known:
                raise ModelError(f"{file}: {where}: unknown field {field!r}: {nearest(field, known)}")

    def take(
        self, field: str, kind: type | tuple[type, ...], valid: Callable[[Any], bool], wanted: str, default: Any = None
    ) -> Any:
        """The field's value, `default` where it is absent and has one."""
        value = self._entry.get(field, default)
        if value is default and default is not None:
            return value
        if value is None:
            raise ModelError(f"{self.file}: {self.where}: field {field!r} is missing: give {wanted}")
        if not isinstance(value, kind) or isinstance(value, bool) or not valid(value):
            raise ModelError(f"{self.file}: {self.where}: {field} = {value!r}: give {wanted}")
        return value

    def optional(self, field: str, kind: type | tuple[type, ...], valid: Callable[[Any], bool], wanted: str) -> Any:
        """The field's value, None where it is absent."""
        return self.take(field, kind, valid, wanted) if field in self._entry else None

    def flag(self, field: str) -> bool:
        """A field that is true or false, false where it is absent."""
        value = self._entry.get(field, False)
        if not isinstance(value, bool):
            raise ModelError(f"{self.file}: {self.where}: {field} = {value!r}: give true or false")
        return value

    def text(self, field: str, default: str | None = None) -> str:
        """A field of one line of text."""
        return str(
            self.take(field, str, lambda value: value.strip() and "\n" not in value, "one line of text", default)
        )

    def texts(self, field: str, valid: Callable[[str], bool], wanted: str) -> tuple[str, ...]:
        """A field with one text or more, none twice."""

        def good(values: list[Any]) -> bool:
            strings = all(isinstance(value, str) and valid(value) for value in values)
            return bool(values) and strings and len(set(values)) == len(values)

        return tuple(self.take(field, list, good, f"a list of {wanted}, none twice"))
