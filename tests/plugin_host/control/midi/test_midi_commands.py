"""`stemrack midi` as it is typed: processes of their own, controllers on real JACK ports."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from plugin_host.control.midi.learned_file import read_learned
from plugin_host.stems.open_session import HostSession

JackServer = Peer = Any  # the conftest's
Wait = Callable[..., None]
COMMAND = (sys.executable, "-c", "from plugin_host.cli import main; main()", "midi")


@pytest.fixture(autouse=True)
def folder(jackd: JackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's presets; a JACK server runs."""
    monkeypatch.setenv("STEMRACK_PRESETS", str(tmp_path))
    return tmp_path


@contextmanager
def command(*words: object) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """`stemrack midi …`, and the lines it says, as they come."""
    words = (*words, "--through", "jack")
    said: list[str] = []
    with subprocess.Popen(
        [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = process.stdout
        reader = threading.Thread(target=lambda: said.extend(line.rstrip() for line in lines))
        reader.start()
        try:
            yield process, said
        finally:
            process.terminate()
            reader.join()


def test_monitor_shows_what_arrives_and_what_it_did(
    session: HostSession, peer: Callable[[str], Peer], wait_until: Wait
) -> None:
    korg = peer("nanoKONTROL2")
    first = session.stems[0]
    with command("monitor", session.folder, "--port", "nano") as (_, said):
        wait_until(lambda: any("nanoKONTROL2:out is Korg" in line for line in said))
        for data in ((0xB0, 48, 127), (0xB0, 48, 0), (0xB0, 48, 127), (0xB0, 7, 1), (0x9F, 1, 2)):
            korg.send(*data)
        wait_until(lambda: any("9F 01 02" in line for line in said))
    heard = [line.partition("nanoKONTROL2:out  ")[2] for line in said if line.startswith("nanoKONTROL2:out  ")]
    assert heard == [
        f"B0 30 7F  mute1 → /track/{first}/mute → on",
        "B0 30 00  mute1 → let go",
        f"B0 30 7F  mute1 → /track/{first}/mute → off",
        "B0 07 01  fader8 → /track/8/gain → nothing is there",
        "9F 01 02  no control of the device sends this",
    ]


def test_monitor_without_a_session_names_controls_and_targets(peer: Callable[[str], Peer], wait_until: Wait) -> None:
    mackie, other = peer("X-Touch"), peer("my wing")
    with command("monitor") as (_, said):
        wait_until(lambda: {"listening to X-Touch:out", "listening to my wing:out"} <= set(said))
        mackie.send(0xE0, 0, 64)
        other.send(0xF0, 1, 2, 3, 0xF7)
        wait_until(lambda: len(said) >= 5)
        mackie.leave()
        wait_until(lambda: "no longer listening to X-Touch:out" in said)
    assert "X-Touch:out  E0 00 40  fader1 → /track/1/gain" in said
    assert "my wing:out  F0 01 02 03 F7" in [line.rstrip() for line in said]


@pytest.mark.parametrize("word", ["ports", "monitor"])
def test_a_wrong_file_of_the_users_is_named_with_what_is_used_instead(
    folder: Path, peer: Callable[[str], Peer], wait_until: Wait, word: str
) -> None:
    own = folder / "controllers" / "bindings" / "mackie.toml"
    own.parent.mkdir(parents=True)
    own.write_text('purpose = "mine"\ndevice = "nothing"')
    peer("X-Touch")
    with command(word) as (_, said):
        wait_until(lambda: any("is used instead" in line for line in said))
    (line,) = (line for line in said if "is used instead" in line)
    assert line.startswith(f"{own}, line 2: device: no device 'nothing'")


def test_learn_by_moving_a_fader(folder: Path, peer: Callable[[str], Peer]) -> None:
    other = peer("wing")
    with command("learn", "/track/vocals/gain", "--port", "wing") as (process, said):
        value = 0
        while process.poll() is None:
            # Moves with rests between them, since nobody says when the port is open.
            for _ in range(12):
                value = (value + 3) % 128
                other.send(0xB3, 21, value)
                time.sleep(0.02)
            time.sleep(0.6)
    assert "wing:out: fader or knob, CC 21 on channel 4 → /track/vocals/gain" in said
    (kept,) = read_learned(folder / "controllers" / "learned.toml")
    assert kept.assignment.target == "/track/vocals/gain"


def test_learn_that_heard_nothing_says_so_in_one_line(peer: Callable[[str], Peer]) -> None:
    peer("wing")
    with command("learn", "/track/vocals/gain", "--port", "wing", "--seconds", "1.5") as (process, said):
        assert process.wait(60.0) == 1
    assert said[-1].startswith("stemrack: no control was clear in 1.5 s on wing:out, control")


def test_ports_and_what_they_are_taken_for(peer: Callable[[str], Peer]) -> None:
    peer("LCXL Launch Control XL")
    with command("ports", "--json") as (process, said):
        assert process.wait(60.0) == 0
    assert '"port": "LCXL Launch Control XL:out",' in [line.strip() for line in said]
    assert '"controller": "launch-control-xl"' in [line.strip() for line in said]
