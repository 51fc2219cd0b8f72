"""The output that is a file, which outlives the engine that writes it."""

from collections import deque
from dataclasses import replace

import numpy as np

from plugin_host.engine.outputs.contract import Block, Pull
from plugin_host.engine.outputs.request import OutputRequest, lane_channels
from plugin_host.engine.outputs.steady_output import SteadyOutput
from plugin_host.errors import OutputError
from plugin_host.live.capture_file import CaptureFile, kept_of


class SteadyFile(SteadyOutput):
    """Writes what a clock takes to a float32 WAV of `request.path`, which has its name when the output is stopped.

    `OutputError` where it cannot be begun, unless `must_open` is False. Where the disk takes no more, what it took is
    kept, and playing goes on against the clock.
    """

    def __init__(self, request: OutputRequest, *, must_open: bool = True) -> None:
        super().__init__(replace(request, kind="null"))
        if request.path is None:
            raise OutputError("an output to a file needs the file's path")
        self._path, self._news = request.path, deque[str]()
        columns = lane_channels(request.lanes)
        self._rows = [row for row, column in enumerate(columns) if column is not None]
        self._columns = [column for column in columns if column is not None]
        self._wide = np.zeros((max(self._columns) + 1, self.buffer), dtype=np.float32)
        self._file: CaptureFile | None = None
        try:
            self._file = CaptureFile(self._path, self.rate, len(self._wide))
        except OutputError as error:
            if must_open:
                raise
            self._news.append(f"{error}; playing goes on against a clock")

    @property
    def title(self) -> str:
        """The file, as long as it is written."""
        return super().title if self._file is None else f"file {self._path}"

    def start(self, pull: Pull) -> None:
        """Begin to pull, and to write."""

        def pull_and_write(out: Block) -> None:
            pull(out)
            self._write(out)

        super().start(pull_and_write)

    def stop(self) -> None:
        """End, and complete the file; harmless when repeated."""
        super().stop()
        file, self._file = self._file, None
        if file is not None:
            try:
                file.complete()
            except OutputError as error:
                self._give_up(file, error)

    def events(self) -> list[str]:
        """What happened since the last call, one line each."""
        return [*super().events(), *(self._news.popleft() for _ in range(len(self._news)))]

    def _write(self, out: Block) -> None:
        """In the clock's thread."""
        file = self._file
        if file is None:
            return
        wide = self._wide[:, : out.shape[1]]
        wide[self._columns] = out[self._rows]
        try:
            file.write(wide)
        except OutputError as error:
            self._file = None
            self._give_up(file, error)

    def _give_up(self, file: CaptureFile, error: OutputError) -> None:
        file.close()
        self._news.append(f"{error}; {kept_of(self._path, self.rate)}")
