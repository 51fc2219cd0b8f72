"""One line of playing: the song from one place on, at one speed and pitch, with one set of sources, made ahead."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from plugin_host.engine.feed_ring import FeedRing, Rows
from plugin_host.engine.feed_sources import SourceRows
from plugin_host.engine.play_order import PlayOrder
from plugin_host.engine.stretch import Stretcher

CHUNK = 2048
"""Frames that are made at a time."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the song is played. loop: see `PlayOrder`. speed: 0.5 … 2. semitones: -12 … 12, `transpose_drums` or not."""

    loop: tuple[int, int] | None = None
    speed: float = 1.0
    semitones: float = 0.0
    transpose_drums: bool = False


class _Maker(Protocol):
    def read(self, count: int) -> Rows:
        """The next `count` frames, (row, 2, frame)."""


class FeedLine:
    """Plays `sources` from song frame `start` on. One thread makes it ahead, another reads `ring`.

    rate in Hz. ahead: frames made ahead at least.
    """

    def __init__(self, sources: SourceRows, start: int, manner: Manner, rate: int, ahead: int) -> None:
        self.order = PlayOrder(start, sources.frames, manner.loop)
        self.sources, self.manner = sources, manner
        self.rows = {name: row for row, name in enumerate(sources.names)}
        self.reference = len(sources) - 1
        self.ring = FeedRing(len(sources), max(ahead, CHUNK) + CHUNK)
        self.frames = None if self.order.frames is None else math.ceil(self.order.frames / manner.speed)
        self._makers = _makers(sources, self.order, manner, rate)

    def song_frame(self, index: int) -> float:
        """The song frame that is heard at frame `index` of this line."""
        return self.order.song_frame(index * self.manner.speed)

    @property
    def complete(self) -> bool:
        """Whether everything up to the song's end has been made."""
        return self.frames is not None and self.ring.written >= self.frames

    def make_some(self) -> bool:
        """Make the next frames where there is room; whether something was made."""
        if self.complete or self.ring.writable < CHUNK:
            return False
        count = CHUNK if self.frames is None else min(CHUNK, self.frames - self.ring.written)
        self.ring.write(self._next(count))
        return True

    def _next(self, count: int) -> Rows:
        if len(self._makers) == 1:
            return self._makers[0][1].read(count)
        out = np.empty((self.reference + 1, 2, count), dtype=np.float32)
        for rows, maker in self._makers:
            out[rows] = maker.read(count)
        return out


class _Plain:
    """Rows just as they are."""

    def __init__(self, sources: SourceRows, rows: list[int], order: PlayOrder) -> None:
        self._sources, self._rows, self._order = sources, rows, order
        self._offset = 0

    def read(self, count: int) -> Rows:
        found = self._sources.read(self._rows, self._order, self._offset, count)
        self._offset += count
        return found


def _makers(sources: SourceRows, order: PlayOrder, manner: Manner, rate: int) -> list[tuple[list[int], _Maker]]:
    """The rows that keep their pitch and those that are transposed, each with what makes them."""
    transposed = manner.semitones != 0.0
    kept = [] if manner.transpose_drums else [row for row, name in enumerate(sources.names) if name in sources.drums]
    rest = [row for row in range(len(sources)) if row not in kept] if transposed else list(range(len(sources)))
    groups = [(kept, 0.0)] if transposed and kept else []
    return [
        (rows, _maker(sources, rows, order, manner.speed, semitones, rate))
        for rows, semitones in (*groups, (rest, manner.semitones))
    ]


def _maker(sources: SourceRows, rows: list[int], order: PlayOrder, speed: float, semitones: float, rate: int) -> _Maker:
    if speed == 1.0 and semitones == 0.0:
        return _Plain(sources, rows, order)

    def read(offset: int, count: int) -> Rows:
        return sources.read(rows, order, offset, count)

    return Stretcher(read, len(rows), rate, speed, semitones)
