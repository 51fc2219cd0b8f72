"""MIDI clock and time code as a real Ardour sends them over JACK, read by what follows masters: tempo, jitter, place.

    python -m benchmarks.ardour_clock [--seconds 60] [--periods 128,256]

A headless Ardour (Debian `ardour`) in step with JACK's transport sends both at 120 beats a minute and 30 frames a
second. They are heard through the ports of `stemrack` and decoded by `MidiClockIn` and `MtcIn`. Jitter is how far the
intervals between two clocks, and between two quarter frames, are from what they should be. The place that they tell is
held against the frame of JACK's transport at the same moment, which every program on the server knows.
"""

import argparse
import os
import runpy
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.live_rig.jack_server import JackServer, XrunWatch, jack_client, jack_server
from benchmarks.live_rig.sessions import RATE
from benchmarks.live_rig.tables import show
from plugin_host.control.midi.ports import InputPort
from plugin_host.control.midi.rtmidi_ports import open_system
from plugin_host.control.sync.midi_clock_in import CLOCKS_A_BEAT, MidiClockIn
from plugin_host.control.sync.mtc_in import QUARTERS, MtcIn

RIG = runpy.run_path(str(Path(__file__).parents[1] / "tests" / "plugin_host" / "ardour" / "ardour_rig.py"))
TEMPO, FRAMES_A_SECOND = 120.0, 30.0
SETTLE_SECONDS = 3.0
"""After the start, before anything counts."""
POLL_SECONDS = 0.001
LOOK_SECONDS = 0.02


@dataclass
class Heard:
    """Of one kind of message: when each came, in seconds, and by how much the place told was off, in seconds."""

    interval: float
    times: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    @property
    def jitter_ms(self) -> tuple[float, float]:
        """Of the intervals, half and 99 of a hundred."""
        return _p50_p99(1000 * (np.diff(self.times) - self.interval))

    @property
    def error_ms(self) -> tuple[float, float, float]:
        """The mean, and around it half and 99 of a hundred."""
        mean = float(np.mean(self.errors))
        return 1000 * mean, *_p50_p99(1000 * (np.array(self.errors) - mean))


@dataclass(frozen=True)
class Result:
    clock: Heard
    mtc: Heard
    tempos: list[float]
    xruns: int


class Listener:
    """Decodes both, and compares."""

    def __init__(self, clock_port: InputPort, mtc_port: InputPort, jack: Any) -> None:
        self._ports = (clock_port, mtc_port)
        self._jack = jack
        self._clock_in, self._mtc_in = MidiClockIn(), MtcIn()
        self.clock = Heard(60.0 / TEMPO / CLOCKS_A_BEAT)
        self.mtc = Heard(1.0 / FRAMES_A_SECOND / QUARTERS)
        self.tempos: list[float] = []

    def listen(self, seconds: float) -> None:
        """Hear for so long; only what comes after `SETTLE_SECONDS` counts."""
        counts = time.monotonic() + SETTLE_SECONDS
        until, look = counts + seconds, counts
        while (now := time.monotonic()) < until:
            self._take_in(counting=now > counts)
            if now > look:
                look = now + LOOK_SECONDS
                self._compare()
            time.sleep(POLL_SECONDS)

    def _take_in(self, *, counting: bool) -> None:
        kinds = (("clock", self._clock_in, self.clock), ("quarter_frame", self._mtc_in, self.mtc))
        for port, (kind, decoder, heard) in zip(self._ports, kinds, strict=True):
            for arrival in port.receive():
                decoder.hear(arrival.message, arrival.seconds)
                if counting and arrival.message.type == kind:
                    heard.times.append(arrival.seconds)

    def _compare(self) -> None:
        now, place = time.monotonic(), self._jack.transport_frame / RATE
        self.clock.errors.append(self._clock_in.beats_at(now) * 60.0 / TEMPO - place)
        told = self._mtc_in.seconds_at(now)
        if told is not None:
            self.mtc.errors.append(told - place)
        if self._clock_in.tempo is not None:
            self.tempos.append(self._clock_in.tempo)


def measure(server: JackServer, seconds: float, folder: Path) -> Result:
    """One Ardour, for so long."""
    os.environ["JACK_DEFAULT_SERVER"] = server.name  # rtmidi takes the server from there
    RIG["write_session"](folder / "clock", [RIG["Strip"]("one")], jack_transport=True)
    options = {"send_mtc": "1", "send_midi_clock": "1", "port_resampler_quality": "0"}
    with jack_client(server, "hand") as jack, closing(open_system("jack")) as system:
        watch = XrunWatch(jack)
        ardour = RIG["Ardour"](folder / "clock", folder / "home", server.name, **options)
        try:
            ardour.await_ready(jack)
            names = [next(name for name in system.inputs() if word in name) for word in ("MIDI Clock", "MTC")]
            listener = Listener(system.open_input(names[0]), system.open_input(names[1]), jack)
            _begin(jack)
            before = watch.count
            listener.listen(seconds)
            jack.transport_stop()
        finally:
            ardour.close()
        return Result(listener.clock, listener.mtc, listener.tempos, watch.count - before)


def _begin(jack: Any) -> None:
    """Roll from the beginning, once everything stands there."""
    for _ in range(3):
        jack.transport_stop()
        jack.transport_frame = 0
        time.sleep(SETTLE_SECONDS / 3)
    jack.transport_start()


def table(results: Sequence[tuple[JackServer, Result]]) -> Table:
    made = Table(title="Ardour's clocks over JACK; milliseconds, half | 99 of a hundred within")
    for column in ("server", "tempo read", "clock jitter", "place", "MTC jitter", "place", "messages", "xruns"):
        made.add_column(column, justify="left" if column == "server" else "right")
    for server, result in results:
        tempo = f"{np.mean(result.tempos):.3f} ± {np.std(result.tempos):.3f}"
        cells = [tempo]
        for heard in (result.clock, result.mtc):
            mean, *spread = heard.error_ms
            cells += [_both(heard.jitter_ms), f"{mean:+.2f}, then {_both(spread)}"]
        counts = f"{len(result.clock.times)}, {len(result.mtc.times)}"
        made.add_row(f"{server.period} frames", *cells, counts, str(result.xruns))
    return made


def _p50_p99(values: Any) -> tuple[float, float]:
    p50, p99 = np.percentile(np.abs(values), [50, 99])
    return float(p50), float(p99)


def _both(values: Sequence[float]) -> str:
    return " | ".join(f"{value:.2f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--periods", default="128,256")
    arguments = parser.parse_args()
    if not RIG["program"]():
        raise SystemExit("Ardour is not installed: apt-get install --no-install-recommends ardour jackd2")
    results = []
    for period in map(int, arguments.periods.split(",")):
        with jack_server(period) as server, tempfile.TemporaryDirectory() as folder:
            print(server.title)
            results.append((server, measure(server, arguments.seconds, Path(folder))))
    show(table(results))


if __name__ == "__main__":
    main()
