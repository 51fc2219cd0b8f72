"""Which part of a song is separated: in seconds as a listener asks for it, in frames as it is done."""

import math
from dataclasses import dataclass
from pathlib import Path

from separation_core.audio.reading import SongInfo
from separation_core.errors import ModelError, UnsupportedAudio
from separation_core.units import Hertz


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `start` to `end`, the last one not included."""

    start: int
    end: int

    @property
    def frames(self) -> int:
        """How many they are."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Part:
    """From `start` to `end` in seconds of the song; without an end to the song's. The default is the whole song.

    Raises ModelError for a start below 0 or an end that is not after it.
    """

    start: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and self.start >= 0):
            raise ModelError(f"a part cannot start at {self.start:g} s: give a time from 0 on")
        if self.end is not None and not (math.isfinite(self.end) and self.end > self.start):
            raise ModelError(f"the part from {self.start:g} s to {self.end:g} s is empty: give an end after its start")

    @property
    def is_whole(self) -> bool:
        """Whether this is any song from its first frame to its last."""
        return self.start == 0 and self.end is None

    def span(self, song: Path, rate: Hertz, frames: int) -> Span:
        """The part of a song of `frames` frames at `rate`, at least one frame; an end after the song's is the song's.

        UnsupportedAudio naming `song` where it ends before the part begins.
        """
        # No further than the song, as what a listener may type has more frames than can be counted.
        start = round(min(self.start * rate, frames))
        if start >= frames:
            raise UnsupportedAudio(
                f"{song} is {frames / rate:.3f} s long: no part begins at {self.start:g} s, give an earlier start"
            )
        end = frames if self.end is None else round(min(self.end * rate, frames))
        return Span(start, max(end, start + 1))

    def within(self, info: SongInfo) -> "Part":
        """The same part, but the whole song where it holds all of it; errors as in `span`.

        A song whose length only decoding tells keeps the part as it is.
        """
        if info.frames is None or self.is_whole:
            return self
        found = self.span(info.path, info.rate, info.frames)
        return Part() if found.frames == info.frames else self

    @property
    def label(self) -> str:
        """The part as the end of a file name, such as "30s-95.5s"; empty for a whole song."""
        if self.is_whole:
            return ""
        return f"{self.start:g}s-" + ("end" if self.end is None else f"{self.end:g}s")
