"""From a command to the first changed sample at a recording JACK client, over JACK's own clock.

Six tracks × four effects play silence and a seventh, without effects, a constant, so that the master is a number that
changes only when a command arrives. A change is given to the desk, or sent as an OSC packet, at a random moment of the
period; the frame at which the command was given (`jack_frame_time`) is taken from the frame time of the first recorded
sample that differs. The promise is what is rendered ahead plus two buffers. The safety limiter holds the master back by
its look-ahead and is switched off here, unless `--limiter` is given.
"""

import argparse
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from pythonosc.osc_message_builder import OscMessageBuilder

from benchmarks.live_rig.delays import Delays, print_delays
from benchmarks.live_rig.jack_server import Recorder, jack_client, jack_server
from benchmarks.live_rig.playing import Rig, rig
from benchmarks.live_rig.sessions import RATE, STEMS, rack, write_session
from plugin_host.control.osc.settings import LOOPBACK, OscSettings
from plugin_host.control.osc.surfaces import open_surfaces
from plugin_host.control.parameters.table import ParameterTable
from plugin_host.effects.catalogue import check_effect
from plugin_host.mix.commands import SetGain, SetMute
from plugin_host.mix.presets import find_library
from plugin_host.mix.state import Mix, Track
from plugin_host.stems.open_session import HostSession

PILOT = "pilot"
LEVEL = 0.25
GLIDE_SECONDS = 0.02
REST_SECONDS = 0.04
"""Beyond the latency and the glide of one change, before the next."""
PATIENCE_SECONDS = 2.0

Change = Callable[[int], None]
"""Makes the given number of change, each unlike the one before."""


def constant(number: int, first: int, count: int) -> np.ndarray:
    """The song and the pilot are a constant, the six stems silent."""
    return np.full((2, count), LEVEL if number in (0, len(STEMS) + 1) else 0.0)


def pilot_mix(limiter: bool) -> Mix:
    mix = rack(len(STEMS), limiter=limiter)
    return replace(mix, tracks=(*mix.tracks, Track(PILOT, PILOT)))


@contextmanager
def changes(playing: Rig) -> Iterator[dict[str, Change]]:
    """Ways to change the pilot's level."""

    def gain(number: int) -> float:
        return -6.0 * (number % 2)

    table = ParameterTable(playing.desk, find_library(check_effect), frames=0, rate=RATE)
    with open_surfaces(table, OscSettings(port=0)) as osc, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def send(number: int) -> None:
            message = OscMessageBuilder(f"/track/{PILOT}/gain")
            message.add_arg(gain(number))
            sender.sendto(message.build().dgram, (LOOPBACK, osc.server.port))

        yield {
            "SetGain": lambda number: playing.desk.do(SetGain(PILOT, gain(number))),
            "SetMute": lambda number: playing.desk.do(SetMute(PILOT, bool(number % 2))),
            "OSC gain": send,
        }


def delay_of(change: Callable[[], None], recorder: Recorder) -> int | None:
    """Frames from the change to the first sample unlike the last one before it; None where it is not heard."""
    before, began = recorder.latest, recorder.now
    change()
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        time.sleep(GLIDE_SECONDS)
        after, frames = recorder.since(began)
        changed = np.flatnonzero(after != before)
        if len(changed):
            return int(frames[changed[0]]) - began
    return None


def measure(playing: Rig, what: str, change: Change, recorder: Recorder, count: int, ahead: int) -> Delays:
    period, before = recorder.period, playing.engine.status().dropouts
    found = []
    for number in range(1, count + 1):
        time.sleep(REST_SECONDS + (ahead + 2) * period / RATE + random.uniform(0.0, period / RATE))  # noqa: S311 - no secret
        found.append(delay_of(lambda number=number: change(number), recorder))
    heard = np.array([delay for delay in found if delay is not None])
    dropouts = playing.engine.status().dropouts - before
    return Delays(what, period, ahead, heard, len(found) - len(heard), dropouts)


def run(session: HostSession, period: int, ahead: int, count: int, limiter: bool) -> list[Delays]:
    """All ways of changing, at one buffer size."""
    with jack_server(period) as server, jack_client(server, "recorder") as client:
        settings = {"output": "jack", "device": server.name, "buffer": period, "ahead": ahead}
        with rig(session, pilot_mix(limiter), **settings) as playing:
            recorder = Recorder(client)
            recorder.listen_to("stemrack:master_L")
            playing.play_looped(session.frames)
            with changes(playing) as ways:
                found = []
                for what, way in ways.items():
                    found.append(measure(playing, what, way, recorder, count, ahead))
                    way(0)
                return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=300, help="of each kind")
    parser.add_argument("--buffers", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--ahead", type=int, default=4, help="buffers rendered ahead, four as in `stemrack play`")
    parser.add_argument("--limiter", action="store_true", help="with the safety limiter's look-ahead")
    chosen = parser.parse_args()
    found: list[Delays] = []
    with tempfile.TemporaryDirectory() as folder:
        stems = (*STEMS, PILOT)
        session = write_session(Path(folder) / "song.stemrack", 20.0, stems=stems, sound=constant)
        for period in chosen.buffers:
            found += run(session, period, chosen.ahead, chosen.changes, chosen.limiter)
    print_delays(found, "from command to first changed sample")


if __name__ == "__main__":
    main()
