"""Changing the sample rate of a stream with soxr (very high quality, linear phase, no delay)."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from separation_core.units import Hertz


def resampled_frames(frames: int, rate_in: Hertz, rate_out: Hertz) -> int:
    """The length of `frames` frames at the other rate, rounded to the nearest, halves up; exact for any length."""
    return (2 * frames * rate_out + rate_in) // (2 * rate_in)


class StreamResampler:
    """Resamples (channel, frame) float32 blocks; frame 0 of the output is at the time of frame 0 of the input.

    The samples do not depend on how the input is cut into blocks. Non-finite samples spread over the filter's length.
    """

    def __init__(self, rate_in: Hertz, rate_out: Hertz, channels: int) -> None:
        self._channels = channels
        same = rate_in == rate_out
        self._stream = None if same else soxr.ResampleStream(rate_in, rate_out, channels, "float32", "VHQ")

    def process(self, block: np.ndarray) -> np.ndarray:
        """What can be given out after `block`: any number of frames, also none."""
        return self._push(block, last=False)

    def finish(self) -> np.ndarray:
        """The rest, once all input has been given; the resampler is then used up."""
        return self._push(np.zeros((self._channels, 0), np.float32), last=True)

    def _push(self, block: np.ndarray, *, last: bool) -> np.ndarray:
        if self._stream is None:
            return block
        out = self._stream.resample_chunk(np.ascontiguousarray(block.T, np.float32), last=last)
        return np.ascontiguousarray(out.T)


def resample_blocks(
    blocks: Iterable[np.ndarray], rate_in: Hertz, rate_out: Hertz, channels: int, frames_out: int
) -> Iterator[np.ndarray]:
    """Resample a whole stream into exactly `frames_out` frames: the end is trimmed, or filled with zeros."""
    left = frames_out
    for block in _resampled(blocks, StreamResampler(rate_in, rate_out, channels)):
        kept = block[:, :left]
        left -= kept.shape[1]
        if kept.shape[1]:
            yield kept
    while left:
        silence = np.zeros((channels, min(left, 65_536)), np.float32)
        left -= silence.shape[1]
        yield silence


def _resampled(blocks: Iterable[np.ndarray], resampler: StreamResampler) -> Iterator[np.ndarray]:
    for block in blocks:
        yield resampler.process(block)
    yield resampler.finish()
