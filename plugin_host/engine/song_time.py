"""A mix rendered in song time: read ahead, latency dropped, so that output frame n is song frame n in every output."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future

import numpy as np

from plugin_host.engine.changes import PreparedChange
from plugin_host.engine.crossfade import Crossfade
from plugin_host.engine.feed_player import line_fade
from plugin_host.engine.latency import DelayLine
from plugin_host.engine.prepare import PreparedMix
from plugin_host.engine.strip import Block
from plugin_host.engine.take_changes import TakeChanges
from plugin_host.stems.reader import SilentStem
from separation_core.audio.frames import FrameSource

READ_AHEAD = 3
"""Blocks that are read before they are needed."""

Inputs = Mapping[str, Block]


class SongTimeRender:
    """Renders a prepared mix from where its renderer stands, all its outputs aligned to the song.

    prepared: its renderer's position is the first input, before the first frame wanted by the pre-roll. wet, dry:
    whether the direct outs and the stems as read are wanted beside the master. reader: a one-thread executor to read
    ahead on. changes: what happens to the mix on the way; outputs stay aligned as they were at the beginning, and the
    direct outs are those of the tracks there were then.
    """

    def __init__(
        self,
        prepared: PreparedMix,
        block_frames: int,
        reader: Executor,
        *,
        wet: bool = False,
        dry: bool = False,
        changes: TakeChanges | None = None,
    ) -> None:
        self._renderer = renderer = prepared.renderer
        self._names = renderer.names
        self._sources: dict[str, FrameSource] = dict(zip(renderer.names, prepared.sources, strict=True))
        self._block, self._reader, self._changes = block_frames, reader, changes
        self._latency, tracks = renderer.latency, len(prepared.sources)
        after_fader = renderer.latency - renderer.track_latency
        self._wet = [DelayLine(after_fader, block_frames) for _ in range(tracks)] if wet else []
        self._dry = [DelayLine(renderer.latency, block_frames) for _ in range(tracks)] if dry else []
        self._outs = np.empty((len(self._wet) + len(self._dry), 2, block_frames), dtype=np.float32)

    def blocks(self, begin: int, end: int) -> Iterator[list[Block]]:
        """Song frames `begin` … `end` and then, without end, what follows.

        Each item is a list: the master, the direct outs where wanted, the stems where wanted, all (2, frame) and
        valid until the next is asked for. Blocks have `block_frames` or, where the take has a change or `end` comes,
        less, so that one begins exactly there.
        """
        first = begin + self._latency
        cuts = {first, end + self._latency, *(self._changes.frames if self._changes else ())}
        self._carry_out()
        while True:
            for inputs in self._read(sorted(cuts)):
                wanted = self._renderer.position >= first
                outputs = self._render(inputs)
                if wanted:
                    yield outputs
                if self._carry_out():
                    break
                if self._changes and self._changes.holding and self._renderer.free_at not in cuts:
                    cuts.add(self._renderer.free_at)
                    break

    def _carry_out(self) -> bool:
        """Do what the take does here; whether there is something else to read from here on."""
        reread = False
        while change := self._due():
            for name, source in change.sources.items():
                self._sources[name] = self._switched(name, source)
            self._renderer.apply(change)
            reread = reread or bool(change.sources)
        return reread

    def _switched(self, name: str, source: FrameSource) -> FrameSource:
        """From what a track heard, nothing where it only comes now, to `source`: as the feed does it live."""
        known = name in self._renderer.names
        old = self._sources[name] if known else SilentStem(source.rate, source.frames)
        return _Switched(old, source, self._renderer.position)

    def _due(self) -> PreparedChange | None:
        return self._changes.due(self._renderer.position, not self._renderer.fading) if self._changes else None

    def _render(self, inputs: Inputs) -> list[Block]:
        heard = self._renderer.names
        rendered = self._renderer.render_block([inputs[name] for name in heard])
        outs = list(self._outs[:, :, : rendered.master.shape[1]])
        wet, dry = outs[: len(self._wet)], outs[len(self._wet) :]
        tracks = dict(zip(heard, rendered.tracks, strict=True)) if wet else {}
        for line, name, out in zip(self._wet, self._names, wet, strict=False):
            line.process(tracks[name] if name in tracks else np.zeros_like(out), out)
        for line, name, out in zip(self._dry, self._names, dry, strict=False):
            line.process(inputs[name], out)
        return [rendered.master, *outs]

    def _read(self, cuts: Sequence[int]) -> Iterator[Inputs]:
        """The sources' blocks from the renderer's position on, one after the other, read ahead."""
        waiting: deque[Future[Inputs]] = deque()
        sources, start = dict(self._sources), self._renderer.position
        try:
            for size in _sizes(start, cuts, self._block):
                waiting.append(self._reader.submit(_read_one, sources, start, size))
                if len(waiting) > READ_AHEAD:
                    yield waiting.popleft().result()
                start += size
        finally:
            for future in waiting:  # a source is read by one thread at a time
                future.cancel()


class _Switched:
    """One source up to frame `at`, then another, with the fade of the feed's lines."""

    def __init__(self, old: FrameSource, new: FrameSource, at: int) -> None:
        self.rate, self.channels, self.frames = new.rate, new.channels, new.frames
        self._old, self._new = old, new
        self._fade = Crossfade(at, line_fade(new.rate))

    def read(self, start: int, count: int) -> Block:
        """See `FrameSource.read`."""
        if start >= self._fade.end:
            return self._new.read(start, count)
        block: Block = self._old.read(start, count)
        self._fade.join(block, self._new.read(start, count), start)
        return block


def _sizes(start: int, cuts: Sequence[int], block: int) -> Iterator[int]:
    """Block sizes from frame `start` on, without end: none passes a cut."""
    for cut in cuts:
        while start < cut:
            yield min(block, cut - start)
            start += min(block, cut - start)
    while True:
        yield block


def _read_one(sources: Mapping[str, FrameSource], start: int, count: int) -> Inputs:
    return {name: source.read(start, count) for name, source in sources.items()}
