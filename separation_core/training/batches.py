"""Draw training batches from a song pool: coherent songs and remixes across songs, freshly balanced each time.

The processor only gathers int16 excerpts; gains, polarity and the mix are applied where the network trains.
"""

from dataclasses import dataclass

import numpy as np
import torch

from separation_core.training.corpus import STEMS
from separation_core.training.pool import PoolPlan, SongPool


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """How batches are drawn.

    size: items a batch. frames: frames an item. remix: share of items whose stems come from different songs.
    gain_db: spread of the stems' random gains. drop: how often a stem is silenced. quiet: how often all but one are.
    mono: share of items made mono. level_db: range of the mix's RMS level.
    """

    size: int
    frames: int
    remix: float = 0.5
    gain_db: float = 4.0
    drop: float = 0.08
    mono: float = 0.05
    level_db: tuple[float, float] = (-26.0, -14.0)


@dataclass(frozen=True, slots=True)
class Draw:
    """One batch before mixing: excerpts int16 (batch, stem, channel, frame), gains (batch, stem), level (batch,) in
    dB RMS and mono (batch,)."""

    excerpts: torch.Tensor
    gains: torch.Tensor
    levels: torch.Tensor
    mono: torch.Tensor


def draw_batch(pool: SongPool, pool_plan: PoolPlan, plan: BatchPlan, step: int) -> Draw:
    """The batch of training step `step`: a pure function of the pool's seed and the step."""
    rng = np.random.default_rng(np.random.SeedSequence([pool_plan.seed, 1, step]))
    excerpts = np.empty((plan.size, len(STEMS), 2, plan.frames), dtype=np.int16)
    for item in excerpts:
        _fill_item(rng, pool, pool_plan, plan, step, item)
    gains = 10 ** (rng.normal(0, plan.gain_db, (plan.size, len(STEMS))) / 20)
    gains *= rng.choice([-1.0, 1.0], gains.shape)
    gains *= rng.random(gains.shape) >= plan.drop
    return Draw(
        torch.from_numpy(excerpts),
        torch.from_numpy(gains.astype(np.float32)),
        torch.from_numpy(rng.uniform(*plan.level_db, plan.size).astype(np.float32)),
        torch.from_numpy(rng.random(plan.size) < plan.mono),
    )


def _fill_item(
    rng: np.random.Generator, pool: SongPool, pool_plan: PoolPlan, plan: BatchPlan, step: int, item: np.ndarray
) -> None:
    """Excerpts for one item, into `item` (stem, channel, frame); remixes balance stems by chance, songs as composed."""
    remix = rng.random() < plan.remix
    song, at = _draw_place(rng, pool_plan, plan, step)
    for stem in range(len(STEMS)):
        if remix:
            song, at = _draw_place(rng, pool_plan, plan, step)
        excerpt = pool.song(song)[stem, :, at : at + plan.frames]
        item[stem] = excerpt[::-1] if rng.random() < 0.5 else excerpt


def _draw_place(rng: np.random.Generator, pool_plan: PoolPlan, plan: BatchPlan, step: int) -> tuple[int, int]:
    song = pool_plan.first(step) + int(rng.integers(pool_plan.slots))
    return song, int(rng.integers(pool_plan.frames - plan.frames + 1))


def mix_batch(draw: Draw, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix (batch, channel, frame) and stems (batch, stem, channel, frame), float32 on `device`."""
    stems = draw.excerpts.to(device, non_blocking=True).float() / 32768
    stems = stems * draw.gains.to(device)[:, :, None, None]
    stems = torch.where(draw.mono.to(device)[:, None, None, None], stems.mean(dim=2, keepdim=True), stems)
    mix = stems.sum(dim=1)
    rms = mix.square().mean(dim=(1, 2)).sqrt().clamp_min(1e-4)
    scale = 10 ** (draw.levels.to(device) / 20) / rms
    return mix * scale[:, None, None], stems * scale[:, None, None, None]
