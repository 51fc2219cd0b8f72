"""Takes as files: one JSON value a line, the first what the take began with, each further one a control move.

    {"format": 1, "rate": 48000, "start": 0, "mix": {…}}
    [4800, "set_gain", {"track": "vocals", "gain_db": -3.0}]

Lines, because a take can hold a million moves: it is written and read in one pass, and what is wrong has a line.
"""

import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from plugin_host.desk.checked import checked_apply
from plugin_host.desk.command_record import Place, command_values, from_values, read_command, to_values
from plugin_host.errors import HostError, MixError, PresetError
from plugin_host.mix.chain_table import EffectCheck
from plugin_host.mix.mix_file import replace_file
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.mix.toml_document import MAX_BYTES, Document, Table, shown

FORMAT = 1
ENDING = ".take.jsonl"
MAX_EVENTS = 1_000_000
"""Moves in one take: more than eight minutes of 2000 a second."""
MAX_LINE = MAX_BYTES
MAX_FRAME = 2**53
MAX_NAME = 100
_DIGITS = 5
"""Left for a space and a number where a name is taken."""


TAKES_FOLDER = "takes"
"""Of a session folder."""


def take_path(folder: Path, name: str) -> Path:
    """The file of the take of that name; `MixError` where it can be no file's name."""
    plain = name.strip()
    if not plain or len(plain) > MAX_NAME or not plain.isprintable() or set(plain) & set('/\\:*?"<>|'):
        raise MixError(f'{shown(name)} cannot name a take: give a short name without / \\ : * ? " < > |')
    if plain.startswith("."):
        raise MixError(f"{shown(name)} cannot name a take: begin with something other than a dot")
    return folder / f"{plain}{ENDING}"


def check_folder(folder: Path) -> None:
    """`MixError` where takes could not be kept there, as it is now: it is the time to say so before one is played."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise MixError(f"{there}: takes cannot be kept there: check its permissions, or use a copy of the session")


def check_new(folder: Path, name: str) -> None:
    """`MixError` where a take of that name could not be kept there, or would take another's place."""
    check_folder(folder)
    if take_path(folder, name).exists():
        raise MixError(f"there is a take {name!r}: give another name")


def take_names(folder: Path) -> tuple[str, ...]:
    """The takes in that folder, by name; none where there is no folder, or none that can be read."""
    try:
        there = [path.name for path in folder.iterdir()]
    except OSError:
        return ()
    return tuple(sorted(name.removesuffix(ENDING) for name in there if name.endswith(ENDING) and name[0] != "."))


def free_name(folder: Path) -> str:
    """ "take 1", or the next number that no take has."""
    return _first_free(folder, (f"take {number}" for number in itertools.count(1)))


def name_beside(folder: Path, name: str) -> str:
    """That name, or where a take has it "name 2", or the next number that none has."""
    plain = name.strip()
    numbered = (f"{plain[: MAX_NAME - _DIGITS].rstrip()} {number}" for number in itertools.count(2))
    return _first_free(folder, itertools.chain([plain], numbered))


def _first_free(folder: Path, names: Iterable[str]) -> str:
    there = set(take_names(folder))
    return next(name for name in names if name not in there)


def write_take(path: Path, take: Take, rate: int) -> None:
    """Write the take, its folder made if need be; at every moment the file is the old one or the new one.

    rate: Hz of the frames. `PresetError` where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PresetError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    replace_file(path, "".join(f"{line}\n" for line in _lines(take, rate)).encode())


def _lines(take: Take, rate: int) -> Iterator[str]:
    head = {"format": FORMAT, "rate": rate, "start": take.start, "mix": to_values(take.mix)}
    for value in (head, *([event.frame, *command_values(event.command)] for event in take.events)):
        yield json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_take(path: Path, rate: int, check: EffectCheck) -> Take:
    """The take in that file, for a session at `rate` Hz.

    Everything is tried on the way: moves that do not fit the mix they meet, effects that `check` refuses, frames out
    of order. `PresetError` names the line.
    """
    try:
        with path.open("rb") as file:
            lines = enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1)
            return _read(path, lines, rate, check)
    except FileNotFoundError as error:
        raise PresetError(f"{path}: no such take: check the path") from error
    except OSError as error:
        raise PresetError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read(path: Path, lines: Iterable[tuple[int, bytes]], rate: int, check: EffectCheck) -> Take:
    iterator = iter(lines)
    number, line = next(iterator, (1, b""))
    mix, start = _read_head(_place(path, number, check), line, rate)
    events: list[TakeEvent] = []
    state, before = mix, start
    for number, line in iterator:
        place = _place(path, number, check)
        if len(events) == MAX_EVENTS:
            raise place.fault(f"more than {MAX_EVENTS} moves: split the take")
        event = _read_event(place, line, before)
        state, before = _tried(state, event, place), event.frame
        events.append(event)
    return Take(mix, start, tuple(events))


def _place(path: Path, line: int, check: EffectCheck) -> Place:
    return Place(Document(path, {("move",): line, ("take",): line}), ("move",) if line > 1 else ("take",), check)


def _read_head(place: Place, line: bytes, rate: int) -> tuple[Mix, int]:
    value = _json(place, line)
    if not isinstance(value, dict):
        raise place.fault("is no take: its first line is a table with format, rate, start and mix")
    table = Table(place.document, place.at, value)
    if value.get("format") != FORMAT:
        raise place.fault(f"format is {shown(value.get('format'))}: this stemrack reads format {FORMAT}")
    table.refuse_unknown(("format", "rate", "start", "mix"))
    if value.get("rate") != rate:
        raise place.fault(
            f"recorded at {shown(value.get('rate'))} Hz, the session is at {rate} Hz: use its own session"
        )
    mix: Mix = from_values(Mix, value.get("mix"), place.below("mix"))
    return mix, _frame(place, value.get("start"), 0)


def _read_event(place: Place, line: bytes, earliest: int) -> TakeEvent:
    value = _json(place, line)
    if not isinstance(value, list) or len(value) != 3:
        raise place.fault("is no move: give [frame, command, fields]")
    return TakeEvent(_frame(place, value[0], earliest), read_command(value[1], value[2], place))


def _json(place: Place, line: bytes) -> object:
    if len(line) > MAX_LINE:
        raise place.fault(f"longer than {MAX_LINE} bytes: no move is")
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise place.fault("is not valid JSON") from error


def _frame(place: Place, value: object, earliest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not earliest <= value <= MAX_FRAME:
        raise place.fault(f"frame {shown(value)}: give a whole number, {earliest} or later")
    return value


def _tried(mix: Mix, event: TakeEvent, place: Place) -> Mix:
    try:
        return checked_apply(mix, event.command, place.check)
    except HostError as error:
        raise place.fault(str(error)) from error
