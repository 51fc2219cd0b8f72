"""What you heard is what you bounce: the largest difference between a live capture and the bounce of its take.

Six stems × four effects play from the song's start at the pace of a clock while a hand changes things: one kind of
change a row, and all of them. The desk records the take, the engine writes what is heard; then the take is bounced and
both files are laid side by side from their first sound. 120 dB below full scale is the aim.
"""

import argparse
import itertools
import math
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.table import Table

from benchmarks.live_dropouts import moves
from benchmarks.live_rig.playing import Rig, rig
from benchmarks.live_rig.sessions import CHAIN, COMPRESSOR, RATE, REVERB, STEMS, rack, write_session
from benchmarks.live_rig.tables import show
from plugin_host.desk.desk import Desk
from plugin_host.desk.events import DeskWarning, Subscription, TakeRecorded
from plugin_host.desk.take_files import read_take, take_path
from plugin_host.effects.catalogue import check_effect
from plugin_host.engine.bounce import bounce
from plugin_host.engine.bounce_settings import BounceSettings
from plugin_host.mix import commands as c
from plugin_host.mix.state import Effect
from plugin_host.mix.transport import Pause, Play
from plugin_host.stems.open_session import HostSession

TAKE = "compared"
AIM_DB = -120.0
NEAR = 2048
"""Frames by which the first sounds of both may be misjudged."""
PROBE = 1 << 16
PATIENCE_SECONDS = 10.0
END_SECONDS = 0.5
"""Before the pause, whose fade a bounce does not have."""

Hand = Callable[[int], c.Command]
"""The next change, by its number."""


@dataclass(frozen=True)
class Difference:
    """Between capture and bounce. first: seconds into the take where it is beyond the aim, None for nowhere."""

    moves: int
    seconds: float
    db: float
    first: float | None
    dropped: int
    warnings: tuple[str, ...]


def hands() -> dict[str, tuple[float, Hand]]:
    """Kinds of change: how many a second, and which."""
    tracks = [track.name for track in rack(len(STEMS)).tracks]

    def track(number: int) -> str:
        return tracks[number % len(tracks)]

    def switches(number: int) -> c.Command:
        on = number // len(tracks) % 2 == 0
        return c.SetSolo(track(number), on) if number // (2 * len(tracks)) % 3 == 2 else c.SetMute(track(number), on)

    def sends(number: int) -> c.Command:
        return c.SetSend(track(number), number % 2, -12.0 + 6.0 * math.sin(number / 5))

    def chains(number: int) -> c.Command:
        gain = Effect("gain", {"gain_db": -3.0})
        kinds: tuple[c.Command, ...] = (
            c.AddEffect(track(number // 4), gain),
            c.SetEffectBypass(track(number // 4), COMPRESSOR, bypass=number // 4 % 2 == 0),
            c.RemoveEffect(track(number // 4), len(CHAIN)),
            c.SetEffectWet(track(number // 4), REVERB, 0.5 + 0.1 * (number // 24 % 4)),
        )
        return kinds[number % 4]

    swinging = moves(tracks)
    kinds: dict[str, tuple[float, Hand]] = {
        "nothing": (0.0, switches),
        "faders": (200.0, lambda number: c.SetGain(track(number), -9.0 + 6.0 * math.sin(number / 37))),
        "faders, pans, parameters": (500.0, lambda _: next(swinging)),
        "mutes and solos": (20.0, switches),
        "aux sends": (50.0, sends),
        "chains exchanged": (4.0, chains),
    }
    every = [hand for _, hand in list(kinds.values())[1:]]
    numbers = [itertools.count() for _ in every]

    def all_of_them(_: int) -> c.Command:
        chosen = random.choices(range(len(every)), (20, 40, 2, 5, 1))[0]  # noqa: S311 - no secret
        return every[chosen](next(numbers[chosen]))

    return kinds | {"all of them": (200.0, all_of_them)}


def ride(desk: Desk, rate: float, hand: Hand, seconds: float) -> None:
    began, done = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        while done < passed * rate:
            desk.do(hand(done))
            done += 1
        time.sleep(0.005)


def record(playing: Rig, path: Path, rate: float, hand: Hand, seconds: float) -> list[str]:
    """Play, change, stop; the capture is at `path`, the take in its folder. Warnings on the way."""
    with playing.desk.subscribe() as heard:
        playing.desk.capture(path)
        playing.desk.record(TAKE)
        playing.desk.do(Play())
        ride(playing.desk, rate, hand, seconds)
        playing.desk.do(Pause())
        warnings = until_recorded(heard)
        playing.desk.capture(None)
        wait_for(path)
        return warnings


def until_recorded(heard: Subscription) -> list[str]:
    warnings: list[str] = []
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        for event in heard.drain(0.1):
            if isinstance(event, DeskWarning):
                warnings.append(event.text)
            if isinstance(event, TakeRecorded):
                return warnings
    raise RuntimeError(f"no take was recorded: {warnings}")


def wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < until, f"{path} was not written"
        time.sleep(0.05)


def compare(session: HostSession, folder: Path, kind: str, seconds: float) -> Difference:
    """Capture and bounce of one kind of change."""
    rate, hand = hands()[kind]
    captured, bounced = folder / "captured.wav", folder / "bounced.wav"
    with rig(session, rack(len(STEMS)), takes_folder=folder / "takes", buffer=256, ahead=4) as playing:
        warnings = record(playing, captured, rate, hand, seconds)
        status = playing.engine.status()
    take = read_take(take_path(folder / "takes", TAKE), RATE, check_effect)
    bounce(session, take.mix, bounced, BounceSettings(take=take, end=seconds - END_SECONDS, tail=0.0))
    db, first = difference(read(captured), read(bounced))
    return Difference(len(take.events), seconds, db, first, status.starved + status.restarts, tuple(warnings))


def read(path: Path) -> np.ndarray:
    """(frame, channel)."""
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def difference(captured: np.ndarray, bounced: np.ndarray) -> tuple[float, float | None]:
    """Largest difference in dBFS, and where it first goes beyond the aim in seconds; at the lag that fits best."""
    start, reference = first_sound(captured), first_sound(bounced)
    lag = min(range(start - NEAR, start + NEAR), key=lambda lag: _largest(captured, bounced, lag - reference, PROBE))
    lag -= reference
    frames = min(len(bounced), len(captured) - lag)
    apart = np.abs(captured[max(0, lag) : lag + frames] - bounced[max(0, -lag) : frames]).max(axis=1)
    beyond = np.flatnonzero(apart > 10 ** (AIM_DB / 20))
    largest = float(apart.max())
    return 20 * math.log10(largest) if largest else -math.inf, int(beyond[0]) / RATE if len(beyond) else None


def first_sound(samples: np.ndarray) -> int:
    return int(np.flatnonzero(samples.any(axis=1))[0])


def _largest(captured: np.ndarray, bounced: np.ndarray, lag: int, frames: int) -> float:
    part = captured[max(0, lag) : lag + frames]
    return float(np.abs(part - bounced[max(0, -lag) : max(0, -lag) + len(part)]).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each kind of change")
    parser.add_argument("--kinds", nargs="+", choices=list(hands()), default=list(hands()))
    chosen = parser.parse_args()
    columns = ("changes", "moves in take", "largest difference dBFS", "aim", "first beyond at s", "starved, restarts")
    table = Table(*columns, title=f"live capture against bounce of its take, {chosen.seconds:g} s each")
    for kind in chosen.kinds:
        with tempfile.TemporaryDirectory() as place:
            session = write_session(Path(place) / "song.stemrack", chosen.seconds + 5)
            found = compare(session, Path(place), kind, chosen.seconds)
        first = "" if found.first is None else f"{found.first:.3f}"
        level = "identical" if found.db == -math.inf else f"{found.db:.1f}"
        verdict = "met" if found.db <= AIM_DB else "MISSED"
        table.add_row(kind, str(found.moves), level, verdict, first, str(found.dropped))
        for warning in found.warnings:
            print(f"{kind}: {warning}")
    show(table)


if __name__ == "__main__":
    main()
