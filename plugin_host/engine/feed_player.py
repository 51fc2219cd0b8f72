"""The render thread's side of the feed: copies what was made ahead, and fades from one line to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from plugin_host.engine.feed_line import FeedLine
from plugin_host.engine.feed_sources import SourceRows

Block = npt.NDArray[np.float32]
FADE_SECONDS = 0.010
PLAY_STEP = 2
"""Playing fades in at twice the pace."""


def line_fade(rate: int) -> npt.NDArray[np.float32]:
    """Share (frame,) of a new line from its first frame, 0, to its last, 1, while it takes the place of another."""
    steps = PLAY_STEP * max(1, round(FADE_SECONDS * rate / PLAY_STEP))
    shape: npt.NDArray[np.float32] = (0.5 - 0.5 * np.cos(np.pi * np.arange(steps + 1) / steps)).astype(np.float32)
    return shape


class FeedBlock(NamedTuple):
    """The next frames of all inputs; the arrays are the feed's own and valid until the next is read.

    inputs: (2, frame) float32 per name asked for, silence for a name it does not know. reference: the song (2, frame).
    song_frame: where in the song the first frame is. playing: whether the song runs at the end of the block.
    starved: frames that were due but had not been made yet; they are silent, and the song waits for them.
    ended: the song's end was passed in this block, and playing stopped by itself.
    """

    inputs: list[Block]
    reference: Block
    song_frame: float
    playing: bool
    starved: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What the player shall do next: play `line`, or stand on it.

    at: the frame of the line playing now from which on `line` takes its place (frame for frame, should that have passed
    by then); None: at once, from its first frame.
    """

    line: FeedLine
    playing: bool
    at: int | None = None


class _Voice:
    """A line being read: the next frame, and how far it is faded in (0 … steps) and where that goes."""

    __slots__ = ("index", "level", "line", "step")

    def __init__(self, line: FeedLine, index: int, level: int, step: int) -> None:
        self.line, self.index, self.level, self.step = line, index, level, step


class FeedPlayer:
    """Reads lines as the orders say. `give` may be called from one other thread, everything else from one.

    Changes of line and stops are raised-cosine fades of 10 ms, playing fades in over 5 ms, except from the song's
    beginning, which is heard as it is.
    """

    def __init__(self, line: FeedLine, rate: int) -> None:
        self._fade = line_fade(rate)
        self._steps = len(self._fade) - 1
        self._main = _Voice(line, 0, self._steps, 0)
        self._leaving: list[_Voice] = []
        self.playing = False
        self._order: Order | None = None
        self._held: SourceRows | None = None
        self._starved = 0
        self._room = np.zeros((1, 2, 0), dtype=np.float32)
        self._scratch = np.zeros(0, dtype=np.float32)
        self._inputs: list[Block] = []
        self._reference = self._room[0]

    @property
    def line(self) -> FeedLine:
        """The line that plays, or stands."""
        return self._main.line

    @property
    def index(self) -> int:
        """The next frame of that line."""
        return self._main.index

    @property
    def song_frame(self) -> int:
        """The song frame that the next block begins with; any thread may ask."""
        order, main = self._order, self._main
        if order is not None and order.line is not main.line and self._is_due(order):
            return int(order.line.song_frame(self._place_in(order)))
        return int(main.line.song_frame(main.index))

    @property
    def waiting(self) -> bool:
        """Whether an order has not been carried out yet."""
        return self._order is not None

    def ready(self, count: int) -> bool:
        """Whether the next `count` frames are there, or never will be: reading them now leaves nothing out."""
        main = self._main
        if not self.playing or self._order is not None:
            return True
        return main.line.complete or main.line.ring.written - main.index >= count

    def give(self, order: Order) -> None:
        """Order something; only while nothing is `waiting`."""
        self._order = order

    def hold(self, sources: SourceRows) -> None:
        """Before lines of these are ordered, by whom they are ordered: none is played before `take_up`."""
        self._held = sources

    @property
    def can_take_up(self) -> bool:
        """Whether what is held could be played from the next frame on; so it is where nothing is held."""
        order, held = self._order, self._held
        if held is None or self.line.sources is held:
            return True
        return order is not None and order.line.sources is held and self._is_late(order)

    def take_up(self) -> None:
        """Play what is held from the next frame on."""
        self._held = None

    def read(self, names: Sequence[str], count: int) -> FeedBlock:
        """The next `count` frames of the named sources; see `FeedBlock`."""
        self._make_room(len(names), count)
        if self._order is None and self._goes_on(count):
            return self._read_on(names)
        self._starved, ended, done = 0, False, 0
        first: float | None = None
        while done < count or first is None:
            self._carry_out_what_is_due()
            if first is None:
                first = self.line.song_frame(self.index)
            piece = self._until_order(count - done)
            ended |= self._play(names, done, piece)
            done += piece
        return FeedBlock(self._inputs, self._reference, first, self.playing, self._starved, ended)

    def _goes_on(self, count: int) -> bool:
        """Whether the next frames are those of the line and nothing else, and all there: so it is nearly always."""
        main = self._main
        end = main.index + count
        plain = self.playing and not main.step and not self._leaving and end <= main.line.ring.written
        return plain and count > 0 and (main.line.frames is None or end < main.line.frames)

    def _read_on(self, names: Sequence[str]) -> FeedBlock:
        main = self._main
        first = main.line.song_frame(main.index)
        self._copy(names, self._room)
        main.line.ring.release(main.index)
        return FeedBlock(self._inputs, self._reference, first, playing=True, starved=0, ended=False)

    def _make_room(self, names: int, count: int) -> None:
        if self._room.shape != (names + 1, 2, count):
            self._room = np.zeros((names + 1, 2, count), dtype=np.float32)
            *self._inputs, self._reference = self._room
        if len(self._scratch) < 2 * count:
            self._scratch = np.zeros(2 * count, dtype=np.float32)

    def _carry_out_what_is_due(self) -> None:
        order = self._order
        if order is None or not self._is_due(order):
            return
        was, old, same = self.playing, self._main, order.line is self._main.line
        if was and not (same and order.playing):
            self._leaving.append(_Voice(old.line, old.index, old.level, -1))
        if not same:
            self._main = _Voice(order.line, self._place_in(order), self._steps, 0)
        if order.playing and not (was and same):
            self._fade_in(1 if was else PLAY_STEP)
        self.playing = order.playing
        self._order = None

    def _is_due(self, order: Order) -> bool:
        """Where the line that plays has run dry even what is held is: rather too early than a gap."""
        return self._is_dry or (order.line.sources is not self._held and self._is_late(order))

    @property
    def _is_dry(self) -> bool:
        return self.line.ring.written <= self.index

    def _is_late(self, order: Order) -> bool:
        return order.at is None or self.index >= order.at or not self.playing or self._is_dry

    def _place_in(self, order: Order) -> int:
        """The frame of the ordered line to begin with."""
        return 0 if order.at is None else min(max(0, self.index - order.at), order.line.ring.written)

    def _fade_in(self, step: int) -> None:
        main = self._main
        from_the_top = step == PLAY_STEP and main.line.song_frame(main.index) <= 0
        main.level, main.step = (self._steps, 0) if from_the_top else (0, step)

    def _until_order(self, count: int) -> int:
        """At most `count` frames, up to where a waiting order is due."""
        order = self._order
        if order is None or not self.playing:
            return count
        if order.line.sources is self._held:
            return max(1, min(count, self.line.ring.written - self.index)) if count else 0
        if order.at is None:
            return count
        return max(1, min(count, order.at - self.index)) if count else 0

    def _play(self, names: Sequence[str], begin: int, count: int) -> bool:
        """Fill the next piece of the room; whether the song ended in it."""
        out = self._room[:, :, begin : begin + count]
        main = self._main
        due = count if main.line.frames is None else min(count, main.line.frames - main.index)
        before = main.index
        if self.playing and not main.step and not self._leaving:
            self._copy(names, out)
        else:
            out[:] = 0.0
            self._leaving = [voice for voice in self._leaving if self._mix(voice, names, out)]
            if self.playing:
                self._mix(main, names, out)
        main.line.ring.release(main.index)
        if not self.playing:
            return False
        self._starved += due - (main.index - before)
        self.playing = main.line.frames is None or main.index < main.line.frames
        return not self.playing

    def _copy(self, names: Sequence[str], out: npt.NDArray[np.float32]) -> None:
        main = self._main
        there = min(out.shape[2], main.line.ring.written - main.index)
        if there < out.shape[2]:
            out[:, :, there:] = 0.0
            out = out[:, :, :there]
        if main.line.sources.names == tuple(names):
            main.line.ring.copy_all(main.index, out)
        else:
            self._copy_rows(names, out)
        main.index += there

    def _copy_rows(self, names: Sequence[str], out: npt.NDArray[np.float32]) -> None:
        main = self._main
        for place, row in enumerate(_rows(main.line, names)):
            if row is None:
                out[place] = 0.0
            else:
                main.line.ring.copy(row, main.index, out[place])

    def _mix(self, voice: _Voice, names: Sequence[str], out: npt.NDArray[np.float32]) -> bool:
        """Add a voice with its fade; False when it is over."""
        there = min(out.shape[2], voice.line.ring.written - voice.index)
        gains = self._gains(voice, there)
        faded = self._scratch[: 2 * len(gains)].reshape(2, -1)
        for place, row in enumerate(_rows(voice.line, names)):
            if row is not None:
                voice.line.ring.copy(row, voice.index, faded)
                faded *= gains
                out[place, :, : len(gains)] += faded
        voice.index += len(gains)
        return voice.level > 0 and there == out.shape[2]

    def _gains(self, voice: _Voice, count: int) -> npt.NDArray[np.float32]:
        """The gains of the next frames, at most `count`: fewer where the voice fades out before; moves its fade on."""
        if voice.step < 0:
            count = min(count, voice.level)
        levels = np.clip(voice.level + voice.step * np.arange(count), 0, self._steps)
        voice.level = min(max(voice.level + voice.step * count, 0), self._steps)
        if voice.step > 0 and voice.level == self._steps:
            voice.step = 0
        gains: npt.NDArray[np.float32] = self._fade[levels]
        return gains


def _rows(line: FeedLine, names: Sequence[str]) -> list[int | None]:
    return [*map(line.rows.get, names), line.reference]
