"""MP3 knows nine sample rates. A song at any other passes the codec at the nearest of them that loses nothing more."""

from collections.abc import Callable

import numpy as np
import pedalboard
import soxr

from plugin_host.effects.frame_buffers import CHANNELS, Block, FrameQueue
from plugin_host.effects.stages import STEP_FRAMES, StepProcess

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def mp3_rate(rate: int) -> int:
    """The rate at which MP3 codes a song of `rate`: its own, a whole fraction of it, or the next one MP3 knows."""
    if rate in MP3_RATES:
        return rate
    fractions = [known for known in MP3_RATES if rate > MP3_RATES[-1] and rate % known == 0]
    above = [known for known in MP3_RATES if known > rate]
    return max(fractions) if fractions and max(fractions) >= 32_000 else min(above, default=MP3_RATES[-1])


def steps_at(rate: int, inner_rate: int, make: Callable[[], pedalboard.Plugin]) -> Callable[[], StepProcess]:
    """A starter for a plugin that is fed steps of 64 frames at `inner_rate` while the song runs at `rate`."""
    if rate == inner_rate:
        return lambda: _steps(make(), rate)
    return lambda: _Resampled(rate, inner_rate, _steps(make(), inner_rate)).process


def _steps(plugin: pedalboard.Plugin, rate: int) -> StepProcess:
    def process(block: Block) -> Block:
        out: Block = plugin.process(block, float(rate), buffer_size=STEP_FRAMES, reset=False)
        return out

    return process


class _Resampled:
    """Down or up to the inner rate and back, step by step; soxr's output is in time with its input."""

    def __init__(self, rate: int, inner_rate: int, inner: StepProcess) -> None:
        self._to_inner = soxr.ResampleStream(rate, inner_rate, CHANNELS, dtype="float32", quality="HQ")
        self._from_inner = soxr.ResampleStream(inner_rate, rate, CHANNELS, dtype="float32", quality="HQ")
        self._inner = inner
        self._waiting = FrameQueue()

    def process(self, block: Block) -> Block:
        starts = range(0, block.shape[1], STEP_FRAMES)
        return np.concatenate([self._one_step(block[:, start : start + STEP_FRAMES]) for start in starts], axis=1)

    def _one_step(self, block: Block) -> Block:
        self._waiting.push(_through(self._to_inner, block))
        whole = len(self._waiting) // STEP_FRAMES * STEP_FRAMES
        coded = self._inner(self._waiting.pop(whole)) if whole else block[:, :0]
        return _through(self._from_inner, coded)


def _through(stream: soxr.ResampleStream, block: Block) -> Block:
    resampled: Block = stream.resample_chunk(np.ascontiguousarray(block.T)).T
    return resampled
