"""Cutting a stream of (channel, frame) blocks anew."""

from collections.abc import Iterable, Iterator

import numpy as np


def reblock(blocks: Iterable[np.ndarray], frames: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of exactly `frames` frames, the last one shorter; no empty blocks."""
    waiting: list[np.ndarray] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += block.shape[1]
        if count >= frames:
            whole = np.concatenate(waiting, axis=1) if len(waiting) > 1 else block
            ready = count - count % frames
            for start in range(0, ready, frames):
                yield np.ascontiguousarray(whole[:, start : start + frames])
            waiting, count = [whole[:, ready:]], count - ready
    if count:
        yield np.ascontiguousarray(np.concatenate(waiting, axis=1))


def with_context(blocks: Iterator[np.ndarray], context: int) -> Iterator[tuple[np.ndarray, int, int]]:
    """Each block (…, frame) with up to `context` frames of its neighbours, its own length, and where it starts there.

    Blocks but the last are at least `context` frames long.
    """
    before: np.ndarray | None = None
    current = next(blocks, None)
    while current is not None:
        after = next(blocks, None)
        parts = (before, current, None if after is None else after[..., :context])
        yield (
            np.concatenate([part for part in parts if part is not None], axis=-1),
            current.shape[-1],
            0 if before is None else context,
        )
        before, current = current[..., -context:], after
