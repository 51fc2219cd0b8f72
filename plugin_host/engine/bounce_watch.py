"""Progress and cancellation of a bounce, over all its passes."""

from collections.abc import Callable

from separation_core.errors import Cancelled

Progress = Callable[[int, int], None]
"""Called with frames done and frames in all."""
Cancel = Callable[[], bool]
"""Asked now and then; True stops the bounce."""


class Watch:
    """Counts frames towards `total`, tells `progress`, and raises `Cancelled` once `cancelled` says so."""

    def __init__(self, total: int, progress: Progress | None, cancelled: Cancel | None) -> None:
        self._total = total
        self._done = 0
        self._progress = progress
        self._cancelled = cancelled

    def advance(self, frames: int) -> None:
        """Count `frames` more; those beyond the total (a tail) are not shown."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("the bounce was stopped: no file was written")
        self._done = min(self._done + frames, self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)
