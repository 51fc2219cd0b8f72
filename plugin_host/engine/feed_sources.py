"""All that a feed reads, side by side, in play order; a source that fails falls silent and the others go on."""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from plugin_host.engine.play_order import PlayOrder
from plugin_host.errors import HostError
from separation_core.audio.frames import FrameSource
from separation_core.errors import AudioError

Rows = npt.NDArray[np.float32]
"""(row, 2, frame): the named sources in order, then the reference."""
REFERENCE = "the song"


class SourceRows:
    """Named stereo sources and the reference as rows. Read from one thread; closes nothing.

    problems: gets one line for each source that cannot be read; it is silent from then on. drums: names of those that
    are transposed only where asked.
    """

    def __init__(
        self, sources: Mapping[str, FrameSource], reference: FrameSource, problems: deque[str], drums: frozenset[str]
    ) -> None:
        self.names, self.drums = tuple(sources), drums
        self.frames = max(source.frames for source in (*sources.values(), reference))
        self._rows: list[FrameSource | None] = [*sources.values(), reference]
        self._problems = problems

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, rows: Sequence[int], order: PlayOrder, offset: int, count: int) -> Rows:
        """`count` frames of the numbered rows from `offset` in play order on, as (row, 2, frame)."""
        out = np.zeros((len(rows), 2, count), dtype=np.float32)
        done = 0
        rounds: dict[tuple[int, int], int] = {}  # a short loop goes round many times: read it once
        for frame, length in order.cuts(offset, count):
            piece = out[:, :, done : done + length]
            if (before := rounds.setdefault((frame, length), done)) < done:
                piece[:] = out[:, :, before : before + length]
            else:
                for place, row in enumerate(rows):
                    self._read_row(row, frame, piece[place])
            done += length
        return out

    def _read_row(self, row: int, frame: int, out: npt.NDArray[np.float32]) -> None:
        source = self._rows[row]
        if source is None:
            return
        try:
            out[:] = source.read(frame, out.shape[1])
        except (HostError, AudioError, OSError) as error:
            self._rows[row] = None
            name = self.names[row] if row < len(self.names) else REFERENCE
            self._problems.append(f"{name} is silent: {error}")
