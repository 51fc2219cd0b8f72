"""Bringing the manifest of an earlier stemrack up to today's format, one step at a time."""

from collections.abc import Callable, Mapping
from typing import Any

from separation_core.errors import ManifestInvalid, ManifestTooNew

FORMAT = 2
"""The manifest format this stemrack writes. Raise it with every change that an older reader would misread."""

Table = dict[str, Any]
Step = Callable[[Table], Table]


def _always_whole(table: Table) -> Table:
    """Format 1 knew only sessions of whole songs, which begin at the song's first frame."""
    return table | {"start": 0}


STEPS: Mapping[int, Step] = {1: _always_whole}
"""From format n to format n + 1."""


def migrate(table: Table, file: str, *, steps: Mapping[int, Step] = STEPS, current: int = FORMAT) -> Table:
    """The table in format `current`. `ManifestTooNew` for a later one; `ManifestInvalid` where no step leads up."""
    found = table.get("format")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise ManifestInvalid(f"{file}: format is not a whole number from 1: this is not a stemrack manifest")
    if found > current:
        raise ManifestTooNew(
            f"{file}: written in format {min(found, 2**31)} by a later stemrack, this one reads up to {current}: "
            "upgrade stemrack"
        )
    for number in range(found, current):
        if number not in steps:
            raise ManifestInvalid(f"{file}: format {number} can no longer be read: separate the song again")
        table = steps[number](table) | {"format": number + 1}
    return table
