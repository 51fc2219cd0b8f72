"""How a caller follows a job and stops it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from separation_core.errors import Cancelled


class Stage(StrEnum):
    """What a job is doing. HASH and COPY count bytes, the others frames."""

    HASH = "hash"
    COPY = "copy"
    DECODE = "decode"
    RESAMPLE = "resample"
    SEPARATE = "separate"
    FIT = "fit"
    WRITE = "write"


Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); total is 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The caller's two wires into a running job: `progress` goes out, `cancelled` comes in."""

    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None

    def step(self, stage: Stage, done: int, total: int) -> None:
        """Report, then stop with `Cancelled` where asked to."""
        if self.progress:
            self.progress(stage.value, done, total)
        if self.cancelled and self.cancelled():
            raise Cancelled("stopped: run the same command again and it goes on from here")
