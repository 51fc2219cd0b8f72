"""Where each signal comes out, as it is typed: `--out vocals=3,4 --out master=off`."""

from collections.abc import Sequence

import typer

MASTER = "master"
OFF = "off"
_HINT = "--out"

Outs = tuple[tuple[str, tuple[int, int] | tuple[()]], ...]


def chosen_outs(wishes: Sequence[str], tracks: Sequence[str]) -> Outs:
    """What is given channels of its own: (left, right) from 1, or none. `BadParameter` names what is wrong."""
    found = {}
    for text in wishes:
        name, _, where = text.rpartition("=")
        if name not in (MASTER, *tracks):
            raise typer.BadParameter(f"{text!r}: there are {', '.join((MASTER, *tracks))}", param_hint=_HINT)
        found[name] = () if where == OFF else _pair(text, where)
    return tuple(found.items())


def _pair(text: str, where: str) -> tuple[int, int]:
    left, _, right = where.partition(",")
    if not (left.isdecimal() and right.isdecimal()):
        raise typer.BadParameter(f"{text!r}: give two channels, such as vocals=3,4, or {OFF}", param_hint=_HINT)
    return int(left), int(right)
