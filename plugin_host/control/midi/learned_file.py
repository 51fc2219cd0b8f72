"""What `stemrack midi learn` found, in `controllers/learned.toml` of the user's presets: controls and their targets.

    [[learned]]
    port = "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTR"
    target = "/track/vocals/gain"
    cc = 7
    channel = 1

It goes before what a binding file says about the same control of that port.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import tomli_w

from plugin_host.control.midi.assignments import Assignment
from plugin_host.control.midi.binding_file import HOW_KEYS, read_how, read_target
from plugin_host.control.midi.device import Control, ControlKind, Device
from plugin_host.control.midi.relative import RelativeCode
from plugin_host.control.midi.sources import LIMIT_7, LIMIT_14, Halves, Source, SourceKind
from plugin_host.control.midi.takeover import Takeover
from plugin_host.control.midi.toml_values import choice, integer
from plugin_host.errors import PresetError
from plugin_host.mix.mix_file import replace_file
from plugin_host.mix.toml_document import Table, read_document

MAX_LEARNED = 2000
MAX_PORT = 500
"""Characters of a port's name; JACK allows over 300."""
_KEYS = ("port", "target", "kind", "code", "channel", "halves", *SourceKind, *HOW_KEYS)


@dataclass(frozen=True, slots=True)
class Learned:
    """A control of a port (by its stable name) and what it does."""

    port: str
    control: Control
    assignment: Assignment


def learned(port: str, source: Source, kind: ControlKind, code: RelativeCode | None, target: str) -> Learned:
    """A control that was recognised, bound to a target in the usual way; a space in it is written as OSC wants it."""
    name = _name(source)
    return Learned(port, Control(name, kind, source, code), Assignment(name, target.replace(" ", "%20")))


def _name(source: Source) -> str:
    return f"learned_{source.kind}_{source.channel + 1}_{source.number}"


def read_learned(path: Path) -> tuple[Learned, ...]:
    """All that was learned, nothing where there is no file yet; `PresetError` names file, line and field."""
    if not path.exists():
        return ()
    root = read_document(path)
    root.refuse_unknown(("learned",))
    return tuple(_read(table) for table in root.tables("learned")[:MAX_LEARNED])


def _read(table: Table) -> Learned:
    table.refuse_unknown(_KEYS)
    kind = choice(table, "kind", ControlKind, ControlKind.ABSOLUTE)
    code = choice(table, "code", RelativeCode, None)
    if (kind is ControlKind.RELATIVE) != (code is not None):
        raise table.fault("", f"kind relative and one of code = {', '.join(RelativeCode)} go together")
    source = _read_source(table)
    name = _name(source)
    assignment = Assignment(name, read_target(table), **read_how(table, Takeover.PICKUP))
    return Learned(table.text("port", limit=MAX_PORT), Control(name, kind, source, code), assignment)


def _read_source(table: Table) -> Source:
    given = [kind for kind in SourceKind if kind in table.values]
    if len(given) != 1:
        raise table.fault("", f"what it sends: give one of {', '.join(SourceKind)}")
    channel = integer(table, "channel", 1, 1, 16) - 1
    if given[0] is SourceKind.PITCH_BEND:
        return Source(SourceKind.PITCH_BEND, channel)
    highest = {SourceKind.CC14: 31, SourceKind.NRPN: LIMIT_14}.get(given[0], LIMIT_7)
    number = integer(table, given[0], 0, 0, highest)
    return Source(given[0], channel, number, choice(table, "halves", Halves, Halves.COARSE_FIRST))


def keep_learned(path: Path, new: Learned) -> None:
    """Add it to the file, atomically; it replaces what the same control did. `PresetError` where that cannot be."""
    others = [old for old in read_learned(path) if (old.port, old.control.source.key) != _place(new)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PresetError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    entries = [_values(each) for each in (*others, new)][-MAX_LEARNED:]
    replace_file(path, tomli_w.dumps({"learned": entries}).encode())


def _place(each: Learned) -> tuple[str, tuple[SourceKind, int, int]]:
    return each.port, each.control.source.key


def _values(each: Learned) -> dict[str, object]:
    source, control, does = each.control.source, each.control, each.assignment
    how = {"takeover": does.takeover, "curve": does.curve, "press": does.press, "value": does.value, "step": does.step}
    usual = Assignment("", "")
    return {
        "port": each.port,
        "target": does.target,
        "kind": str(control.kind),
        **({"code": str(control.code)} if control.code else {}),
        str(source.kind): True if source.kind is SourceKind.PITCH_BEND else source.number,
        "channel": source.channel + 1,
        **({"halves": str(source.halves)} if source.halves is not Halves.COARSE_FIRST else {}),
        **({"range": [does.low, does.high]} if (does.low, does.high) != (0.0, 1.0) else {}),
        **{key: _plain(value) for key, value in how.items() if value != getattr(usual, key)},
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value


def with_learned(
    device: Device, assignments: Iterable[Assignment], new: Iterable[Learned]
) -> tuple[Device, tuple[Assignment, ...]]:
    """The device and its assignments with what was learned for its port; a control keeps its name, light and ring."""
    controls: dict[str, Control] = dict(device.controls)
    does = list(assignments)
    for each in new:
        name = _same_control(controls, each.control)
        old = controls.get(name)
        controls[name] = replace(old, kind=each.control.kind, code=each.control.code) if old else each.control
        does = [other for other in does if other.control != name] + [replace(each.assignment, control=name)]
    return replace(device, controls=controls), tuple(does)


def _same_control(controls: Mapping[str, Control], control: Control) -> str:
    return next((name for name, old in controls.items() if old.source.key == control.source.key), control.name)
