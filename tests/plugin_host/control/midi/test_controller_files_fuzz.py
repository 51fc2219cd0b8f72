"""Whatever stands in a user's files, it is read or refused in one line, and the desk lives on.

STEMRACK_FUZZ=100 takes a hundred times as many examples (with `--timeout 0`).
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.control.midi.binding_file import read_bindings
from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.controller_library import ControllerLibrary
from plugin_host.control.midi.device import Device
from plugin_host.control.midi.device_file import read_device
from plugin_host.control.midi.learned_file import read_learned
from plugin_host.control.midi.rtmidi_client import parsed
from plugin_host.control.midi.surface import MidiPlan, MidiSurface
from plugin_host.desk.events import DeskWarning
from plugin_host.errors import PresetError
from plugin_host.mix.presets import shipped_folder

Room = Cable = Any  # the conftest's
Unsound = Callable[[object], list[str]]
Bytes = list[int]
TIMES = int(os.environ.get("STEMRACK_FUZZ", "1"))
FILES = settings(max_examples=50 * TIMES, deadline=None)
PORT = "wing:out"
SHIPPED = shipped_folder() / "controllers"
NAMES = sorted(path.stem for path in (SHIPPED / "bindings").glob("*.toml"))

NUMBERS = (
    "-1",
    "0",
    "1",
    "127",
    "128",
    "16384",
    "1e400",
    "nan",
    "-inf",
    "1.5",
    "9" * 30,
    "true",
    '"x"',
    "[]",
    "[1, 2]",
    "{}",
)
WORDS = ("relative", "button", "fader{n}", "fader{1-999999}", "fader1", "/track/{n}/gain", "/*", "/track/{strip}/pan")
KEYS = (
    "cc", "cc14", "nrpn", "note", "pitch_bend", "program", "channel", "kind", "code", "touch", "motor", "light", "ring",
    "halves", "target", "range", "value", "step", "press", "layer", "bank", "bank_by", "to_layer", "takeover", "curve",
    "hello", "ports", "display", "control", "device", "port",
)  # fmt: skip


@st.composite
def edited(draw: st.DrawFn, texts: Sequence[str]) -> str:
    """A real file after a few slips of the hand."""
    lines = draw(st.sampled_from(texts)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        number, word, key = draw(st.sampled_from(NUMBERS)), draw(st.sampled_from(WORDS)), draw(st.sampled_from(KEYS))
        new = draw(st.sampled_from((
            re.sub(r"(?<![\w{-])-?\d+(\.\d+)?(?![\w}-])", number, lines[at], count=1),
            re.sub(r'(?<== )".*"', f'"{word}"', lines[at]),
            re.sub(r"^\w+(?= =)", key, lines[at]),
            f"{key} = {number}", f'{key} = "{word}"', lines[other], "", lines[at][: len(lines[at]) // 2],
        )))  # fmt: skip
        if draw(st.booleans()):
            lines[at] = new
        else:
            lines.insert(at, new)
    return "\n".join(lines) + draw(st.sampled_from(("", "\n", "\0", "\ud800", "[[[")))


def _text(kind: str, name: str) -> str:
    return (SHIPPED / kind / f"{name}.toml").read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _everything_moved(controller: Controller) -> list[Bytes]:
    """Every control at its ends and between, and let go."""
    values = [(control.source, value) for control in controller.device.controls.values()
              for value in (control.source.limit, control.source.limit // 2, 0, 1, control.source.limit)]  # fmt: skip
    return [message.bytes() for source, value in values for message in source.messages(value)]


@pytest.mark.parametrize(("kind", "name"), [("devices", "generic-8"), ("devices", "mackie"), ("bindings", "mackie")])
def test_no_file_of_the_users_harms_a_live_desk(
    room: Room, cable: Cable, unsound: Unsound, tmp_path: Path, kind: str, name: str
) -> None:
    wire, own = cable.plug(PORT), tmp_path / "controllers"
    for each in ("devices", "bindings"):
        _write(own / each / f"{name}.toml", _text(each, name))

    @FILES
    @given(edited([_text(kind, name)]))
    def is_survived(text: str) -> None:
        _write(own / kind / f"{name}.toml", text)
        room.library = ControllerLibrary((tmp_path,))
        if name in room.library.names:
            with room.surface(cable, MidiPlan({PORT: name}, {}), []) as surface:
                _move_everything(room, surface, wire)
        assert unsound(room.desk.mix) == []
        assert all(parsed(message.bytes()) == message for message in wire.sent)
        wire.sent.clear()

    is_survived()


def _move_everything(room: Room, surface: MidiSurface, wire: Any) -> None:
    room.run(surface)
    for attached in surface._attached.values():
        wire.waiting.extend(_everything_moved(attached.controller))
    room.run(surface)


@pytest.mark.parametrize("kind", ["devices", "bindings"])
def test_any_edit_of_a_shipped_file_is_read_or_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    devices = {name: read_device(SHIPPED / "devices" / f"{name}.toml") for name in NAMES}

    def device_named(name: str) -> Device:
        if name not in devices:
            raise PresetError("no such device")
        return devices[name]

    @FILES
    @given(edited([_text(kind, name) for name in NAMES]))
    def is_read_or_refused(text: str) -> None:
        path, said = tmp_path / "spoiled.toml", "spoiled.toml"
        _write(path, text)
        try:
            read_device(path) if kind == "devices" else read_bindings(path, device_named)
        except PresetError as error:
            said = str(error)
        assert "spoiled.toml" in said
        assert "\n" not in said

    is_read_or_refused()


LEARNED = """
[[learned]]
port = "wing:out"
target = "/track/vocals/gain"
kind = "absolute"
cc = 21
channel = 1

[[learned]]
port = "wing:out"
target = "/track/drums/pan"
kind = "relative"
code = "twos_complement"
cc = 22
channel = 3
step = 0.01

[[learned]]
port = "wing:out"
target = "/track/drums/mute"
kind = "button"
note = 5
channel = 1
press = "toggle"

[[learned]]
port = "wing:out"
target = "/master/gain"
cc14 = 3
range = [0.0, 1.0]
"""


def test_no_learned_file_harms_a_live_desk(room: Room, cable: Cable, unsound: Unsound, tmp_path: Path) -> None:
    wire, path = cable.plug(PORT), room.library.learned_file
    told = room.desk.subscribe(10_000)

    @FILES
    @given(edited([LEARNED]))
    def is_survived(text: str) -> None:
        _write(path, text)
        with room.surface(cable, MidiPlan({}, {}), []) as surface:
            _move_everything(room, surface, wire)
        assert unsound(room.desk.mix) == []
        said = [each.text for each in told.drain() if isinstance(each, DeskWarning) and "learned.toml" in each.text]
        assert len(said) == (not _is_readable(path))
        assert all("\n" not in each for each in said)

    is_survived()


def _is_readable(path: Path) -> bool:
    try:
        read_learned(path)
    except PresetError:
        return False
    return True
