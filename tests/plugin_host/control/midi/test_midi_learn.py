"""Learning: each kind of control is recognised by what it sends, kept in the user's file, and goes before the rest."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mido import Message

from plugin_host.cli.midi import _learned
from plugin_host.control.midi.controller import Controller
from plugin_host.control.midi.device import ControlKind
from plugin_host.control.midi.learn import QUIET_SECONDS, Found, Learner
from plugin_host.control.midi.learned_file import keep_learned, learned, read_learned, with_learned
from plugin_host.control.midi.ports import PortNames
from plugin_host.control.midi.relative import RelativeCode
from plugin_host.control.midi.sources import Halves, Source, SourceKind
from plugin_host.control.midi.surface import MidiSurface
from plugin_host.control.midi.target_address import check_target
from plugin_host.desk.events import DeskWarning
from plugin_host.errors import ControlError, PresetError

Room = Cable = Any  # the conftest's
ABSOLUTE, RELATIVE, BUTTON = ControlKind.ABSOLUTE, ControlKind.RELATIVE, ControlKind.BUTTON


class Watch:
    """A learner and a clock."""

    def __init__(self) -> None:
        self.learner, self.now = Learner(), 0.0

    def hear(self, *messages: Message) -> Found | None:
        for message in messages:
            self.learner.feed(message, self.now)
            assert self.learner.finding(self.now) is None  # never in the middle of a move
            self.now += 0.02
        self.now += QUIET_SECONDS
        return self.learner.finding(self.now)


def _controls(number: int, *values: int) -> list[Message]:
    return [Message("control_change", control=number, value=value) for value in values]


SMOOTH = {
    Source(SourceKind.CC, 2, 7): range(30, 60, 3),
    Source(SourceKind.CC14, 0, 7): range(3000, 9000, 500),
    Source(SourceKind.CC14, 0, 9, Halves.FINE_FIRST): range(3000, 9000, 500),
    Source(SourceKind.NRPN, 0, 300): range(3000, 9000, 500),
    Source(SourceKind.NRPN, 4, 7, Halves.COARSE_ONLY): range(30, 60, 3),
    Source(SourceKind.PITCH_BEND, 5): range(3000, 9000, 500),
}


@pytest.mark.parametrize("source", SMOOTH, ids=str)
def test_faders_of_every_kind(source: Source) -> None:
    messages = [message for value in SMOOTH[source] for message in source.messages(value)]
    assert Watch().hear(*messages) == Found(source, ABSOLUTE)


@pytest.mark.parametrize("code", RelativeCode)
def test_encoders_tell_their_code_by_two_turns(code: RelativeCode) -> None:
    watch = Watch()
    assert watch.hear(*_controls(9, *[code.encoded(1)] * 4, code.encoded(2))) is None
    assert "left" in watch.learner.hint
    found = watch.hear(*_controls(9, *[code.encoded(-1)] * 4))
    assert found == Found(Source(SourceKind.CC, 0, 9), RELATIVE, code)


@pytest.mark.parametrize("values", [(127,), (127, 0), (127, 0, 127, 0), (0, 127)])
def test_buttons_that_send_controllers(values: tuple[int, ...]) -> None:
    assert Watch().hear(*_controls(48, *values)) == Found(Source(SourceKind.CC, 0, 48), BUTTON)


def test_notes_and_programs_are_buttons() -> None:
    assert Watch().hear(Message("note_on", note=5), Message("note_off", note=5)) == Found(
        Source(SourceKind.NOTE, 0, 5), BUTTON
    )
    program = Message("program_change", program=9)
    assert Watch().hear(program) == Found(Source(SourceKind.PROGRAM, 0, 9), BUTTON)
    with_its_bank = [*_controls(0, 0), *_controls(32, 1), program]
    assert Watch().hear(*with_its_bank) == Found(Source(SourceKind.PROGRAM, 0, 9), BUTTON)


def test_a_touched_motor_fader_is_no_button() -> None:
    moves = [Message("pitchwheel", channel=2, pitch=pitch) for pitch in range(0, 2000, 200)]
    found = Watch().hear(Message("note_on", note=0x6A), *moves, Message("note_on", note=0x6A, velocity=0))
    assert found == Found(Source(SourceKind.PITCH_BEND, 2), ABSOLUTE)


def test_too_little_is_not_guessed_and_a_clock_is_not_heard() -> None:
    watch = Watch()
    assert watch.hear(*_controls(3, 50, 51), *[Message("clock")] * 30) is None
    assert "further" in watch.learner.hint
    assert watch.hear(*_controls(3, 52, 53)) == Found(Source(SourceKind.CC, 0, 3), ABSOLUTE)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([*SMOOTH, Source(SourceKind.NOTE, 0, 9), Source(SourceKind.PROGRAM, 1, 2)]),
    st.sampled_from(["/track/vocals/gain", "/master/gain"]),
    st.sampled_from(RelativeCode) | st.none(),
    st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable() and text.strip()),
)
def test_the_file_keeps_everything(
    tmp_path: Path, source: Source, target: str, code: RelativeCode | None, port: str
) -> None:
    path = tmp_path / "some" / "learned.toml"
    path.unlink(missing_ok=True)
    new = learned(port, source, RELATIVE if code else ABSOLUTE, code, target)
    keep_learned(path, learned(port, source, BUTTON, None, "/ab"))
    keep_learned(path, new)
    assert read_learned(path) == (new,)


@pytest.mark.parametrize(
    ("port", "target"), [("wing", "/track/lead vocals/gain"), ("a JACK client's port " * 14, "/track/vocals/gain")]
)
def test_what_is_kept_can_be_read_again(tmp_path: Path, port: str, target: str) -> None:
    """One entry that could not be read would take all the others with it."""
    path = tmp_path / "learned.toml"
    check_target(target)
    keep_learned(path, learned(port, Source(SourceKind.CC, 0, 7), ABSOLUTE, None, target))
    keep_learned(path, learned("other", Source(SourceKind.CC, 0, 8), ABSOLUTE, None, "/ab"))
    assert [each.port for each in read_learned(path)] == [port, "other"]


def test_who_learns_in_vain_is_told_of_ports_that_another_program_holds(cable: Cable) -> None:
    """As on Windows, where a port is one program's alone."""

    def held(name: str, *, virtual: bool = False) -> None:
        raise ControlError(f"MIDI port {name!r} cannot be opened: it is in use")

    cable.plug("nanoKONTROL2")
    cable.open_input = held
    with pytest.raises(ControlError, match=r"no port; .*'nanoKONTROL2' cannot be opened: it is in use"):
        _learned(cable, "", 0.1)


def test_a_spoiled_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "learned.toml"
    assert read_learned(path) == ()
    path.write_text('[[learned]]\nport = "x"\ntarget = "/a"\ncc = 300\n')
    with pytest.raises(PresetError, match=r"learned\.toml, line 4: learned\[1\]\.cc"):
        read_learned(path)


def test_what_was_learned_goes_before_the_binding_file(room: Room) -> None:
    mapped = room.library.mapped("nanokontrol2")
    new = [
        learned("x", Source(SourceKind.CC, 0, 48), BUTTON, None, "/track/bass/solo"),  # was mute1
        learned("x", Source(SourceKind.CC, 3, 99), ABSOLUTE, None, "/master/gain"),  # not in the device file
    ]
    device, does = with_learned(mapped.device, mapped.bindings.assignments, new)
    assert device.controls["mute1"].light is not None
    controller = Controller(device, does, room.table.resolve, bank=8)
    controller.receive(Message("control_change", control=48, value=127))
    assert room.track("bass").solo
    assert not room.track("vocals").mute
    for value in (90, 95, 100):
        controller.receive(Message("control_change", channel=3, control=99, value=value))
    assert room.desk.mix.master.gain_db > 0.0


def test_what_is_learned_meanwhile_is_taken_up_by_a_running_host(room: Room, cable: Cable) -> None:
    wire = cable.plug("nanoKONTROL2")
    surface = MidiSurface(room.table, room.library, cable, clock=lambda: room.now[0])

    def press(number: int) -> None:
        room.now[0] += 2.0
        surface.step()
        wire.waiting.append([0xB0, number, 127])
        surface.step()

    press(59)  # the next bank
    keep = learned("nanoKONTROL2", Source(SourceKind.CC, 0, 48), BUTTON, None, "/track/bass/solo")
    keep_learned(room.library.learned_file, keep)
    press(48)
    assert room.track("bass").solo
    press(49)
    assert room.track("part 10").mute
    room.library.learned_file.write_text("[[learned]]\n")
    told = room.desk.subscribe()
    press(48)
    assert not room.track("bass").solo
    (warning,) = [event.text for event in told.drain() if isinstance(event, DeskWarning)]
    assert "learned.toml, line 1" in warning
    surface.close()


@pytest.mark.parametrize("port", ["FS-1:FS-1 MIDI 1 {}:0", "a2j:FS-1 [{}] (capture): FS-1 MIDI 1"])
def test_what_was_learned_holds_where_alsa_numbers_the_port_anew(room: Room, cable: Cable, port: str) -> None:
    names = PortNames()
    (before,), (after,) = (names.told_apart([port.format(number)]) for number in (24, 28))
    new = learned(before, Source(SourceKind.CC, 0, 64), BUTTON, None, "/track/vocals/mute")
    keep_learned(room.library.learned_file, new)
    wire = cable.plug(after)
    with room.surface(cable) as surface:
        room.run(surface)
        wire.waiting.append([0xB0, 64, 127])
        room.run(surface)
    assert room.track("vocals").mute
