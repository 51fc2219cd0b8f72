"""Dropouts of a 6-stem × 4-effect session over JACK while the desk takes thousands of changes a second.

A real `jackd` on its dummy driver is the clock. Faders, pans and gliding effect parameters of every track move all the
time, each change a command to the desk as any surface would give it; at 2000 changes a second every one of the 36
controls moves about 50 times a second and swings to and fro in two seconds. Dropouts are buffers that our ring did not
hold in time; xruns are what the server itself counted; neither should be. Both are counted from two seconds after Play
on. `load` is the share of real time that rendering takes, as the engine tells it: the mean, and the most of its
averages over about twenty buffers as they were read every half second. `of asked` below 1 says that the desk's own
process had no time to give so many.
"""

import argparse
import itertools
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from benchmarks.live_rig.jack_server import JackServer, XrunWatch, jack_client, jack_server
from benchmarks.live_rig.playing import Rig, rig
from benchmarks.live_rig.sessions import COMPRESSOR, HIGHPASS, LOWPASS, REVERB, rack, write_session
from benchmarks.live_rig.tables import show
from plugin_host.mix.commands import Command, SetEffectParam, SetGain, SetPan
from plugin_host.stems.open_session import HostSession

SONG_SECONDS = 30.0
HAND_SECONDS = 0.01
"""So often changes are given, a handful at a time."""
LOOK_SECONDS = 0.5
SWING_CHANGES = 640
"""Changes of all controls together in which each swings by one radian."""


@dataclass
class Outcome:
    """What a run came to. changes: told to the desk. loads: as read on the way."""

    server: JackServer
    seconds: float = 0.0
    changes: int = 0
    dropouts: int = 0
    xruns: int = 0
    starved: int = 0
    restarts: int = 0
    loads: list[float] = field(default_factory=list)
    server_loads: list[float] = field(default_factory=list)


def moves(tracks: list[str]) -> Iterator[Command]:
    """Endless: every control of every track in turn, swinging at its own pace."""
    for number in itertools.count():
        track, swing = tracks[number % len(tracks)], math.sin(number / SWING_CHANGES)
        match number // len(tracks) % 7:
            case 0 | 1:
                yield SetGain(track, -9.0 + 6.0 * swing)
            case 2:
                yield SetPan(track, swing)
            case 3:
                yield SetEffectParam(track, HIGHPASS, "cutoff_frequency_hz", 80.0 * 2**swing)
            case 4:
                yield SetEffectParam(track, COMPRESSOR, "threshold_db", -24.0 + 6.0 * swing)
            case 5:
                yield SetEffectParam(track, LOWPASS, "cutoff_frequency_hz", 8_000.0 * 2 ** (swing / 2))
            case _:
                yield SetEffectParam(track, REVERB, "wet_level", 0.2 + 0.1 * swing)


def ride(playing: Rig, watch: XrunWatch, outcome: Outcome, seconds: float, rate: float) -> None:
    """Give the desk `rate` changes a second for so long."""
    swinging = moves([track.name for track in playing.desk.mix.tracks])
    began = look_at = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        while outcome.changes < passed * rate:
            playing.desk.do(next(swinging))
            outcome.changes += 1
        if time.monotonic() >= look_at:
            outcome.loads.append(playing.engine.status().load)
            outcome.server_loads.append(watch.server_load)
            look_at += LOOK_SECONDS
        time.sleep(HAND_SECONDS)
    outcome.seconds = time.monotonic() - began


def run(session: HostSession, period: int, ahead: int, seconds: float, rate: float) -> Outcome:
    """One buffer size from server start to end."""
    with jack_server(period) as server, jack_client(server, "xruns") as client:
        outcome, watch = Outcome(server), XrunWatch(client)
        settings = {"output": "jack", "device": server.name, "buffer": period, "ahead": ahead}
        with rig(session, rack(6), **settings) as playing:
            before, xruns = playing.play_looped(session.frames), watch.count
            ride(playing, watch, outcome, seconds, rate)
            after = playing.engine.status()
            outcome.xruns = watch.count - xruns
    outcome.dropouts = after.dropouts - before.dropouts
    outcome.starved, outcome.restarts = after.starved - before.starved, after.restarts
    return outcome


def print_table(outcomes: list[Outcome], rate: float, ahead: int) -> None:
    columns = ("buffer", "minutes", "changes/s", "of asked", "dropouts", "xruns", "starved", "restarts")
    title = f"6 stems × 4 effects, {rate:g} changes a second, {ahead} buffers ahead"
    table = Table(*columns, "load", "most", "jackd load", title=title)
    for found in outcomes:
        pace = found.changes / found.seconds
        counts = (found.dropouts, found.xruns, found.starved, found.restarts)
        loads = (statistics.mean(found.loads), max(found.loads), statistics.mean(found.server_loads))
        buffer = f"{found.server.period}{'' if found.server.real_time else ' (not in real time)'}"
        first = (buffer, f"{found.seconds / 60:.1f}", f"{pace:.0f}", f"{pace / rate if rate else 1:.2f}")
        table.add_row(*first, *map(str, counts), *(f"{load:.2f}" for load in loads))
    show(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for each buffer size")
    parser.add_argument("--changes", type=float, default=2000.0, help="a second")
    parser.add_argument("--buffers", type=int, nargs="+", default=[128, 64])
    parser.add_argument("--ahead", type=int, default=4, help="buffers rendered ahead, four as in `stemrack play`")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(Path(folder) / "song.stemrack", SONG_SECONDS)
        outcomes = [
            run(session, period, chosen.ahead, 60 * chosen.minutes, chosen.changes) for period in chosen.buffers
        ]
    print_table(outcomes, chosen.changes, chosen.ahead)


if __name__ == "__main__":
    main()
