"""A mix rendered in song time: read ahead, latency dropped, so that output frame n is song frame n in every output."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import chain, repeat

import numpy as np

from plugin_host.engine.latency import DelayLine
from plugin_host.engine.prepare import PreparedMix
from plugin_host.engine.render_block import Block
from separation_core.audio.frames import FrameSource

READ_AHEAD = 3
"""Blocks that are read before they are needed."""


class SongTimeRender:
    """Renders a prepared mix from where its renderer stands, all its outputs aligned to the song.

    prepared: its renderer's position is the first input, before the first frame wanted by the pre-roll. wet, dry:
    whether the direct outs and the stems as read are wanted beside the master.
    reader: a one-thread executor to read ahead on.
    """

    def __init__(
        self,
        prepared: PreparedMix,
        block_frames: int,
        reader: Executor,
        *,
        wet: bool = False,
        dry: bool = False,
    ) -> None:
        self._prepared = prepared
        self._start = prepared.renderer.position
        self._block = block_frames
        self._reader = reader
        renderer, tracks = prepared.renderer, len(prepared.sources)
        after_fader = renderer.latency - renderer.track_latency
        self._wet = [DelayLine(after_fader, block_frames) for _ in range(tracks)] if wet else []
        self._dry = [DelayLine(renderer.latency, block_frames) for _ in range(tracks)] if dry else []
        self._outs = np.empty((len(self._wet) + len(self._dry), 2, block_frames), dtype=np.float32)

    def blocks(self, begin: int, end: int) -> Iterator[list[Block]]:
        """Song frames `begin` … `end` and then, without end, what follows.

        Each item is a list: the master, the direct outs where wanted, the stems where wanted, all (2, frame) and
        valid until the next is asked for. Blocks have `block_frames`; the last before `end` is shorter, so that one
        begins exactly at `end`.
        """
        lead = _cut(begin - self._start + self._prepared.renderer.latency, self._block)
        sizes = chain(lead, _cut(end - begin, self._block), repeat(self._block))
        for index, inputs in enumerate(_read(self._prepared.sources, self._start, sizes, self._reader)):
            outputs = self._render(inputs)
            if index >= len(lead):
                yield outputs

    def _render(self, inputs: list[Block]) -> list[Block]:
        rendered = self._prepared.renderer.render_block(inputs)
        outs = list(self._outs[:, :, : rendered.master.shape[1]])
        wet, dry = outs[: len(self._wet)], outs[len(self._wet) :]
        for line, block, out in zip(self._wet, rendered.tracks, wet, strict=False):
            line.process(block, out)
        for line, block, out in zip(self._dry, inputs, dry, strict=False):
            line.process(block, out)
        return [rendered.master, *outs]


def _cut(frames: int, block: int) -> list[int]:
    sizes = [block] * (frames // block)
    return [*sizes, frames % block] if frames % block else sizes


def _read(sources: Sequence[FrameSource], start: int, sizes: Iterable[int], reader: Executor) -> Iterator[list[Block]]:
    """The sources' blocks of these sizes, one after the other from frame `start`, read ahead on `reader`."""
    waiting: deque[Future[list[Block]]] = deque()
    for size in sizes:
        waiting.append(reader.submit(_read_one, sources, start, size))
        if len(waiting) > READ_AHEAD:
            yield waiting.popleft().result()
        start += size


def _read_one(sources: Sequence[FrameSource], start: int, count: int) -> list[Block]:
    return [source.read(start, count) for source in sources]
