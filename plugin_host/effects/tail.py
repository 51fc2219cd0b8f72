"""How long a chain sounds on after its input ends, measured."""

from collections.abc import Callable, Iterator

import numpy as np

from plugin_host.effects.catalogue import effect_type
from plugin_host.effects.frame_buffers import CHANNELS, Block, silence
from plugin_host.mix.state import Chain, Effect

MAX_TAIL_SECONDS = 30.0
FLOOR = 10.0 ** (-90.0 / 20.0)
"""-90 dBFS: below this a tail is over."""

BURST_SECONDS = 0.25
BURST_LEVEL = 0.25
PAUSE_SECONDS = 1.0
"""Longest quiet between two sounds of a tail, besides the delay times set in the chain."""

_BLOCK_FRAMES = 4096


def measure_tail(chain: Chain, rate: int, process: Callable[[Block], Block], latency: int) -> int:
    """Frames for which `process` (the running chain) gives more than -90 dBFS after a burst of noise, at most 30 s.

    `latency` is taken off. A chain that never falls silent (a frozen reverb) has the longest tail.
    """
    longest = round(MAX_TAIL_SECONDS * rate)
    pause = round((PAUSE_SECONDS + sum(_delay_seconds(effect) for effect in chain)) * rate)
    burst = round(BURST_SECONDS * rate)
    last = done = 0
    for block in _burst_then_silence(burst):
        loud = np.flatnonzero((np.abs(process(block)) > FLOOR).any(axis=0))
        last = done + int(loud[-1]) + 1 if len(loud) else last
        done += block.shape[1]
        if done - max(last, burst + latency) > pause or last - burst - latency > longest:
            return int(np.clip(last - burst - latency, 0, longest))
    raise AssertionError("the burst is followed by endless silence")


def _burst_then_silence(burst: int) -> Iterator[Block]:
    noise = np.random.default_rng(0).standard_normal((CHANNELS, burst)).astype(np.float32)
    yield noise * np.float32(BURST_LEVEL)
    while True:
        yield silence(_BLOCK_FRAMES)


def _delay_seconds(effect: Effect) -> float:
    """Echo time set in this slot, at its longest over branches."""
    inside = [sum(_delay_seconds(inner) for inner in branch) for branch in effect.branches]
    own = 0.0
    if effect.kind == "delay":
        own = float(effect.params.get("delay_seconds", effect_type("delay").parameter("delay_seconds").default or 0.0))
    return own + max(inside, default=0.0)
