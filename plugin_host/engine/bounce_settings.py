"""What a bounce is asked for, and what it reports."""

import os
from dataclasses import dataclass

from plugin_host.engine.bounce_files import TrackFiles
from plugin_host.engine.bounce_outputs import OutputFile
from plugin_host.engine.normalise import LoudnessReport
from plugin_host.errors import BounceError
from plugin_host.mix.take import Take
from plugin_host.stems.open_session import HostSession
from separation_core.audio.writing import SampleFormat

MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class BounceSettings:
    """How to render.

    mix: write the mix. tracks: which per-track files to write. fmt: sample format of every file. loudness: integrated
    loudness of the mix in LUFS (-70 … 0), or None to leave it; the track files keep their level. start, end: the part
    of the song in seconds; None is its beginning and end. tail: longest time in seconds that reverbs may sound on
    after the song's end. threads: how many work on the effects, None for what the
    machine has; reading and writing have one each besides; they change no sample.
    block_frames: frames per block. allow_missing: pass by plugins that are not installed. take: control moves to
    carry out on the way; the part begins where the take does unless `start` says otherwise.
    """

    mix: bool = True
    tracks: TrackFiles = TrackFiles.NONE
    fmt: SampleFormat = SampleFormat.FLOAT32
    loudness: float | None = None
    start: float | None = None
    end: float | None = None
    tail: float = 10.0
    threads: int | None = None
    block_frames: int = 16_384
    allow_missing: bool = False
    take: Take | None = None

    def __post_init__(self) -> None:
        if not self.mix and self.tracks is TrackFiles.NONE:
            raise BounceError("neither the mix nor its tracks are asked for: ask for one of them")
        if self.loudness is not None and not -70.0 <= self.loudness <= 0.0:
            raise BounceError(f"loudness is {self.loudness} LUFS: give -70 to 0, such as -14")
        if not 0.0 <= self.tail <= 600.0:
            raise BounceError(f"tail is {self.tail} s: give 0 to 600")
        if self.threads is not None and not 1 <= self.threads <= MOST_THREADS:
            raise BounceError(f"threads is {self.threads}: give 1 to {MOST_THREADS}")
        if not 16 <= self.block_frames <= 1 << 20:
            raise BounceError(f"block is {self.block_frames} frames: give 16 to {1 << 20}")

    @property
    def wet(self) -> bool:
        """Whether track files with effects are wanted."""
        return self.tracks in (TrackFiles.WET, TrackFiles.BOTH)

    @property
    def dry(self) -> bool:
        """Whether track files without effects are wanted."""
        return self.tracks in (TrackFiles.DRY, TrackFiles.BOTH)

    def threads_for(self, tracks: int) -> int:
        """Threads worth using for that many tracks."""
        return self.threads or max(1, min(os.cpu_count() or 1, tracks, MOST_THREADS))


@dataclass(frozen=True, slots=True)
class BounceReport:
    """What was rendered.

    mix: its file and levels, None where not asked for. tracks, dry_tracks: their files, in mix order. rate: Hz.
    frames: length of every file, of which tail_frames sound on after the song's end. preroll_frames: how much of the
    song before the start of the part its effects have heard; a part sounds as it does in the whole song except for
    effects that remember longer (a slow modulation's phase, a gain rider). reduction_db: most that the safety limiter
    took away, 0 where it is off. warnings: one line each.
    """

    mix: OutputFile | None
    tracks: tuple[OutputFile, ...]
    dry_tracks: tuple[OutputFile, ...]
    rate: int
    frames: int
    tail_frames: int
    preroll_frames: int
    reduction_db: float
    loudness: LoudnessReport | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The song frames to render: `begin` … `end`; `to_song_end` where a tail follows."""

    begin: int
    end: int
    to_song_end: bool


def part_of(session: HostSession, settings: BounceSettings) -> Part:
    """The part asked for; `BounceError` where it is empty or lies outside the song."""
    seconds = session.frames / session.rate
    start = settings.start
    if start is None:
        start = settings.take.start / session.rate if settings.take else 0.0
    end = seconds if settings.end is None else settings.end
    if not 0.0 <= start < seconds:
        raise BounceError(f"start is {start:g} s: give 0 to {seconds:.3f}, the length of the song")
    begin = round(start * session.rate)
    stop = round(min(end, seconds) * session.rate) if start < end else begin
    if begin >= stop:
        raise BounceError(f"start {start:g} s is not before end {end:g} s: give an end after the start")
    return Part(begin, stop, to_song_end=stop == session.frames)
