"""How a caller follows a job and stops it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from separation_core.errors import Cancelled


class Stage(StrEnum):
    """What a job is doing. DOWNLOAD, HASH and COPY count bytes, the others frames."""

    DOWNLOAD = "download"
    HASH = "hash"
    COPY = "copy"
    DECODE = "decode"
    RESAMPLE = "resample"
    SEPARATE = "separate"
    FIT = "fit"
    WRITE = "write"


Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); total is 0 where it is not known."""
Note = Callable[[str], None]
"""Called with one line that a listener should know now and that is no result."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The caller's wires into a running job: `progress` and `note` go out, `cancelled` comes in."""

    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None
    note: Note | None = None

    def step(self, stage: Stage, done: int, total: int) -> None:
        """Report, then stop with `Cancelled` where asked to."""
        if self.progress:
            self.progress(stage.value, done, total)
        if self.cancelled and self.cancelled():
            raise Cancelled("stopped: run the same command again and it goes on from here")
