"""What sounds on after a song has ended: rendered until it has died away, and no further."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from plugin_host.engine.strip import Block

TAIL_FLOOR = 10.0 ** (-80.0 / 20.0)
"""-80 dBFS: below this a tail is over."""
QUIET_SECONDS = 0.5
"""Longest pause within a tail (between two echoes) before it counts as over."""


def trimmed_tail(blocks: Iterable[Sequence[Block]], longest: int, rate: int) -> Iterator[list[Block]]:
    """The blocks up to the last frame in which any output is above -80 dBFS, at most `longest` frames.

    Ends after half a second of quiet, which is not given. Each block is a list of outputs (2, frame) of one length;
    only the quiet is held back, so memory does not grow. `blocks` may be endless.
    """
    held: list[list[Block]] = []
    done, quiet, over = 0, 0, round(QUIET_SECONDS * rate)
    for block in blocks:
        outputs = [output[:, : longest - done] for output in block]
        frames = outputs[0].shape[1]
        done += frames
        kept = _frames_before_quiet(outputs, quiet, over)
        if kept:
            yield from held
            held = []
            yield [output[:, :kept] for output in outputs]
        held.append([output[:, kept:].copy() for output in outputs])
        quiet = frames - kept if kept else quiet + frames
        if done >= longest or quiet >= over:
            return


def _frames_before_quiet(outputs: Sequence[Block], quiet: int, over: int) -> int:
    """Frames up to and with the last loud one before a pause of `over` frames; `quiet` frames have passed already.

    Looked up to the sample, so that the length of a file does not depend on the block size.
    """
    loud = np.zeros(outputs[0].shape[1], dtype=bool)
    for output in outputs:
        loud |= (np.abs(output) > TAIL_FLOOR).any(axis=0)
    at = np.flatnonzero(loud)
    pauses = np.diff(at, prepend=-quiet - 1) - 1
    reached = at[: int(np.argmax(pauses >= over))] if (pauses >= over).any() else at
    return int(reached[-1]) + 1 if len(reached) else 0
