"""Delays from a change to the sound, as figures in a table."""

from dataclasses import dataclass

import numpy as np
from rich.table import Table

from benchmarks.live_rig.sessions import RATE
from benchmarks.live_rig.tables import show

_COLUMNS = ("buffer", "ahead", "change", "heard", "p50 ms", "p99 ms", "most ms", "promised ms", "p99 / promised")


@dataclass(frozen=True)
class Delays:
    """Frames from a change to the first changed sample.

    period: frames. ahead: buffers rendered ahead. missed: changes that were not heard in time.
    """

    what: str
    period: int
    ahead: int
    frames: np.ndarray
    missed: int
    dropouts: int

    @property
    def promised(self) -> float:
        """Milliseconds: what is rendered ahead, and two buffers."""
        return 1000 * (self.ahead + 2) * self.period / RATE

    def quantile(self, share: float) -> float:
        """Milliseconds within which that share of the changes was heard."""
        return 1000 * float(np.quantile(self.frames, share)) / RATE


def print_delays(found: list[Delays], title: str) -> None:
    """A row for each."""
    table = Table(*_COLUMNS, "dropouts", title=title)
    for delays in found:
        p50, p99, most = map(delays.quantile, (0.5, 0.99, 1.0))
        figures = (f"{value:.2f}" for value in (p50, p99, most, delays.promised, p99 / delays.promised))
        heard = f"{len(delays.frames)}/{len(delays.frames) + delays.missed}"
        table.add_row(str(delays.period), str(delays.ahead), delays.what, heard, *figures, str(delays.dropouts))
    show(table)
