"""Draw training batches from a song pool: coherent songs and remixes across songs, freshly balanced each time.

The processor only gathers int16 excerpts; gains, polarity and the mix are applied where the network trains.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from separation_core.training.corpus import STEMS
from separation_core.training.pool import PoolPlan, SongPool
from separation_core.training.sources import UNPARTED

Excerpt = NDArray[np.int16]
DRUMS, BASS, OTHER, VOICE = (STEMS.index(stem) for stem in ("drums", "bass", "other", "vocals"))


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How batches are drawn.

    size: items a batch. frames: frames an item. remix: share of items whose stems come from different songs.
    overdub: share of items without a voice that get the voice of another song. speed: how far, in semitones, an item is
    played faster or slower at most. gain_db: spread of the stems' random gains. drop: how often a stem is silenced.
    mono: share of items made mono. level_db: range of the mix's RMS level.
    """

    size: int
    frames: int
    remix: float = 0.5
    overdub: float = 0.0
    speed: float = 0.0
    gain_db: float = 4.0
    drop: float = 0.08
    mono: float = 0.05
    level_db: tuple[float, float] = (-26.0, -14.0)


@dataclass(frozen=True, slots=True)
class Draw:
    """One batch before mixing: excerpts int16 (batch, stem, channel, frame), gains (batch, stem), level (batch,) in
    dB RMS, mono (batch,), and unparted (batch,): whether all that is no voice is in `other`."""

    excerpts: torch.Tensor
    gains: torch.Tensor
    levels: torch.Tensor
    mono: torch.Tensor
    unparted: torch.Tensor


def draw_batch(pool: SongPool, pool_plan: PoolPlan, plan: BatchPlan, step: int) -> Draw:
    """The batch of training step `step`: a pure function of the pool's seed and the step."""
    rng = np.random.default_rng(np.random.SeedSequence([pool_plan.seed, 1, step]))
    excerpts = np.empty((plan.size, len(STEMS), 2, plan.frames), dtype=np.int16)
    unparted = [_fill_item(rng, pool, pool_plan, plan, step, item) for item in excerpts]
    gains = 10 ** (rng.normal(0, plan.gain_db, (plan.size, len(STEMS))) / 20)
    gains *= rng.choice([-1.0, 1.0], gains.shape)
    gains *= rng.random(gains.shape) >= plan.drop
    return Draw(
        torch.from_numpy(excerpts),
        torch.from_numpy(gains.astype(np.float32)),
        torch.from_numpy(rng.uniform(*plan.level_db, plan.size).astype(np.float32)),
        torch.from_numpy(rng.random(plan.size) < plan.mono),
        torch.tensor(unparted),
    )


def _fill_item(
    rng: np.random.Generator, pool: SongPool, pool_plan: PoolPlan, plan: BatchPlan, step: int, item: Excerpt
) -> bool:
    """Excerpts for one item, into `item` (stem, channel, frame); remixes balance stems by chance, songs as composed.

    Returns whether drums and bass are in `other`, and nobody knows them.
    """
    remix = rng.random() < plan.remix
    frames = _frames_to_take(rng, pool_plan, plan)
    song, at = _draw_place(rng, pool_plan, frames, step)
    unparted = False
    for stem in range(len(STEMS)):
        if remix:
            song, at = _draw_place(rng, pool_plan, frames, step)
        _take(rng, pool, (song, at, frames), stem, item)
        unparted = unparted or (stem == OTHER and bool((pool.song(song)[DRUMS] == UNPARTED).all()))
    item[item == UNPARTED] = 0
    if rng.random() < plan.overdub and not item[VOICE].any():
        _take(rng, pool, (*_draw_place(rng, pool_plan, frames, step), frames), VOICE, item)
    return unparted


def _frames_to_take(rng: np.random.Generator, pool_plan: PoolPlan, plan: BatchPlan) -> int:
    """How long a part of a song becomes the item, played faster or slower; never more than the song has."""
    if not plan.speed:
        return plan.frames
    return min(pool_plan.frames, round(plan.frames * 2 ** (rng.uniform(-plan.speed, plan.speed) / 12)))


def _draw_place(rng: np.random.Generator, pool_plan: PoolPlan, frames: int, step: int) -> tuple[int, int]:
    song = pool_plan.first(step) + int(rng.integers(pool_plan.slots))
    return song, int(rng.integers(pool_plan.frames - frames + 1))


def _take(rng: np.random.Generator, pool: SongPool, place: tuple[int, int, int], stem: int, item: Excerpt) -> None:
    """A stem from a place (song, first frame, frames) into `item`, its sides swapped half of the time."""
    song, at, frames = place
    excerpt = pool.song(song)[stem, :, at : at + frames]
    item[stem] = _at_length(excerpt[::-1] if rng.random() < 0.5 else excerpt, item.shape[-1])


def _at_length(excerpt: Excerpt, frames: int) -> Excerpt:
    """Played faster or slower, as a tape is: (channel, frame) of any length as (channel, `frames`)."""
    if excerpt.shape[1] == frames:
        return excerpt
    at = np.arange(frames) * (excerpt.shape[1] / frames)
    return np.stack([np.interp(at, np.arange(row.size), row) for row in excerpt]).astype(np.int16)


def mix_batch(draw: Draw, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix (batch, channel, frame) and stems (batch, stem, channel, frame), float32 on `device`."""
    stems = draw.excerpts.to(device, non_blocking=True).float() / 32768
    stems = stems * draw.gains.to(device)[:, :, None, None]
    stems = torch.where(draw.mono.to(device)[:, None, None, None], stems.mean(dim=2, keepdim=True), stems)
    mix = stems.sum(dim=1)
    rms = mix.square().mean(dim=(1, 2)).sqrt().clamp_min(1e-4)
    scale = 10 ** (draw.levels.to(device) / 20) / rms
    return mix * scale[:, None, None], stems * scale[:, None, None, None]
