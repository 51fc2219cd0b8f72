"""Running chains: block by block with a constant latency, or ahead of time for effects that cannot be streamed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from plugin_host.effects.building import Build, Mark, build_chain, needs_ahead
from plugin_host.effects.frame_buffers import Block, silence
from plugin_host.effects.segments import LEAD_SECONDS, SEGMENT_SECONDS
from plugin_host.effects.stages import Path
from plugin_host.effects.tail import measure_tail
from plugin_host.errors import EffectError
from plugin_host.mix.state import Chain

PIECE_FRAMES = 65_536
"""Longest block inside `render_ahead`, so that memory does not depend on the blocks given."""


class ChainRunner:
    """A chain that plays: (2, frame) float32 in, as many frames out, `latency` frames later.

    The same samples for every block size, bit for bit; a convolution's FFT rounds by block size, within 1e-6 of full
    scale. Bypassed effects keep their latency, so that bypass never shifts a track. Not safe for two threads at once.

    chain: its effects must all be streamable (see `split_render_ahead`). rate: frames per second. allow_missing: a
    plugin that does not load is passed by instead of refused. where: whose chain it is, named in errors ("track
    vocals"). first_slot: the number of its first slot, where slots before it were rendered ahead. mark: see
    `building.Mark`. Raises `EffectError` and, for plugins, `PluginError`.

    latency: frames, constant. warnings: one line per plugin passed by.
    """

    def __init__(
        self,
        chain: Chain,
        rate: int,
        *,
        allow_missing: bool = False,
        where: str = "",
        first_slot: int = 0,
        mark: Mark = lambda slot: None,
    ) -> None:
        build = Build(int(rate), allow_missing, mark=mark)
        with named(where):
            self._stage = build_chain(chain, build, first_slot)
        self._first_slot = first_slot
        self.latency: int = self._stage.latency
        self.warnings: tuple[str, ...] = tuple(_prefixed(where, line) for line in build.warnings)
        self._chain, self._rate, self._allow_missing = chain, int(rate), allow_missing

    @cached_property
    def tail(self) -> int:
        """Frames for which the chain sounds on after its input ends, above -90 dBFS; at most 30 s.

        Measured with a burst of noise through a second runner when first asked for, `latency` not counted.
        """
        runner = ChainRunner(self._chain, self._rate, allow_missing=self._allow_missing)
        return measure_tail(self._chain, self._rate, runner.process, runner.latency)

    def process(self, block: Block) -> Block:
        """(2, frame) float32 in, as many out; any number of frames, also none."""
        return self._stage.process(np.ascontiguousarray(block)) if block.shape[1] else block

    def reset(self) -> None:
        """Forget what was heard: the next block is the first. An external plugin resets as far as it can."""
        self._stage.reset()

    def move(self, path: Path, name: str, value: float) -> None:
        """Glide one parameter to `value`, from the next frame on, in 20 ms or, where that would click, more.

        path: the effect's, counted as in the whole chain. name: a parameter that `moves.chain_moves` lets move, or
        `WET`. Cheap enough for an audio thread; between the blocks of `process` only.
        """
        self._stage.move((path[0] - self._first_slot, *path[1:]), name, value)

    def measure(self) -> None:
        """Have the next block tell what compressors take away; no sample is changed by that."""
        self._stage.measure()

    @property
    def reduction_db(self) -> float | None:
        """What compressors took away when last measured, in dB, 0 or more; None where there is none that can tell.

        Compressors tell; pedalboard's limiters within a chain do not.
        """
        return self._stage.reduction_db


def split_render_ahead(chain: Chain) -> tuple[Chain, Chain]:
    """The part through the last effect that cannot be streamed, to be rendered ahead, and the rest.

    The first is empty where the whole chain streams. Bypassed effects and those at wet 0 do not count.
    """
    ends = [place + 1 for place, effect in enumerate(chain) if needs_ahead(effect)]
    cut = ends[-1] if ends else 0
    return chain[:cut], chain[cut:]


def render_ahead(
    prefix: Chain,
    blocks: Iterable[Block],
    rate: int,
    frames: int,
    *,
    allow_missing: bool = False,
    where: str = "",
    mark: Mark = lambda slot: None,
) -> Iterator[Block]:
    """Run any chain over a whole track: blocks (2, frame) in, blocks out, in time with the input, `frames` in all.

    Input that ends before `frames` is followed by silence, so that a tail can be had. Effects that cannot be streamed
    run in overlapping segments of 20 s; memory does not grow with length. Errors and `mark` as for `ChainRunner`.
    """
    segment = int(np.clip(frames, LEAD_SECONDS * rate, SEGMENT_SECONDS * rate))
    with named(where):
        stage = build_chain(prefix, Build(int(rate), allow_missing, segment, mark))
    skip, left = stage.latency, frames
    for piece in _endless_pieces(blocks):
        if left <= 0:
            return
        out = stage.process(piece)[:, skip:][:, :left]
        skip = max(skip - piece.shape[1], 0)
        left -= out.shape[1]
        if out.shape[1]:
            yield out


@contextmanager
def named(where: str) -> Iterator[None]:
    """Put whose chain it is in front of every effect error."""
    try:
        yield
    except EffectError as error:
        raise type(error)(_prefixed(where, str(error)), error.field) from error


def _prefixed(where: str, text: str) -> str:
    return f"{where}: {text}" if where else text


def _endless_pieces(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        for start in range(0, block.shape[1], PIECE_FRAMES):
            yield np.ascontiguousarray(block[:, start : start + PIECE_FRAMES])
    while True:
        yield silence(PIECE_FRAMES)
