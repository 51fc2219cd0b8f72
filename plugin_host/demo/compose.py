"""The demo's song: four parts made from nothing, so that the true stems of its mix are known."""

import numpy as np

from plugin_host.demo.bass_guitar import play_bass
from plugin_host.demo.drum_kit import play_drums
from plugin_host.demo.keyboards import play_other
from plugin_host.demo.score import RATE, SECONDS, harmony, melody
from plugin_host.demo.shaping import Signal, held, panned, room
from plugin_host.demo.singer import sing

__all__ = ["RATE", "SECONDS", "STEMS", "compose"]

STEMS = ("drums", "bass", "other", "vocals")
PEAK = 0.89
"""Highest sample of the mix, -1 dBFS."""


def compose(seed: int = 1) -> dict[str, np.ndarray]:
    """The four stems by name, each (2, frame) float32 at `RATE`, `SECONDS` long; their sum is the mix.

    The seed changes every stroke's strength and timing, every wobble and the noise, never the composition; one seed
    gives one song. The sum peaks at -1 dBFS and ends in silence.
    """
    streams = np.random.default_rng(seed).spawn(len(STEMS))
    drums, bass, other, vocals = streams
    parts = {
        "drums": 0.68 * play_drums(drums),
        "bass": 0.50 * play_bass(bass),
        "other": 0.78 * play_other(other),
        "vocals": 0.70 * _choir(vocals),
    }
    return _mastered(parts)


def _choir(rng: np.random.Generator) -> Signal:
    """Lead in the middle, the chorus's second voice doubled at the sides, all in a plate."""
    lead = panned(sing(melody(), rng), 0.0)
    left, right = (panned(sing(harmony(), rng), side) for side in (-0.6, 0.6))
    dry = lead + 0.22 * (left + right)
    return dry + 0.2 * room(dry, 1.6, 1.8, rng, pre_delay=0.04)


def _mastered(parts: dict[str, Signal]) -> dict[str, np.ndarray]:
    """One gain and one fade for all, so that the stems still sum to the mix."""
    total = np.sum(list(parts.values()), axis=0)
    fade = held(total.shape[-1], 0.002, 0.35)
    gain = PEAK / np.max(np.abs(total * fade))
    return {name: (gain * fade * part).astype(np.float32) for name, part in parts.items()}
