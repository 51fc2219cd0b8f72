"""`stemrack play` as it is typed: a process of its own, real OSC, a take that bounces to what was heard."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pythonosc.udp_client import SimpleUDPClient
from typer.testing import CliRunner

from plugin_host.cli.app import app
from plugin_host.stems.open_session import HostSession

Start = Callable[..., "subprocess.Popen[str]"]
OscPort = Callable[["subprocess.Popen[str]"], int]


def loudest(path: Path) -> float:
    return float(np.abs(soundfile.read(path)[0]).max())


def test_it_plays_to_the_end_and_bounces_as_it_sounded(
    session: HostSession, play: Start, osc_port: OscPort, tmp_path: Path
) -> None:
    heard = tmp_path / "heard.wav"
    options = ("--null", "--quiet", "--until-end", "--osc-port", "0", "--capture", heard, "--record", "ride")
    process = play(session.folder, *options)
    with SimpleUDPClient("127.0.0.1", osc_port(process)) as osc:
        osc.send_message("/transport/play", [])
        for gain_db in (-3.0, -60.0, 0.0):
            time.sleep(0.3)
            osc.send_message("/track/bass/gain", gain_db)
    assert process.wait(timeout=60) == 0
    bounced = CliRunner().invoke(app, ["bounce", str(session.folder), "-o", "b.wav", "--take", "ride", "--tail", "0"])
    assert bounced.exit_code == 0, bounced.stderr
    live, mixed = soundfile.read(heard)[0], soundfile.read(tmp_path / "b.wav")[0]
    begin = int(np.argmax(np.abs(live).max(axis=1) > 0)) - int(np.argmax(np.abs(mixed).max(axis=1) > 0))
    assert np.abs(live[begin : begin + len(mixed)] - mixed).max() < 1e-6
    assert np.abs(mixed).max() > 0.1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_waits_stopped_and_ends_when_asked_politely(
    session: HostSession, play: Start, osc_port: OscPort, number: int
) -> None:
    process = play(session.folder, "--file", "out.wav", "--quiet", "--osc-port", "0", "--save")
    with SimpleUDPClient("127.0.0.1", osc_port(process)) as osc:
        osc.send_message("/track/bass/gain", -7.0)
    time.sleep(0.5)
    process.send_signal(number)
    assert process.wait(timeout=30) == 0
    assert loudest(Path("out.wav")) == 0.0
    assert "gain_db = -7.0" in (session.folder / "mix.toml").read_text()
    (session.folder / "mix.toml").unlink()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--null", "--buffer", "1"], "give 64 to 4096"),
        (["--null", "--jack"], "choose one of"),
        (["--jack", "--device", "not-there"], "no JACK server named 'not-there'"),
        (["--null", "--take", "nowhere"], "nowhere"),
        (["--null", "--scene", "nothing like it"], "nothing like it"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(session: HostSession, play: Start, options: list[str], words: str) -> None:
    process = play(session.folder, "--quiet", "--osc-port", "0", *options)
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait(timeout=60) in (1, 2)
    assert words in " ".join(said.split()).replace(" │ ", " ")
    assert "Traceback" not in said


def test_a_server_that_does_not_run_in_real_time_is_named(session: HostSession, play: Start, jackd: Any) -> None:
    process = play(session.folder, "--jack", "--device", jackd.name, "--quiet", "--osc-port", "0", "--no-midi")
    assert process.stderr is not None
    said = [process.stderr.readline() for _ in range(3)]
    assert "JACK server" in said[0]
    assert "does not run in real time" in said[1]
    assert "UDP" in said[2]
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0


def test_a_session_that_is_none_is_named(play: Start, tmp_path: Path) -> None:
    process = play(tmp_path / "no.stemrack", "--null")
    assert process.stderr is not None
    assert "no.stemrack" in process.stderr.read()
    assert process.wait(timeout=60) == 1


def test_the_process_tree_ends_with_a_kill(session: HostSession, play: Start, osc_port: OscPort) -> None:
    process = play(session.folder, "--null", "--quiet", "--osc-port", "0")
    osc_port(process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{child}") for child in children) and time.monotonic() < until:  # noqa: PTH110
        time.sleep(0.05)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
