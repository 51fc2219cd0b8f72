"""How many tracks × 4 effects play without a dropout, and the same for SuperCollider's scsynth, over one JACK server.

Tracks are doubled until one number fails, then bisected; a number passes when one of its tries is clean for the whole
time (a busy machine may spoil any one of them). Ours streams the stems from their files, through high-pass, compressor,
low-pass, reverb, fader, pan and meters, into the limiter. scsynth loops stereo buffers in memory through HPF (of second
order, ours is of first), Compander, LPF, FreeVerb2 and a gain, into Limiter; it has no meters, and one thread as ours.
Clean is no more xruns than JACK counts on this machine with nothing to play (the worst of as many tries, before and in
the same run: a busy machine has some by itself), and for ours also no empty ring. The mix itself may have 128 tracks at
most.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from rich.table import Table

from benchmarks.live_rig.jack_server import JackServer, XrunWatch, jack_client, jack_server
from benchmarks.live_rig.playing import WARM_UP_SECONDS, rig
from benchmarks.live_rig.scsynth import scsynth
from benchmarks.live_rig.sessions import STEMS, rack, write_session
from benchmarks.live_rig.tables import show
from plugin_host.mix.limits import MAX_TRACKS
from plugin_host.stems.open_session import HostSession

SONG_SECONDS = 10.0
FIRST = 8
MOST_SYNTHS = 1024


@dataclass(frozen=True)
class Trial:
    """One number of tracks for a few seconds. load: by the program's own account. excused: xruns the machine makes."""

    tracks: int
    dropouts: int
    xruns: int
    load: float
    excused: int

    @property
    def clean(self) -> bool:
        return self.dropouts == 0 and self.xruns <= self.excused

    def __str__(self) -> str:
        return f"{self.tracks} tracks: {self.dropouts} dropouts, {self.xruns} xruns, load {self.load:.2f}"


@dataclass
class Search:
    """Doubles, then bisects. play: one trial of so many tracks."""

    name: str
    play: Callable[[int], Trial]
    most: int
    tries: int
    trials: list[Trial] = field(default_factory=list)

    def run(self) -> Trial | None:
        """The last clean one; None where not even the first number is."""
        good, tracks, bad = 0, FIRST, self.most + 1
        while tracks < bad:
            if self._passes(tracks):
                good, tracks = tracks, min(2 * tracks, self.most) if tracks < self.most else bad
            else:
                bad = tracks
        while bad - good > max(1, good // 50):
            middle = (good + bad) // 2
            if self._passes(middle):
                good = middle
            else:
                bad = middle
        return max((trial for trial in self.trials if trial.clean), key=lambda trial: trial.tracks, default=None)

    def _passes(self, tracks: int) -> bool:
        for _ in range(self.tries):
            self.trials.append(self.play(tracks))
            print(f"{self.name}: {self.trials[-1]}", flush=True)
            if self.trials[-1].clean:
                return True
        return False


def idle_xruns(server: JackServer, seconds: float, tries: int) -> int:
    """The most that one try counts when there is nothing to play."""
    with jack_client(server, "xruns") as client:
        watch = XrunWatch(client)
        time.sleep(WARM_UP_SECONDS)
        counts = [watch.count]
        for _ in range(tries):
            time.sleep(seconds)
            counts.append(watch.count)
    return max(after - before for before, after in pairwise(counts))


def our_trial(session: HostSession, server: JackServer, ahead: int, seconds: float, excused: int, tracks: int) -> Trial:
    settings = {"output": "jack", "device": server.name, "buffer": server.period, "ahead": ahead}
    with jack_client(server, "xruns") as client, rig(session, rack(tracks), **settings) as playing:
        watch = XrunWatch(client)
        before, xruns = playing.play_looped(session.frames), watch.count
        time.sleep(seconds)
        after = playing.engine.status()
        late = after.dropouts - before.dropouts + after.starved - before.starved + after.restarts
        return Trial(tracks, late, watch.count - xruns, after.load, excused)


def scsynth_trial(files: list[Path], server: JackServer, seconds: float, excused: int, tracks: int) -> Trial:
    with jack_client(server, "xruns") as client, scsynth(server) as running:
        watch = XrunWatch(client)
        running.prepare([files[number % len(files)] for number in range(tracks)])
        for number in range(tracks):
            running.add_track(number)
        running.sync()
        time.sleep(WARM_UP_SECONDS)
        xruns = watch.count
        time.sleep(seconds)
        synths, load, _ = running.load()
        assert synths == tracks + 1, f"{synths} synths play instead of {tracks + 1}"
        return Trial(tracks, 0, watch.count - xruns, load, excused)


def print_table(found: dict[str, Trial | None], server: JackServer, ours: str) -> None:
    table = Table("program", "tracks × 4", "load there", "to ours", title=f"no dropout: {server.title}")
    reference = found[ours]
    for name, trial in found.items():
        if trial is None:
            table.add_row(name, f"fewer than {FIRST}", "", "")
        else:
            ratio = f"{trial.tracks / reference.tracks:.2f}" if reference else ""
            table.add_row(name, str(trial.tracks), f"{trial.load:.2f}", ratio)
    show(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each trial")
    parser.add_argument("--buffer", type=int, default=256)
    parser.add_argument("--ahead", type=int, nargs="+", default=[4], help="buffers we render ahead")
    parser.add_argument("--tries", type=int, default=4, help="of which one must be clean")
    parser.add_argument("--no-scsynth", action="store_true")
    chosen = parser.parse_args()
    found: dict[str, Trial | None] = {}
    with tempfile.TemporaryDirectory() as folder, jack_server(chosen.buffer) as server:
        session = write_session(Path(folder) / "song.stemrack", SONG_SECONDS)
        excused = idle_xruns(server, chosen.seconds, chosen.tries)
        print(f"with nothing to play: {excused} xruns", flush=True)
        for ahead in chosen.ahead:

            def ours(tracks: int, ahead: int = ahead) -> Trial:
                return our_trial(session, server, ahead, chosen.seconds, excused, tracks)

            name = f"stemrack, {ahead} ahead"
            found[name] = Search(name, ours, MAX_TRACKS, chosen.tries).run()
        if not chosen.no_scsynth:
            files = [session.folder / "stems" / f"{stem}.wav" for stem in STEMS]

            def theirs(tracks: int) -> Trial:
                return scsynth_trial(files, server, chosen.seconds, excused, tracks)

            found["scsynth"] = Search("scsynth", theirs, MOST_SYNTHS, chosen.tries).run()
    print_table(found, server, next(iter(found)))


if __name__ == "__main__":
    main()
