"""Engine load: what a turn of the render loop costs against a bare loop over the same pedalboard chains.

Six stems × four effects in one process without a device. A turn is all that the render thread does for a buffer: read
the feed, run chains, faders and guards, sum, limit, keep the original in step, meter, write the ring. The bare loop
calls six pedalboards on the same sound, which lies in memory, limits the sum as the master does, and nothing else. Both
take turns of a tenth of a second of audio; between them the feed may catch up, which is not timed. Garbage is not
collected and threads are switched as in the engine.
"""

import argparse
import gc
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pedalboard
import soundfile
from rich.table import Table

from benchmarks.live_rig.sessions import CHAIN, RATE, rack, write_session
from benchmarks.live_rig.tables import show
from plugin_host.live.engine import SWITCH_SECONDS
from plugin_host.live.messages import Begin, LiveSettings
from plugin_host.live.shared import SharedState
from plugin_host.live.signal_path import SignalPath, open_path
from plugin_host.mix.transport import Play, SetLoop, Transport
from plugin_host.stems.open_session import HostSession

ROUND_SECONDS = 0.1
SETTLE_SECONDS = 5.0
WARM_UP_ROUNDS = 3
TRACKS = 6


@dataclass
class Times:
    """Seconds per buffer: the mean of every round, and of every single one."""

    rounds: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)

    def note(self, laps: list[float]) -> None:
        self.rounds.append(statistics.fmean(laps))
        self.single += laps

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def late(self) -> float:
        """What one buffer in a hundred takes at least."""
        return float(np.quantile(self.single, 0.99))


def timed(work: Callable[[], object], buffers: int, after: Callable[[], object] = lambda: None) -> list[float]:
    """Seconds that each call of `work` takes; `after` it, something that is not timed."""
    laps = []
    for _ in range(buffers):
        began = time.perf_counter()
        work()
        laps.append(time.perf_counter() - began)
        after()
    return laps


def bare_loop(session: HostSession, buffer: int) -> Callable[[], object]:
    """Six chains over the stems in memory, summed and limited."""
    boards = [
        pedalboard.Pedalboard(
            [
                pedalboard.HighpassFilter(*CHAIN[0].params.values()),
                pedalboard.Compressor(**CHAIN[1].params),
                pedalboard.LowpassFilter(*CHAIN[2].params.values()),
                pedalboard.Reverb(**CHAIN[3].params),
            ]
        )
        for _ in range(TRACKS)
    ]
    stems = [soundfile.read(session.session.stem_path(name), dtype="float32")[0].T for name in session.stems[:TRACKS]]
    blocks = itertools.cycle(
        [np.ascontiguousarray(stem[:, at : at + buffer]) for stem in stems]
        for at in range(0, session.frames - buffer, buffer)
    )
    limiter = pedalboard.Chain([pedalboard.BrickwallLimiter(ceiling_db=-1.0, release_ms=100.0, lookahead_ms=5.0)])

    def run() -> np.ndarray:
        inputs = next(blocks)
        mixed = boards[0].process(inputs[0], RATE, buffer_size=buffer, reset=False)
        for board, block in zip(boards[1:], inputs[1:], strict=True):
            mixed += board.process(block, RATE, buffer_size=buffer, reset=False)
        limited: np.ndarray = limiter.process(mixed, RATE, buffer_size=buffer, reset=False)
        return limited

    return run


class Turns:
    """The render loop's turns, one at a time; what they put into the ring is taken out again as a device would."""

    def __init__(self, path: SignalPath, buffer: int) -> None:
        # The loop's own thread is not started, and no public call renders without it: hence the private one.
        self._path, self._turn, self._buffer = path, path.loop._turn, buffer
        self._heard = np.zeros((2, buffer), np.float32)
        self._metered = np.zeros((4, RATE // 10), np.float32)
        path.feed.start()
        self.settle()

    def settle(self) -> None:
        self._path.feed.settle(SETTLE_SECONDS)

    def __call__(self) -> None:
        self._turn(self._buffer)

    def drain(self) -> None:
        self._path._pull(self._heard)
        if self._path.meter_ring.readable >= self._metered.shape[1]:
            self._path.meter_ring.read_into(self._metered)


def measure(session: HostSession, buffer: int, rounds: int) -> tuple[Times, Times]:
    """Seconds per buffer of the engine and of the bare loop."""
    engine, bare, loop = Times(), Times(), bare_loop(session, buffer)
    buffers = round(ROUND_SECONDS * RATE / buffer)
    begin = Begin(rack(TRACKS), Transport())
    shared = SharedState()
    try:
        with open_path(LiveSettings(session.folder, buffer=buffer), begin, shared) as path:
            turns = Turns(path, buffer)
            path.move(path.move(begin.transport, SetLoop(0, session.frames)), Play())
            for number in range(WARM_UP_ROUNDS + rounds):
                turns.settle()
                laps, bare_laps = timed(turns, buffers, turns.drain), timed(loop, buffers)
                if number >= WARM_UP_ROUNDS:
                    engine.note(laps)
                    bare.note(bare_laps)
            assert path.loop.playing, "the engine did not play"
    finally:
        shared.close()
    return engine, bare


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buffers", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--rounds", type=int, default=100, help="of a tenth of a second of audio each")
    chosen = parser.parse_args()
    columns = ("buffer", "engine µs", "bare µs", "ratio", "more by µs", "engine load", "bare load", "engine p99 µs")
    table = Table(*columns, title="6 stems × 4 effects, per buffer, medians of rounds")
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(Path(folder) / "song.stemrack", 20.0)
        gc.collect()
        gc.freeze()
        gc.disable()
        sys.setswitchinterval(SWITCH_SECONDS)
        for buffer in chosen.buffers:
            engine, bare = measure(session, buffer, chosen.rounds)
            period = buffer / RATE
            micro = [f"{1e6 * seconds:.0f}" for seconds in (engine.median, bare.median)]
            ratio = (f"{engine.median / bare.median:.2f}", f"{1e6 * (engine.median - bare.median):.0f}")
            loads = (f"{engine.median / period:.3f}", f"{bare.median / period:.3f}", f"{1e6 * engine.late:.0f}")
            table.add_row(str(buffer), *micro, *ratio, *loads)
    show(table)


if __name__ == "__main__":
    main()
