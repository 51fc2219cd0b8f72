"""Stretches out of longer streams and files."""

from collections.abc import Iterable, Iterator

import numpy as np

from separation_core.audio.frames import FrameSource
from separation_core.jobs.part import Span

_READ_FRAMES = 1 << 16


def read_blocks(source: FrameSource, span: Span, frames: int = _READ_FRAMES) -> Iterator[np.ndarray]:
    """The frames `span` of `source` as consecutive blocks (channel, frame)."""
    for start in range(span.start, span.end, frames):
        yield source.read(start, min(frames, span.end - start))


def cut(blocks: Iterable[np.ndarray], span: Span) -> Iterator[np.ndarray]:
    """The frames `span` of a stream of blocks (…, frame) that begins at frame 0; what follows is not asked for."""
    done = 0
    for block in blocks:
        wanted = block[..., max(0, span.start - done) : max(0, span.end - done)]
        if wanted.shape[-1]:
            yield wanted
        done += block.shape[-1]
        if done >= span.end:
            return
