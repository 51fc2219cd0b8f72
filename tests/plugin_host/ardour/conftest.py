"""A studio: a JACK server, a real Ardour whose tracks listen to stemrack's, and `stemrack play`, with one transport."""

import itertools
import runpy
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RIG = runpy.run_path(str(Path(__file__).with_name("ardour_rig.py")))
SONG_SECONDS = 4
PERIOD = 4096
"""Frames: Ardour is out of step for good where it misses one under JACK's transport, as happens on a busy machine."""
RIDE = ((0, 1.0), (RIG["RATE"], 1.0), (3 * RIG["RATE"], 0.1))
"""Ardour's fader of the drums: a second at 0 dB, then down by 20 dB in two."""


OPTIONS = {"port_resampler_quality": "0"}
"""Else Ardour's ports resample all the time, for when it should be run at another speed, and hold 16 frames back."""


@dataclass(frozen=True)
class Studio:
    """What plays together. ardour: the rig's. stemrack: OSC to it. stems: (2, frame) by name. jack: a client."""

    ardour: Any
    stemrack: Any
    stems: dict[str, np.ndarray]
    jack: Any


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Studio]:
    if not RIG["program"]():
        pytest.skip("needs Ardour 7 and jackd: apt-get install --no-install-recommends ardour jackd2")
    tests = sys.modules[type(request.getfixturevalue("jackd")).__module__]  # the conftest above this one
    folder, rate = tmp_path_factory.mktemp("studio"), RIG["RATE"]
    stems = tests.four_stems(rate, SONG_SECONDS)
    session = tests.write_session(folder / "song.stemrack", stems, rate)
    strips = [RIG["Strip"](name, RIDE if name == "drums" else (), recorded=True) for name in stems]
    RIG["write_session"](folder / "studio", strips, jack_transport=True)
    with ExitStack() as stack:
        server = tests.JackServer()
        server.start(rate)
        stack.callback(server.end)
        transport = server.client("hand")
        stack.callback(tests.close, transport)
        transport.blocksize = PERIOD
        ardour = RIG["Ardour"](folder / "studio", folder / "home", server.name, **OPTIONS)
        stack.callback(ardour.close)
        ardour.await_ready(transport)
        stemrack = RIG["OscLine"](RIG["free_port"]())
        stack.callback(stemrack.close)
        play = _play(session.folder, server.name, stemrack.port)
        stack.callback(_end, play)
        stemrack.ask("/track/drums/gain")
        _connect(transport, ardour, stems)
        yield Studio(ardour, stemrack, stems, transport)


def _connect(client: Any, ardour: Any, stems: Iterable[str]) -> None:
    """Every stem to its track; anew where Ardour has lost the server meanwhile."""
    from jack import JackError  # here, for it needs JACK's library

    deadline = time.monotonic() + RIG["PATIENCE_SECONDS"]
    for name, (side, number) in itertools.product(stems, (("L", 1), ("R", 2))):
        source, sink = f"stemrack:{name}_{side}", f"ardour:{name}/audio_in {number}"
        while sink not in [port.name for port in client.get_all_connections(source)]:
            assert time.monotonic() < deadline, f"{source} cannot be connected to {sink}: {ardour.log}"
            ardour.await_ready(client)
            with suppress(JackError):
                client.connect(source, sink)


@pytest.fixture(scope="module")
def acquainted(studio: Studio) -> Studio:
    """Each of the two is a surface of the other, in Ardour's OSC."""
    ends = studio.ardour.osc.port, studio.stemrack.port
    for program, other in (ends, ends[::-1]):
        line = RIG["OscLine"](program)  # of its own: who introduces a surface is known by where he speaks from
        RIG["introduce"](line, other)
        line.close()
    return studio


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for something to come true."""

    def wait(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + RIG["PATIENCE_SECONDS"]
        while not holds():
            assert time.monotonic() < deadline, "it did not come true"

    return wait


def _play(session: Path, server: str, port: int) -> subprocess.Popen[bytes]:
    jack = ["--jack", "--device", server, "--direct", "post", "--jack-transport", "both", "--ahead", "2"]
    osc = ["--osc-port", str(port)]
    program = [
        sys.executable,
        "-c",
        "from plugin_host.cli import main; main()",
        "play",
        str(session),
        *jack,
        *osc,
        "--no-midi",
        "--quiet",
    ]
    return subprocess.Popen(program)


def _end(play: subprocess.Popen[bytes]) -> None:
    play.terminate()
    play.wait(30.0)
