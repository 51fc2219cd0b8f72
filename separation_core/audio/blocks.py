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
