"""The plan of `gathering`: which recordings of which sample libraries become which instruments and kits, as TOML.

`libraries.toml`, which comes with the package, tells what its entries mean.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin

from separation_core.errors import ModelError
from separation_core.training.corpus import STEMS

LICENCES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "MIT": "https://opensource.org/license/mit",
    "public domain": "",
}
"""The licences that a library may have, and where they stand: those that ask for no more than to be named."""

MANNERS = ("sung", "speech", "shout", "whisper")
"""How a voice is used, as a corpus record's `kind` says."""

SHORTEST = 0.6
"""Seconds that a recording is cut to, at the least."""

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    """Notes out of files whose names tell the pitch: the group of `files`, plus `semitones`."""

    name: str
    stem: str
    files: re.Pattern[str]
    semitones: int = 0
    most: int = 24
    seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Kit:
    """One drum kit, or with `count` one piece or more for some of so many kits."""

    name: str
    pieces: dict[str, re.Pattern[str]] = field(default_factory=dict)
    microphones: dict[str, tuple[float, ...]] = field(default_factory=dict)
    most: int = 6
    seconds: float = 2.5
    count: int = 0
    first: int = 0
    every: int = 1

    def names(self) -> Group:
        """Of the kits that get some of its recordings."""
        dealt = tuple(f"{self.name}_{number:02d}" for number in range(self.first, self.count, self.every))
        return dealt if self.count else (self.name,)


@dataclass(frozen=True, slots=True)
class Loop:
    """Drum loops, of one kit."""

    name: str
    files: re.Pattern[str]
    most: int = 60
    seconds: float = 12.0


@dataclass(frozen=True, slots=True)
class Voice:
    """Recordings of one singer or speaker; of one for each text that the group of `files` finds, if it has one. Longer
    ones than `seconds` are parted."""

    name: str
    kind: str
    files: re.Pattern[str]
    most: int = 60
    seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Programs:
    """Instruments of a SoundFont: General MIDI programs (0 to 127), each played from `lowest` to `highest`."""

    name: str
    stem: str
    programs: tuple[int, ...]
    lowest: int
    highest: int
    notes: int = 8
    velocities: tuple[int, ...] = (70, 100)
    seconds: float = 3.0
    kind: str = ""

    def instrument(self, program: int) -> str:
        """The name of one program's instrument."""
        return f"{self.name}_p{program:03d}"


@dataclass(frozen=True, slots=True)
class DrumPrograms:
    """Drum kits of a SoundFont. velocities: of the pieces that are played more than once."""

    name: str
    programs: tuple[int, ...]
    keys: dict[str, tuple[int, ...]]
    velocities: dict[str, tuple[int, ...]] = field(default_factory=dict)
    seconds: float = 2.8

    def kit(self, program: int) -> str:
        """The name of one program's kit."""
        return f"{self.name}_k{program:02d}"


Entry = Instrument | Kit | Loop | Voice | Programs | DrumPrograms


@dataclass(frozen=True, slots=True)
class Library:
    """One sample library: a folder of recordings, or a SoundFont."""

    source: str
    author: str
    licence: str
    url: str
    folder: str = ""
    sound_font: str = ""
    microphone: str = ""
    pieces: dict[str, re.Pattern[str]] = field(default_factory=dict)
    instruments: tuple[Instrument, ...] = ()
    kits: tuple[Kit, ...] = ()
    loops: tuple[Loop, ...] = ()
    voices: tuple[Voice, ...] = ()
    programs: tuple[Programs, ...] = ()
    drum_programs: tuple[DrumPrograms, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldVowels:
    """Held notes out of sung recordings: at most `most` of a singer, `together` of them to an instrument."""

    most: int
    together: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to gather."""

    library: tuple[Library, ...] = ()
    held_vowels: HeldVowels | None = None


def read_plan(path: Path | None = None) -> Plan:
    """The plan in a TOML file, or the one that comes with the package. ModelError in one line for what is wrong."""
    shipped = resources.files("separation_core.training") / "libraries.toml"
    where = "libraries.toml" if path is None else str(path)
    try:
        text = shipped.read_text(encoding="utf-8") if path is None else path.read_text(encoding="utf-8-sig")
        plan: Plan = _read(Plan, tomllib.loads(text), where)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{where}: not TOML ({error}): correct it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{where} cannot be read as a plan ({error}): name a TOML file") from error
    for library in plan.library:
        _check(library, f"{where} {library.source}")
    return plan


def _read(kind: Any, value: Any, where: str) -> Any:
    """A value of TOML as what the plan's classes declare."""
    origin, inner = get_origin(kind), get_args(kind)
    if type(None) in inner:
        return _read(inner[0], value, where)
    if is_dataclass(kind) and isinstance(value, dict):
        return _read_table(kind, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(inner[0], entry, f"{where}[{number}]") for number, entry in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {name: _read(inner[1], entry, f"{where} {name}") for name, entry in value.items()}
    if origin is re.Pattern and isinstance(value, str):
        return _compile(value, where)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is kind:
        return value
    raise ModelError(f"{where}: {value!r} is of the wrong type: see libraries.toml for how it is written")


def _read_table(kind: Any, table: dict[str, Any], where: str) -> Any:
    known = {entry.name: entry for entry in fields(kind)}
    for name in table:
        if name not in known:
            raise ModelError(f"{where}: unknown entry {name!r}: it has {', '.join(known)}")
    for name, entry in known.items():
        if name not in table and entry.default is MISSING and entry.default_factory is MISSING:
            raise ModelError(f"{where}: {name} is missing: add it")
    return kind(**{name: _read(known[name].type, value, f"{where} {name}") for name, value in table.items()})


def _compile(pattern: str, where: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ModelError(f"{where}: {pattern!r} is no regular expression ({error}): correct it") from error


def _check(library: Library, where: str) -> None:
    if library.licence not in LICENCES:
        raise ModelError(f"{where}: licence {library.licence!r} is none of {', '.join(LICENCES)}: leave it out")
    recorded: tuple[Entry, ...] = (*library.instruments, *library.kits, *library.loops, *library.voices)
    entries = (*recorded, *library.programs, *library.drum_programs)
    pieces = {*library.pieces, *(piece for kit in library.kits for piece in kit.pieces)}
    pieces |= {piece for drums in library.drum_programs for piece in drums.keys}
    for name in (library.source, *pieces, *(entry.name for entry in entries)):
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ModelError(f"{where}: {name!r} is to be part of a path: take letters, digits, dots and dashes")
    if not library.microphone and any(kit.microphones for kit in library.kits):
        raise ModelError(f"{where}: microphone is missing: add the part of the paths that those of the kits replace")
    for entry in entries:
        _check_entry(entry, f"{where} {entry.name}")


def _check_entry(entry: Entry, where: str) -> None:
    if isinstance(entry, Instrument | Programs) and entry.stem not in STEMS:
        raise ModelError(f"{where}: stem {entry.stem!r} is none of {', '.join(STEMS)}: correct it")
    if isinstance(entry, Instrument) and entry.files.groups != 1:
        raise ModelError(f"{where}: files needs exactly one group, around the note: has {entry.files.groups}")
    if isinstance(entry, Voice) and entry.kind not in MANNERS:
        raise ModelError(f"{where}: kind {entry.kind!r} is none of {', '.join(MANNERS)}: correct it")
    if isinstance(entry, Voice | Loop) and entry.files.groups > isinstance(entry, Voice):
        raise ModelError(f"{where}: files has too many groups ({entry.files.groups}): begin those not needed with (?:")
    if entry.seconds < SHORTEST:
        raise ModelError(f"{where}: seconds {entry.seconds:g} is too short: take {SHORTEST} or more")
    low = min(_counts(entry))
    if low < 1:
        raise ModelError(f"{where}: {low} where a number from 1 on is needed: correct it")
    if not all(0 <= number <= 127 for number in _midi_numbers(entry)):
        raise ModelError(f"{where}: programs, keys and velocities are 0 to 127: correct it")


def _counts(entry: Entry) -> Iterable[int]:
    if isinstance(entry, Kit):
        return (entry.most, entry.every, entry.first + 1, entry.count + 1, *map(len, entry.microphones.values()))
    if isinstance(entry, Programs):
        return (entry.notes, len(entry.velocities))
    return (1,) if isinstance(entry, DrumPrograms) else (entry.most,)


def _midi_numbers(entry: Entry) -> Iterable[int]:
    if isinstance(entry, Programs):
        return (*entry.programs, *entry.velocities, entry.lowest, entry.highest)
    if isinstance(entry, DrumPrograms):
        both = (*entry.keys.values(), *entry.velocities.values())
        return (*entry.programs, *(number for numbers in both for number in numbers))
    return ()
