"""Binding files, `presets/controllers/bindings/NAME.toml`: what the controls of a device do.

purpose = "Faders, pan, mute and solo of eight tracks"
device = "nanokontrol2"
bank = 8
takeover = "pickup"                 # or jump, scale; also in a [[bind]] of its own

[[bind]]
control = "fader{n}"                # every fader that the device numbers
target = "/track/{n}/gain"          # an address of the parameter table; {n} counts from the bank's first track

[[bind]]
control = "knob1"
target = "/master/ceiling"
curve = "fine_low"                  # linear, fine_low, fine_high
range = [1.0, 0.5]                  # the part of its way, turned round here

[[bind]]
control = "track_next"
bank_by = 8

[[bind]]
control = "shift"
to_layer = "sends"
press = "momentary"

[[bind]]
control = "fader{n}"
layer = "sends"
target = "/track/{n}/send/1"
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plugin_host.control.midi.assignments import USUAL_STEP, Assignment, AssignmentSet, Press
from plugin_host.control.midi.device import ControlKind, Device
from plugin_host.control.midi.scaling import Curve
from plugin_host.control.midi.takeover import Takeover
from plugin_host.control.midi.toml_values import choice, integer
from plugin_host.errors import PresetError
from plugin_host.mix.toml_document import Table, read_document, shown, suggestion

DeviceNamed = Callable[[str], Device]
"""A device's name to the device; `PresetError` where there is none."""
MAX_BANK = 64
MAX_ADDRESS = 500
HOW_KEYS = ("takeover", "curve", "range", "press", "value", "step")
"""Keys that say how a control moves its target."""
_KEYS = ("control", "target", "layer", "bank_by", "to_layer", *HOW_KEYS)
_PLACE = re.compile(r"\{(?:n|strip)\}")
_NUMBERED = re.compile(r"[a-z][a-z0-9_]*\{n\}")


def read_bindings(path: Path, device_named: DeviceNamed) -> AssignmentSet:
    """The binding file at that path; `PresetError` names file, line and field of what is wrong."""
    root = read_document(path)
    root.refuse_unknown(("purpose", "device", "bank", "takeover", "bind"))
    purpose, name = root.text("purpose"), root.text("device")
    try:
        device = device_named(name)
    except PresetError as error:
        raise root.fault("device", str(error)) from error
    usual = choice(root, "takeover", Takeover, Takeover.PICKUP)
    assignments: dict[tuple[str, str], Assignment] = {}
    for table in root.tables("bind"):
        for assignment in _read_bind(table, device, usual):
            at = (assignment.control, assignment.layer)
            if at in assignments:
                raise table.fault("control", f"{assignment.control} is bound twice in this layer: take one out")
            assignments[at] = assignment
    bank = integer(root, "bank", 0, 0, MAX_BANK)
    return AssignmentSet(path.stem, purpose, name, bank, tuple(assignments.values()))


def _read_bind(table: Table, device: Device, usual: Takeover) -> list[Assignment]:
    table.refuse_unknown(_KEYS)
    does = [key for key in ("target", "bank_by", "to_layer") if key in table.values]
    if len(does) != 1:
        said = f"{' and '.join(does)} are both given" if does else "what it does is missing"
        raise table.fault(does[1] if does else "", f"{said}: give one of target, bank_by, to_layer")
    controls = _controls(table, device)
    how = read_how(table, usual)
    layer, to_layer = table.text("layer", ""), table.text("to_layer", "")
    by = integer(table, "bank_by", 0, -MAX_BANK, MAX_BANK)
    target = read_target(table) if does[0] == "target" else ""
    if does[0] != "target" and any(device.controls[name].kind is not ControlKind.BUTTON for name, _ in controls):
        raise table.fault(does[0], "only a button can do that: bind a control of kind button")
    if "{n}" in target and not controls[0][1]:
        raise table.fault("target", "has {n}, but the control no number: write out the track")
    return [Assignment(name, target, number, layer, bank_by=by, to_layer=to_layer, **how) for name, number in controls]


def _controls(table: Table, device: Device) -> list[tuple[str, int]]:
    """Names and numbers of the controls meant."""
    name = table.text("control")
    if _NUMBERED.fullmatch(name):
        stem = name.removesuffix("{n}")
        found = [(other, int(other[len(stem) :])) for other in device.controls if _is_numbered(other, stem)]
        if found:
            return found
    elif name in device.controls:
        return [(name, int(name[len(name.rstrip("0123456789")) :] or 0))]
    raise table.fault("control", f"{device.name} has no {shown(name)}: {suggestion(name, device.controls)}")


def _is_numbered(name: str, stem: str) -> bool:
    return name.startswith(stem) and name[len(stem) :].isdecimal()


def read_target(table: Table) -> str:
    """An address, as far as it can be judged without a session."""
    target = table.text("target", limit=MAX_ADDRESS)
    if not target.startswith("/") or target.endswith("/") or "//" in target or set(target) & set("*?[] #"):
        raise table.fault("target", f"{shown(target)} is no single address: write one such as /track/vocals/gain")
    if set(_PLACE.sub("", target)) & set("{}"):
        raise table.fault("target", f"{shown(target)}: in braces there is only {{n}} and {{strip}}: write one of these")
    return target


# Any: takeover, curve, low, high, press, value and step, with the types that `Assignment` gives them.
def read_how(table: Table, usual: Takeover) -> dict[str, Any]:
    """How the control moves its target."""
    low, high = _range(table)
    return {
        "takeover": choice(table, "takeover", Takeover, usual),
        "curve": choice(table, "curve", Curve, Curve.LINEAR),
        "low": low,
        "high": high,
        "press": choice(table, "press", Press, Press.AUTO),
        "value": _value(table),
        "step": table.number("step", USUAL_STEP, 1e-6, 1.0),
    }


def _range(table: Table) -> tuple[float, float]:
    value = table.values.get("range", [0.0, 1.0])
    if not isinstance(value, list) or len(value) != 2:
        raise table.fault("range", "give two shares from 0 to 1: [0.0, 1.0]")
    for share in value:
        Table(table.document, table.at, {"range": share}).number("range", 0.0, 0.0, 1.0)
    if value[0] == value[1]:
        raise table.fault("range", "both ends are the same: give two shares from 0 to 1")
    return float(value[0]), float(value[1])


def _value(table: Table) -> float | str | None:
    value = table.values.get("value")
    if value is None or isinstance(value, str):
        return None if value is None else table.text("value")
    return table.number("value", 0.0, float("-inf"), 1e9)
