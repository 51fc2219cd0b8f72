"""Device files, `presets/controllers/devices/NAME.toml`: what a controller's controls send and can show.

    purpose = "Korg nanoKONTROL2 as it comes from the factory"
    ports = ["nanoKONTROL2"]
    channel = 1

    [controls."fader{1-8}"]
    cc = 0                          # fader1 sends CC 0, fader2 CC 1, …

    [controls."solo{1-8}"]
    kind = "button"
    cc = [32, 33, 34, 35, 36, 37, 38, 39]
    light = { on = 127, off = 0 }   # lit by the message it sends itself, or another: note = 8

    [controls."vpot{1-8}"]
    kind = "relative"
    code = "signed_bit_reversed"
    cc = 16
    ring = { cc = 48, first = 1, last = 11, add = 32, add_centred = 16 }

Channels are counted from 1, as in manuals. A number stands for the first of several controls, and the others count up;
a list gives each. Exactly one of cc, cc14, nrpn, note, pitch_bend and program says what is sent; halves (coarse_first,
fine_first, coarse_only) how cc14 and nrpn send it. touch is the note, on channel 1, of a finger on a fader.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from plugin_host.control.midi.device import Control, ControlKind, Device, Display, Light, Ring
from plugin_host.control.midi.relative import RelativeCode
from plugin_host.control.midi.sources import LIMIT_7, LIMIT_14, Halves, Source, SourceKind
from plugin_host.control.midi.toml_values import choice, integer, texts, whole_numbers
from plugin_host.mix.toml_document import Table, read_document, shown

MAX_CONTROLS = 1024
MAX_HELLO = 64
_DEVICE_KEYS = ("purpose", "ports", "channel", "controls", "hello", "display")
_CONTROL_KEYS = ("kind", "channel", "code", "touch", "motor", "light", "ring", "halves", *SourceKind)
_RANGE = re.compile(r"([a-z][a-z0-9_]*?)\{(\d{1,4})-(\d{1,4})\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HIGHEST = {SourceKind.CC14: 31, SourceKind.NRPN: LIMIT_14, SourceKind.PITCH_BEND: 0}


def read_device(path: Path) -> Device:
    """The device in that file; `PresetError` names file, line and field of what is wrong."""
    root = read_document(path)
    root.refuse_unknown(_DEVICE_KEYS)
    purpose = root.text("purpose")
    controls: dict[str, Control] = {}
    for name, table in root.table("controls").subtables():
        for control in _read_controls(root, table, name):
            if control.name in controls:
                raise table.fault("", f"there is another {control.name!r}: give it another name")
            controls[control.name] = control
    _check_controls(root, controls)
    return Device(
        name=path.stem,
        purpose=purpose,
        ports=texts(root, "ports"),
        controls=controls,
        hello=tuple(_read_hello(root)),
        display=choice(root, "display", Display, Display.NONE),
    )


def _check_controls(root: Table, controls: dict[str, Control]) -> None:
    if not controls:
        raise root.fault("", 'controls are missing: add [controls."fader{1-8}"]')
    if len(controls) > MAX_CONTROLS:
        raise root.fault("controls", f"{len(controls)} controls: give at most {MAX_CONTROLS}")
    seen: dict[tuple[SourceKind, int, int], str] = {}
    for control in controls.values():
        for source in _sent_by(control):
            other = seen.setdefault(source.key, control.name)
            if other != control.name:
                raise root.fault("controls", f"{control.name} and {other} both send {source}: take one out")


def _sent_by(control: Control) -> Iterator[Source]:
    """All that nothing else may send: both halves of a pair, too, and the note of a finger."""
    source = control.source
    yield source
    if source.kind is SourceKind.CC14:
        yield from (Source(SourceKind.CC, source.channel, number) for number in (source.number, source.number + 32))
    if control.touch:
        yield control.touch


def names_of(table: Table, name: str) -> list[str]:
    """fader{1-8} as fader1 … fader8, any other name as itself."""
    several = _RANGE.fullmatch(name)
    if several:
        first, last = int(several[2]), int(several[3])
        if first <= last < first + MAX_CONTROLS:
            return [f"{several[1]}{number}" for number in range(first, last + 1)]
    elif _NAME.fullmatch(name):
        return [name]
    raise table.fault("", f"{shown(name)} names no control: write fader1, or fader{{1-8}} for several")


def _read_controls(root: Table, table: Table, name: str) -> Iterator[Control]:
    table.refuse_unknown(_CONTROL_KEYS)
    names = names_of(table, name)
    count = len(names)
    kind = choice(table, "kind", ControlKind, ControlKind.ABSOLUTE)
    code = choice(table, "code", RelativeCode, None)
    if (kind is ControlKind.RELATIVE) != (code is not None):
        remedy = f"give one of {', '.join(RelativeCode)}" if code is None else 'it is for kind = "relative" only'
        raise table.fault("code" if code else "", f"code: {remedy}")
    channels = _channels(root, table, count)
    sources = _read_sources(table, channels)
    lights = _read_lights(table, sources, channels)
    rings = _read_rings(table, channels)
    touches = _touches(table, channels)
    motor = table.flag("motor", False)
    for at, each in enumerate(names):
        yield Control(each, kind, sources[at], code, touches[at], motor, lights[at], rings[at])


def _channels(root: Table, table: Table, count: int) -> list[int]:
    owner = table if "channel" in table.values else root
    channels = whole_numbers(owner, "channel", count, 1, 16, default=1, step=0)
    return [channel - 1 for channel in channels]


def _read_sources(table: Table, channels: list[int]) -> list[Source]:
    given = [kind for kind in SourceKind if kind in table.values]
    if len(given) != 1:
        said = f"{' and '.join(given)} are both given" if given else "what it sends is missing"
        raise table.fault(given[1] if given else "", f"{said}: give one of {', '.join(SourceKind)}")
    kind = given[0]
    halves = choice(table, "halves", Halves, Halves.COARSE_FIRST)
    if kind is SourceKind.PITCH_BEND:
        if not table.flag(kind, True):
            raise table.fault(kind, "is false: write pitch_bend = true")
        return [Source(kind, channel) for channel in channels]
    numbers = whole_numbers(table, kind, len(channels), 0, _HIGHEST.get(kind, LIMIT_7))
    return [Source(kind, channel, number, halves) for channel, number in zip(channels, numbers, strict=True)]


def _touches(table: Table, channels: list[int]) -> list[Source | None]:
    if "touch" not in table.values:
        return [None] * len(channels)
    notes = whole_numbers(table, "touch", len(channels), 0, LIMIT_7)
    return [Source(SourceKind.NOTE, 0, note) for note in notes]


def _shown_by(table: Table, channels: list[int]) -> list[Source]:
    """What a light or ring is set with: its own CC or note, on its own channel or the control's."""
    channel = integer(table, "channel", 0, 0, 16)
    where = [channel - 1] * len(channels) if channel else channels
    kind = SourceKind.CC if "cc" in table.values else SourceKind.NOTE
    numbers = whole_numbers(table, kind, len(channels), 0, LIMIT_7)
    return [Source(kind, at, number) for at, number in zip(where, numbers, strict=True)]


def _read_lights(table: Table, sources: list[Source], channels: list[int]) -> list[Light | None]:
    if "light" not in table.values:
        return [None] * len(sources)
    light = table.table("light")
    light.refuse_unknown(("cc", "note", "channel", "on", "off"))
    own = not {"cc", "note"} & set(light.values)
    on, off = integer(light, "on", 127, 0, 127), integer(light, "off", 0, 0, 127)
    return [Light(source, on, off) for source in (sources if own else _shown_by(light, channels))]


def _read_rings(table: Table, channels: list[int]) -> list[Ring | None]:
    if "ring" not in table.values:
        return [None] * len(channels)
    ring = table.table("ring")
    ring.refuse_unknown(("cc", "note", "channel", "first", "last", "off", "add", "add_centred"))
    numbers = [integer(ring, key, default, 0, LIMIT_7) for key, default in _RING_DEFAULTS.items()]
    if max(numbers[:2]) + max(numbers[3:]) > LIMIT_7:
        raise ring.fault("last", f"with what is added it is above {LIMIT_7}: lower it")
    return [Ring(source, *numbers) for source in _shown_by(ring, channels)]


_RING_DEFAULTS = {"first": 0, "last": LIMIT_7, "off": 0, "add": 0, "add_centred": 0}


def _read_hello(root: Table) -> Iterator[bytes]:
    """Whole messages as text of hexadecimal bytes: "B0 7F 00"."""
    hello = texts(root, "hello")
    if len(hello) > MAX_HELLO:
        raise root.fault("hello", f"{len(hello)} messages: give at most {MAX_HELLO}")
    for at, text in enumerate(hello):
        try:
            data = bytes.fromhex(text)
        except ValueError:
            data = b""
        if not is_message(data):
            raise root.document.fault(("hello", at), f'{shown(text)} is no MIDI message: write "B0 7F 00"')
        yield data


def is_message(data: bytes) -> bool:
    """Whether these bytes are one whole MIDI message."""
    if len(data) < 2 or data[0] < 0x80:
        return False
    if data[0] == 0xF0:
        return data[-1] == 0xF7 and max(data[1:-1], default=0) < 0x80
    length = 2 if data[0] & 0xF0 in (0xC0, 0xD0) else 3
    return data[0] < 0xF0 and len(data) == length and max(data[1:]) < 0x80
