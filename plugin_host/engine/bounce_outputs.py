"""The files of a bounce while they are written: all of them in step, all or none."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from plugin_host.engine.strip import Block
from separation_core.audio.loudness import LevelMeter, Levels
from separation_core.audio.writing import SampleFormat, SongWriter
from separation_core.units import Hertz

WRITE_BEHIND = 3
"""Blocks that may wait to be written."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where one output goes, in which format, and whether its levels are wanted (about 200 times real time)."""

    path: Path
    fmt: SampleFormat
    measured: bool = False


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One file of a bounce. clipped: samples the format could not hold. levels: of what is in it, where measured."""

    path: Path
    clipped: int
    levels: Levels | None


@dataclass(slots=True)
class _Sink:
    path: Path
    writer: SongWriter
    meter: LevelMeter | None

    def write(self, block: Block) -> None:
        if self.meter is not None:
            self.meter.add(block)
        self.writer.write(block)

    def file(self) -> OutputFile:
        return OutputFile(self.path, self.writer.clipped_samples, self.meter.levels() if self.meter else None)


@dataclass(slots=True)
class Outputs:
    """The open files, in the order of the blocks they take; None where an output is not written."""

    sinks: list[_Sink | None] = field(default_factory=list)

    def write(self, blocks: Sequence[Block]) -> None:
        """Append one block (2, frame) to each file."""
        for sink, block in zip(self.sinks, blocks, strict=True):
            if sink is not None:
                sink.write(block)

    def files(self) -> tuple[OutputFile | None, ...]:
        """What was written so far, in the same order."""
        return tuple(None if sink is None else sink.file() for sink in self.sinks)


@contextmanager
def open_outputs(targets: Sequence[Target | None], rate: Hertz, expected_frames: int) -> Iterator[Outputs]:
    """Open a stereo file per target (None: that output is not written); none is left where an error passes."""
    with ExitStack() as stack:
        outputs = Outputs()
        for target in targets:
            outputs.sinks.append(_open_sink(target, rate, expected_frames, stack) if target else None)
        yield outputs


def write_all(outputs: Outputs, blocks: Iterable[Sequence[Block]], writer: Executor) -> Iterator[int]:
    """Write the blocks behind their rendering, on the one-thread executor `writer`; yields the frames of each."""
    waiting: deque[Future[None]] = deque()
    for block in blocks:
        waiting.append(writer.submit(outputs.write, [output.copy() for output in block]))
        if len(waiting) > WRITE_BEHIND:
            waiting.popleft().result()
        yield block[0].shape[1]
    for written in waiting:
        written.result()


def _open_sink(target: Target, rate: Hertz, expected_frames: int, stack: ExitStack) -> _Sink:
    _make_folder(target.path.parent, stack)
    writer = SongWriter(target.path, rate, 2, target.fmt, expected_frames=expected_frames)
    meter = LevelMeter(rate, 2) if target.measured else None
    return _Sink(target.path, stack.enter_context(writer), meter)


def _make_folder(folder: Path, stack: ExitStack) -> None:
    if not folder.exists():
        folder.mkdir()
        stack.callback(_remove_if_empty, folder)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
