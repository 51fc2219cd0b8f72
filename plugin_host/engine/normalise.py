"""Brings a finished mix to a loudness without passing a true-peak ceiling.

The mix has been rendered without its limiter and measured; here it is turned up or down as a whole and, where that
would pass the ceiling, driven into the limiter. Loudness is ITU-R BS.1770-4 integrated (LUFS), peaks are true peaks.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from plugin_host.engine.reduction import ReductionMeter
from plugin_host.engine.strip import Block
from separation_core.audio.frames import FrameSource
from separation_core.audio.loudness import LevelMeter, Levels
from separation_core.units import Hertz

BLOCK = 65_536
CLOSE_ENOUGH_LU = 0.1
MOST_DRIVE_DB = 6.0
"""How much harder than plain turning up the limiter may be driven to make up for what it takes away."""
MOST_ATTEMPTS = 4

LimiterMaker = Callable[[], ReductionMeter]


@dataclass(frozen=True, slots=True)
class LoudnessReport:
    """What a loudness target came to.

    target, reached: LUFS. gain_db: what the mix was turned up by before the limiter. held_by_ceiling: the target was
    not reached because the true-peak ceiling stood in the way.
    """

    target: float
    reached: float
    gain_db: float
    held_by_ceiling: bool


@dataclass(frozen=True, slots=True)
class Treatment:
    """How to treat the mix: gain before the limiter, whether it is limited, and a trim (0 dB or less) after it."""

    gain_db: float
    limited: bool
    trim_db: float = 0.0


def plan_loudness(
    mix: FrameSource, levels: Levels, target: float, ceiling_db: float, limiter: LimiterMaker | None
) -> tuple[Treatment, LoudnessReport]:
    """How to bring `mix` (measured as `levels`) to `target` LUFS under a true peak of `ceiling_db`.

    Without a limiter the gain stops at the ceiling. With one, the mix is driven up to 6 dB harder than the plain
    difference, then trimmed by what its true peak still passes the ceiling. A mix without loudness is left alone.
    """
    if math.isinf(levels.lufs):
        return Treatment(0.0, limited=False), LoudnessReport(target, levels.lufs, 0.0, held_by_ceiling=False)
    wanted, room = target - levels.lufs, ceiling_db - levels.true_peak_db
    if wanted <= room or limiter is None:
        gain = min(wanted, room)
        return Treatment(gain, limited=False), _report(target, levels.lufs + gain, gain)
    return _drive(mix, wanted, target, ceiling_db, limiter)


def treated(mix: FrameSource, treatment: Treatment, limiter: ReductionMeter | None) -> Iterator[Block]:
    """The mix (2, frame) after its treatment, in blocks, same length; `limiter` is fresh, and used where limited."""
    before, after = _factor(treatment.gain_db), _factor(treatment.trim_db)
    if limiter is None or not treatment.limited:
        for start in range(0, mix.frames, BLOCK):
            yield mix.read(start, min(BLOCK, mix.frames - start)) * (before * after)
        return
    late = limiter.latency
    limiter.process(mix.read(0, late) * before)
    for start in range(late, mix.frames + late, BLOCK):
        yield limiter.process(mix.read(start, min(BLOCK, mix.frames + late - start)) * before) * after


def _drive(
    mix: FrameSource, wanted: float, target: float, ceiling_db: float, limiter: LimiterMaker
) -> tuple[Treatment, LoudnessReport]:
    treatment = Treatment(wanted, limited=True)
    for _ in range(MOST_ATTEMPTS):
        levels = _measured(mix, treatment, limiter())
        trim = min(0.0, ceiling_db - levels.true_peak_db)
        reached = levels.lufs + trim
        found = replace(treatment, trim_db=trim), _report(target, reached, treatment.gain_db)
        harder = min(treatment.gain_db + target - reached, wanted + MOST_DRIVE_DB)
        if abs(target - reached) <= CLOSE_ENOUGH_LU or harder <= treatment.gain_db:
            break
        treatment = replace(treatment, gain_db=harder)
    return found


def _measured(mix: FrameSource, treatment: Treatment, limiter: ReductionMeter) -> Levels:
    meter = LevelMeter(Hertz(mix.rate), 2)
    for block in treated(mix, treatment, limiter):
        meter.add(block)
    return meter.levels()


def _report(target: float, reached: float, gain_db: float) -> LoudnessReport:
    return LoudnessReport(target, reached, gain_db, held_by_ceiling=reached < target - CLOSE_ENOUGH_LU)


def _factor(gain_db: float) -> np.float32:
    return np.float32(10.0 ** (gain_db / 20.0))
