"""Device and binding files: the shipped ones are whole, wrong ones are told by file, line and field."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.control.midi.assignments import Assignment
from plugin_host.control.midi.binding_file import read_bindings
from plugin_host.control.midi.controller_library import ControllerLibrary
from plugin_host.control.midi.device import Device
from plugin_host.control.midi.device_file import read_device
from plugin_host.control.midi.target_address import check_target
from plugin_host.errors import ControlError, PresetError
from plugin_host.mix.presets import shipped_folder

Room = Any  # the conftest's
SHIPPED = ControllerLibrary((shipped_folder(),))
NAMED = {
    "nanoKONTROL2:nanoKONTROL2 nanoKONTROL2 _ CTR 24:0": "nanokontrol2",
    "MIDI Mix:MIDI Mix MIDI 1 20:0": "midimix",
    "APC MINI:APC MINI MIDI 1 20:0": "apc-mini",
    "APC mini mk2:APC mini mk2 Control": "apc-mini-mk2",
    "Launch Control XL:Launch Control XL MIDI 1": "launch-control-xl",
    "X-TOUCH MINI:X-TOUCH MINI MIDI 1": "x-touch-mini",
    "X-Touch:X-Touch X-TOUCH_INT": "mackie",
    "a2j:Mackie Control [20] (capture): Mackie Control MIDI 1": "mackie",
    "Midi Through:Midi Through Port-0": None,
}


def test_all_shipped_files_are_used() -> None:
    assert SHIPPED.problems == []
    devices = {path.stem for path in (shipped_folder() / "controllers" / "devices").iterdir()}
    assert {SHIPPED.mapped(name).device.name for name in SHIPPED.names} == devices


@pytest.mark.parametrize(("port", "name"), NAMED.items())
def test_recognised_by_port_name(port: str, name: str | None) -> None:
    mapped = SHIPPED.recognised(port)
    assert (mapped.bindings.name if mapped else None) == name


@pytest.mark.parametrize("name", SHIPPED.names)
def test_every_target_of_a_shipped_file_is_there(room: Room, name: str) -> None:
    for assignment in SHIPPED.mapped(name).bindings.assignments:
        if assignment.target:
            check_target(assignment.address(0))
            if "/selected/" not in assignment.target:
                assert len(room.table.resolve(assignment.address(0))) == 1, assignment


def _facts(control: str) -> Callable[[str], tuple[int, int, int]]:
    def source(name: str) -> tuple[int, int, int]:
        controls = SHIPPED.mapped(name).device.controls
        first, last = controls[f"{control}1"].source, controls[f"{control}8"].source
        return first.channel + 1, first.number, last.number

    return source


def test_the_maps_are_those_of_the_manuals() -> None:
    fader = _facts("fader")
    assert fader("nanokontrol2") == (1, 0, 7)
    assert fader("midimix") == (1, 19, 61)
    assert fader("launch-control-xl") == (9, 77, 84)
    assert fader("apc-mini") == fader("apc-mini-mk2") == (1, 48, 55)
    assert _facts("knob")("x-touch-mini") == (11, 1, 8)
    assert _facts("control")("launch-control-xl") == (9, 73, 92)
    assert [SHIPPED.mapped("mackie").device.controls[name].source.number for name in ("rec8", "select1", "play")] == [
        7,
        0x18,
        0x5E,
    ]


DEVICE = 'purpose = "x"\n[controls."fader{1-2}"]\ncc = 1\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "purpose is missing"),
        ('purpose = "x"', "controls are missing"),
        (DEVICE + "cc14 = 3", "line 4: .*cc and cc14 are both given"),
        ('purpose = "x"\n[controls.a]\nchannel = 1', "line 2: .*what it sends is missing"),
        ('purpose = "x"\n[controls.a]\ncc = 128', "line 3: controls.a.cc: 128 is no whole number from 0 to 127"),
        ('purpose = "x"\n[controls.a]\ncc14 = 40', "0 to 31"),
        ('purpose = "x"\n[controls.a]\ncc = true', "no whole number"),
        ('purpose = "x"\n[controls."a{1-3}"]\ncc = [1, 2]', "line 3: .*2 numbers for 3 controls"),
        ('purpose = "x"\n[controls."a{1-9}"]\ncc = 120', "counts up to 128"),
        ('purpose = "x"\n[controls."a{9-1}"]\ncc = 1', "names no control"),
        ('purpose = "x"\n[controls."a b"]\ncc = 1', "names no control"),
        ('purpose = "x"\n[controls.a]\nkind = "fader"\ncc = 1', "line 3: .*unknown: there are absolute"),
        ('purpose = "x"\n[controls.a]\nkind = "relative"\ncc = 1', "line 2: .*twos_complement"),
        ('purpose = "x"\n[controls.a]\ncode = "offset_64"\ncc = 1', "relative"),
        ('purpose = "x"\n[controls.a]\ncc = 1\n[controls.b]\ncc = 1', "b and a both send CC 1 on channel 1"),
        ('purpose = "x"\n[controls.a]\ncc14 = 1\n[controls.b]\ncc = 33', "b and a both send CC 33 on channel 1"),
        ('purpose = "x"\n[controls.a]\ncc = 1\n[controls.b]\ncc14 = 1', "b and a both send CC 1 on channel 1"),
        ('purpose = "x"\n[controls.a]\ncc = 1\ntouch = 9\n[controls.b]\nnote = 9', "both send NOTE 9 on channel 1"),
        ('purpose = "x"\nhello = ["B0 7F"]\n[controls.a]\ncc = 1', "line 2: hello.1.: .*no MIDI message"),
        ('purpose = "x"\n[controls.a]\ncc = 1\nring = {cc = 9, last = 100, add = 64}', "above 127"),
        ('purpose = "x"\n[controls.a]\nfader = 1', "unknown key"),
    ],
)
def test_wrong_device_files(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(PresetError, match=rf"wrong\.toml(?s:.*){said}"):
        read_device(path)


BINDINGS = 'purpose = "x"\ndevice = "nanokontrol2"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('purpose = "x"\ndevice = "nanocontrol2"', "line 2: device: no device .*nanokontrol2"),
        (BINDINGS + "bank = 99", "line 3: bank: "),
        (BINDINGS + '[[bind]]\ncontrol = "fader{n}"', "what it does is missing"),
        (BINDINGS + '[[bind]]\ncontrol = "slider{n}"\ntarget = "/a"', "line 4: bind.1..control: .*fader"),
        (BINDINGS + '[[bind]]\ncontrol = "fader1"\ntarget = "track"', "no single address"),
        (BINDINGS + '[[bind]]\ncontrol = "fader1"\ntarget = "/track/*/gain"', "no single address"),
        (BINDINGS + '[[bind]]\ncontrol = "play"\ntarget = "/track/{n}/gain"', "the control no number"),
        (BINDINGS + '[[bind]]\ncontrol = "mute{n}"\ntarget = "/track/{n/mute"', "line 5: .*only {n} and {strip}"),
        (BINDINGS + '[[bind]]\ncontrol = "mute{n}"\ntarget = "/track/{m}/mute"', "line 5: .*only {n} and {strip}"),
        (BINDINGS + '[[bind]]\ncontrol = "fader1"\nbank_by = 8', "only a button"),
        (BINDINGS + '[[bind]]\ncontrol = "fader1"\ntarget = "/a"\nrange = [1, 1]', "line 6: .*both ends"),
        (BINDINGS + '[[bind]]\ncontrol = "fader1"\ntarget = "/a"\nrange = [0, 2]', "out of range"),
        (BINDINGS + '[[bind]]\ncontrol = "fader1"\ntarget = "/a"\ntakeover = "catch"', "unknown: "),
        (BINDINGS + '[[bind]]\ncontrol = "fader1"\ntarget = "/a"\n' * 2, "bound twice"),
    ],
)
def test_wrong_binding_files(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace("\n[[bind]]", "\n[[bind]]", 1) if "[[bind]]" in text else text)
    with pytest.raises(PresetError, match=rf"wrong\.toml(?s:.*){said}"):
        read_bindings(path, _shipped_device)


def _shipped_device(name: str) -> Device:
    for other in SHIPPED.names:
        if SHIPPED.mapped(other).device.name == name:
            return SHIPPED.mapped(other).device
    return ControllerLibrary((shipped_folder(),))._device(name)


def _own(folder: Path, kind: str, name: str, text: str) -> Path:
    path = folder / "controllers" / kind / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _shipped(kind: str, name: str) -> Path:
    return shipped_folder() / "controllers" / kind / f"{name}.toml"


def test_in_place_of_a_wrong_file_of_the_users_the_shipped_one_is_used_and_that_is_told(tmp_path: Path) -> None:
    wrong = _own(tmp_path, "bindings", "mackie", 'purpose = "mine"\ndevice = "nothing"')
    _own(tmp_path, "bindings", "mine", BINDINGS + '[[bind]]\ncontrol = "fader{n}"\ntarget = "/aux/{strip}/gain"')
    library = ControllerLibrary((tmp_path, shipped_folder()))
    (problem,) = library.problems
    assert problem.startswith(f"{wrong}, line 2: device: no device 'nothing'")
    assert problem.endswith(f"; {_shipped('bindings', 'mackie')} is used instead")
    assert library.mapped("mackie") == SHIPPED.mapped("mackie")
    assert library.recognised("X-Touch:X-Touch X-TOUCH_INT") == SHIPPED.mapped("mackie")
    assert library.mapped("mine").bindings.assignments[0] == Assignment("fader1", "/aux/{strip}/gain", 1)
    with pytest.raises(PresetError, match="no controller 'myne': did you mean 'mine'"):
        library.mapped("myne")


def test_so_it_is_with_a_device_once_however_many_use_it(tmp_path: Path) -> None:
    wrong = _own(tmp_path, "devices", "nanokontrol2", 'purpose = "mine"')
    _own(tmp_path, "bindings", "mine", BINDINGS + '[[bind]]\ncontrol = "fader1"\ntarget = "/master/gain"')
    library = ControllerLibrary((tmp_path, shipped_folder()))
    (problem,) = library.problems
    assert problem.startswith(f"{wrong}, line 1: controls are missing")
    assert problem.endswith(f"; {_shipped('devices', 'nanokontrol2')} is used instead")
    assert library.mapped("nanokontrol2") == SHIPPED.mapped("nanokontrol2")
    assert library.mapped("mine").device == SHIPPED.mapped("nanokontrol2").device


def test_a_wrong_file_that_none_stands_in_for_says_what_is_wrong_where_it_is_asked_for(tmp_path: Path) -> None:
    wrong = _own(tmp_path, "bindings", "mine", BINDINGS + "bank = 99")
    library = ControllerLibrary((tmp_path, shipped_folder()))
    assert [problem.split(": ")[0] for problem in library.problems] == [f"{wrong}, line 3"]
    with pytest.raises(PresetError, match=r"mine\.toml, line 3: bank: "):
        library.mapped("mine")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80), st.integers(0, 400), st.booleans())
def test_spoiled_files_never_crash(tmp_path: Path, noise: str, at: int, is_device: bool) -> None:
    kind = "devices" if is_device else "bindings"
    whole = (shipped_folder() / "controllers" / kind / "mackie.toml").read_text()
    path = tmp_path / "spoiled.toml"
    path.write_text(whole[:at] + noise + whole[at + len(noise) :], encoding="utf-8", errors="replace")
    said = "spoiled.toml"
    try:
        read_device(path) if is_device else read_bindings(path, _shipped_device)
    except PresetError as error:
        said = str(error)
    assert "spoiled.toml" in said
    assert "\n" not in said


@pytest.mark.parametrize("address", ["/track/any name/gain", "/track/1/fx/2/wet", "/bank/track/3/fader", "/scene/x"])
def test_targets_that_can_be(address: str) -> None:
    check_target(address)


@pytest.mark.parametrize(
    "address",
    [
        "", "gain", "/track/a/loudness", "/track/a/meter/peak", "/", "/a//b", "/x\n",
        "/track/*/gain", "/track/[a]/gain", "/track/{n}/gain", "/scene/x?", "/track/a#b/gain",
    ],
)  # fmt: skip
def test_targets_that_cannot_be(address: str) -> None:
    with pytest.raises(ControlError):
        check_target(address)
