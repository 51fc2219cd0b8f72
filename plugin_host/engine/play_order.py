"""The order in which a song's frames are played: straight on, or round a loop."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlayOrder:
    """Song frames from `start` on. end: the song's length. loop: first frame and the one after the last, or None.

    Offsets count frames played since `start`. A loop that ends at or before `start` is behind and not entered.
    """

    start: int
    end: int
    loop: tuple[int, int] | None = None

    @property
    def frames(self) -> int | None:
        """How many frames there are to play; None where a loop goes round without end."""
        return None if self._active_loop else max(0, self.end - self.start)

    def song_frame(self, offset: float) -> float:
        """The song frame at an offset; one past the song's end is the end, one before `start` lies before it."""
        frame = self.start + offset
        if self._active_loop is None:
            return min(frame, max(self.end, self.start))
        begin, end = self._active_loop
        return frame if frame < end else begin + (frame - end) % (end - begin)

    def cuts(self, offset: int, count: int) -> Iterator[tuple[int, int]]:
        """`count` frames from `offset` on as (song frame, how many) without a jump inside."""
        while count > 0:
            frame = self.start + offset if self._active_loop is None else int(self.song_frame(offset))
            length = count if self._active_loop is None else min(count, self._active_loop[1] - frame)
            yield frame, length
            offset += length
            count -= length

    @property
    def _active_loop(self) -> tuple[int, int] | None:
        return self.loop if self.loop is not None and self.start < self.loop[1] else None
