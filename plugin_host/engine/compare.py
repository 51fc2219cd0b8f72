"""A file for the ear: the original and the remix in turn, in step to the sample and equally loud."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plugin_host.engine.bounce_files import unprotected
from plugin_host.engine.bounce_watch import Cancel, Progress, Watch
from plugin_host.engine.glide import GainGlide, ramp_shape
from plugin_host.engine.strip import Block
from plugin_host.errors import BounceError
from separation_core.audio.frames import FrameSource
from separation_core.audio.loudness import LevelMeter
from separation_core.audio.writing import SampleFormat, SongWriter
from separation_core.errors import AudioError
from separation_core.units import Hertz

BLOCK = 65_536
DEFAULT_EVERY = 8.0
SHORTEST_TURN = 0.1
ORIGINAL, REMIX = np.array([1.0, 0.0]), np.array([0.0, 1.0])


@dataclass(frozen=True, slots=True)
class CompareSettings:
    """How to alternate.

    times: seconds at which to switch, rising; where there are none, it switches every `every` seconds. The original
    comes first. original_start: frame of the original that frame 0 of the remix belongs to, for the remix of a part.
    fmt: sample format.
    """

    times: tuple[float, ...] = ()
    every: float = DEFAULT_EVERY
    original_start: int = 0
    fmt: SampleFormat = SampleFormat.FLOAT32

    def __post_init__(self) -> None:
        if not SHORTEST_TURN <= self.every < math.inf:
            raise BounceError(f"every {self.every} s is no turn to listen to: give {SHORTEST_TURN} s or more")
        if any(not 0.0 < time < math.inf for time in self.times):
            raise BounceError(f"a switch at {min(self.times)} s is outside the song: give times after 0")
        if any(later <= sooner for sooner, later in zip(self.times, self.times[1:], strict=False)):
            raise BounceError(f"the switch times {', '.join(map(str, self.times))} do not rise: give them in order")


@dataclass(frozen=True, slots=True)
class CompareReport:
    """What was written: frames, the seconds at which it switches, and how much each side was turned down to match."""

    path: Path
    frames: int
    switches: tuple[float, ...]
    original_gain_db: float
    remix_gain_db: float


def compare(
    original: FrameSource,
    remix: FrameSource,
    out: Path,
    settings: CompareSettings | None = None,
    *,
    protected: Iterable[Path] = (),
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> CompareReport:
    """Write original and remix in turn to `out`, as long as the remix.

    Both are stereo at one rate. The louder one (integrated loudness of what is compared) is turned down to the other,
    so nothing clips that did not before. Switches are 20 ms crossfades whose gains sum to one, beginning at the
    stated time. Errors: `BounceError` (rates that differ, `out` unwritable or among `protected`), `Cancelled`.
    """
    settings = settings or CompareSettings()
    if original.rate != remix.rate or (original.channels, remix.channels) != (2, 2):
        raise BounceError(
            f"original ({original.channels} channels, {original.rate} Hz) and remix ({remix.channels}, {remix.rate} Hz)"
            f" cannot be compared: give both in stereo at one rate"
        )
    if out.is_dir():
        raise BounceError(f"{out} is a directory: name a file to write to")
    unprotected(out, protected)
    watch = Watch(2 * remix.frames, progress, cancelled)
    try:
        return _compare(original, remix, out, settings, watch)
    except AudioError as error:
        raise BounceError(str(error)) from error


def _compare(
    original: FrameSource, remix: FrameSource, out: Path, settings: CompareSettings, watch: Watch
) -> CompareReport:
    switches = _switches(settings, remix.frames / remix.rate)
    gains_db = _matching_gains(original, remix, settings.original_start, watch)
    first, second = (np.float32(10.0 ** (gain / 20.0)) for gain in gains_db)
    glide = _alternation(switches, remix.rate)
    with SongWriter(out, Hertz(remix.rate), 2, settings.fmt, expected_frames=remix.frames) as writer:
        for before, after in _pairs(original, remix, settings.original_start):
            shares = np.ones((2, before.shape[1]), dtype=np.float32)
            glide.apply(shares, out=shares)
            writer.write(shares[0] * first * before + shares[1] * second * after)
            watch.advance(before.shape[1])
    return CompareReport(out, remix.frames, tuple(switches), *gains_db)


def _switches(settings: CompareSettings, seconds: float) -> list[float]:
    if settings.times:
        if settings.times[-1] >= seconds:
            raise BounceError(f"a switch at {settings.times[-1]} s lies after the end: the remix has {seconds:.3f} s")
        return list(settings.times)
    return [settings.every * turn for turn in range(1, math.ceil(seconds / settings.every))]


def _alternation(switches: Sequence[float], rate: int) -> GainGlide:
    """Shares of original and remix: (2,), starting on the original."""
    glide = GainGlide(ORIGINAL, ramp_shape(rate))
    for turn, time in enumerate(switches):
        glide.step(ORIGINAL if turn % 2 else REMIX, at=round(time * rate))
    return glide


def _matching_gains(original: FrameSource, remix: FrameSource, start: int, watch: Watch) -> tuple[float, float]:
    meters = LevelMeter(Hertz(original.rate), 2), LevelMeter(Hertz(remix.rate), 2)
    for before, after in _pairs(original, remix, start):
        meters[0].add(before)
        meters[1].add(after)
        watch.advance(before.shape[1])
    louder = meters[0].levels().lufs - meters[1].levels().lufs
    if not math.isfinite(louder):
        return 0.0, 0.0
    return min(0.0, -louder), min(0.0, louder)


def _pairs(original: FrameSource, remix: FrameSource, start: int) -> Iterator[tuple[Block, Block]]:
    for frame in range(0, remix.frames, BLOCK):
        count = min(BLOCK, remix.frames - frame)
        yield original.read(start + frame, count), remix.read(frame, count)
