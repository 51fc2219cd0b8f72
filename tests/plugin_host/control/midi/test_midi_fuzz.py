"""Whatever bytes arrive, the desk lives on, its mix can be played, and everything bad is counted.

STEMRACK_FUZZ=100 takes a hundred times as many examples (with `--timeout 0`).
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mido import Message

from plugin_host.control.midi.controller import Heard
from plugin_host.control.midi.rtmidi_client import parsed
from plugin_host.control.midi.rtmidi_ports import open_system
from plugin_host.control.midi.surface import MidiPlan
from plugin_host.desk.events import DeskWarning
from plugin_host.mix.presets import shipped_folder

Room = Cable = Any  # the conftest's
Unsound = Callable[[object], list[str]]
Bytes = list[int]
TIMES = int(os.environ.get("STEMRACK_FUZZ", "1"))
PORT = "wing:out"
SHIPPED = shipped_folder() / "controllers"
NAMES = sorted(path.stem for path in (SHIPPED / "bindings").glob("*.toml"))

DATA = st.integers(0, 127)
VOICE = st.tuples(st.integers(0x80, 0xEF), DATA, DATA).map(
    lambda data: [*data[: 2 if data[0] & 0xF0 in (0xC0, 0xD0) else 3]]
)
NRPN = st.tuples(st.integers(0xB0, 0xBF), st.sampled_from((6, 38, 98, 99, 100, 101)), DATA).map(list)
SYSEX = st.lists(DATA, max_size=20).map(lambda data: [0xF0, *data, 0xF7])
MACKIE = st.lists(DATA, max_size=9).map(lambda data: [0xF0, 0x00, 0x00, 0x66, *data, 0xF7])
SYSTEM = st.sampled_from(
    ([0xF8], [0xFA], [0xFB], [0xFC], [0xFE], [0xFF], [0xF2, 5, 9], [0xF1, 0x35], [0xF3, 2], [0xF6])
)
WHOLE = st.one_of(VOICE, NRPN, SYSEX, MACKIE, SYSTEM)
CUT = st.tuples(WHOLE, st.integers(0, 6), st.integers(0, 6)).map(lambda cut: cut[0][cut[1] : len(cut[0]) - cut[2]])
"""Split sysex, running status, unfinished messages."""
ARRIVING = st.lists(
    st.one_of(WHOLE, WHOLE, CUT, st.lists(st.integers(0, 255), min_size=1, max_size=9)), min_size=1, max_size=40
).map(lambda found: [data for data in found if data])


@pytest.mark.parametrize("name", NAMES)
def test_no_bytes_end_a_surface(room: Room, cable: Cable, unsound: Unsound, name: str) -> None:
    wire, did = cable.plug(PORT), []
    told = room.desk.subscribe(10_000)
    bad = 0

    @settings(max_examples=30 * TIMES, deadline=None)
    @given(ARRIVING)
    def is_survived(found: Sequence[Bytes]) -> None:
        nonlocal bad
        bad += sum(parsed(data) is None for data in found)
        wire.waiting.extend(found)
        room.run(surface)
        assert unsound(room.desk.mix) == []
        assert surface.refused == bad + sum(heard.refused for heard in did)
        assert all(parsed(message.bytes()) == message for message in wire.sent)
        wire.sent.clear()

    began = room.now[0]
    with room.surface(cable, MidiPlan({PORT: name}, {}), did) as surface:
        room.run(surface)
        is_survived()
    assert bad
    said = [each.text for each in told.drain() if isinstance(each, DeskWarning) and "could not be used" in each.text]
    assert 1 <= len(said) <= 1 + (room.now[0] - began) / 5.0


END = bytes((0xF0, 0x7D, 1, 2, 3, 0xF7))


def _noise(count: int) -> list[bytes]:
    """Whole and broken messages, and at last one that ends what sysex is open: till then rtmidi takes all for a part
    of it."""
    chance = random.Random(5)  # noqa: S311  (noise is no secret)
    whole = ("903F40", "B00740", "E00102", "F8", "F00102F7", "F0000066140100F7", "C005", "B06301", "B06201", "FE")
    noise = []
    for _ in range(count):
        data = bytearray.fromhex(chance.choice(whole))
        if chance.random() < 0.7:
            data[chance.randrange(len(data))] = chance.randrange(256)
            data += chance.randbytes(chance.randrange(4))
        noise.append(bytes(data[chance.random() < 0.2 :]) or b"\x40")
    return [*noise, b"\xf7", END]


def test_no_noise_over_jack_ends_a_surface(room: Room, jackd: Any, unsound: Unsound, wait_until: Any) -> None:
    pytest.importorskip("jack", reason="needs JACK-Client: pip install JACK-Client")
    did: list[Heard] = []
    with room.surface(open_system("jack"), MidiPlan({"noise": "mackie"}, {}), did) as surface, _raw("noise") as raw:
        wait_until(lambda: surface.attached, lambda: room.run(surface))
        for data in _noise(600):
            raw.write(f"{data.hex()}\n")
        raw.flush()
        wait_until(lambda: any(bytes(each.message.bytes()) == END for each in did), lambda: room.run(surface))
        assert surface.refused > sum(heard.refused for heard in did)
    assert unsound(room.desk.mix) == []


@contextmanager
def _raw(name: str) -> Iterator[Any]:
    """What events are written to, of another program."""
    script = str(Path(__file__).with_name("jack_raw.py"))
    command = [sys.executable, script, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process.stdin


def test_a_message_is_what_its_bytes_say() -> None:
    assert parsed([0xF0, 1, 0xF7]) == Message("sysex", data=(1,))
    for data in ([], [0x40, 0x20], [0xF0, 1], [1, 0xF7], [0xB0, 1], [0xB0, 1, 0x80], [0xF4], [0xB0, 1, 2, 3]):
        assert parsed(data) is None
