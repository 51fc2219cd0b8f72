"""From a chain as data to a running one: a stage for each slot, contiguous plain effects in one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import groupby

import numpy as np

from plugin_host.effects.catalogue import check_effect, effect_type
from plugin_host.effects.codec_rates import mp3_rate, steps_at
from plugin_host.effects.external import ExternalPlugin, is_avoided
from plugin_host.effects.frame_buffers import CHANNELS, Block
from plugin_host.effects.pitch_offset import pitch_shift_offset
from plugin_host.effects.plain_stage import PlainStage
from plugin_host.effects.plugins import make_plugin
from plugin_host.effects.segments import SegmentStage
from plugin_host.effects.stages import (
    STEP_FRAMES,
    BypassStage,
    LookaheadStage,
    ParallelStage,
    SeriesStage,
    Stage,
    StepProcess,
    StepStage,
    WetDryStage,
)
from plugin_host.errors import EffectError, PluginError
from plugin_host.mix.state import Chain, Effect, ParamValue

Mark = Callable[[int], None]
"""Told the slot of an external plugin before it works and -1 after, so that a crash can be blamed on it."""

LATENCY_MARGIN = 2
"""Frames on top of the measured shortfall: a resampler's rounding may once be worse than in the probe."""

_STEPPED = {"mp3_compressor", "resample"}
_LOOKAHEAD = {"brickwall_limiter"}


@dataclass(slots=True)
class Build:
    """How a chain is being built.

    allow_missing: a plugin that does not load is passed by, with a line in `warnings`, instead of refused.
    segment_frames: segment length for effects that cannot be streamed; None refuses them. mark: see `Mark`.
    """

    rate: int
    allow_missing: bool = False
    segment_frames: int | None = None
    mark: Mark = lambda slot: None
    warnings: list[str] = field(default_factory=list)


def build_chain(chain: Chain, build: Build, first_slot: int = 0, slot: int | None = None) -> Stage:
    """A stage for the whole chain: where one stage holds it all, that one itself.

    first_slot: number of its first slot, for marks. slot: the one number for all of it, where it is a branch.
    Raises `EffectError` for what `check_effect` refuses, for an effect that cannot be streamed where
    `build.segment_frames` is None and for an unreadable impulse response; `PluginError` for plugins.
    """
    for effect in chain:
        check_effect(effect)
    stages: list[Stage] = []
    sizes: list[int] = []
    for plain, group in groupby(enumerate(chain, first_slot), key=lambda numbered: _is_plain(numbered[1])):
        slots = list(group)
        if plain:
            stages.append(_plain_stage([effect for _, effect in slots], build.rate))
            sizes.append(len(slots))
        else:
            stages.extend(_build_slot(effect, build, at if slot is None else slot) for at, effect in slots)
            sizes.extend(1 for _ in slots)
    return stages[0] if len(stages) == 1 else SeriesStage(stages, sizes)


def needs_ahead(effect: Effect) -> bool:
    """Whether this slot, as it is set, sounds through an effect that cannot be streamed."""
    return not is_passed_by(effect) and _holds_unstreamable(effect)


def is_passed_by(effect: Effect) -> bool:
    """Whether this slot, as it is set, leaves the sound as it is."""
    return effect.bypass or effect.wet == 0.0


def _holds_unstreamable(effect: Effect) -> bool:
    inner = (effect for branch in effect.branches for effect in branch)
    return not effect_type(effect.kind).streamable or any(needs_ahead(effect) for effect in inner)


def _is_plain(effect: Effect) -> bool:
    special = {"parallel", "vst3"} | _STEPPED | _LOOKAHEAD
    in_full = effect.wet == 1.0 and not effect.bypass
    return in_full and effect.kind not in special and effect_type(effect.kind).streamable


def _plain_stage(effects: list[Effect], rate: int) -> PlainStage:
    return PlainStage([make_plugin(effect, rate) for effect in effects], [effect.kind for effect in effects], rate)


def _build_slot(effect: Effect, build: Build, slot: int) -> Stage:
    if is_passed_by(effect):
        # What is rendered ahead comes out in time, so its bypass has no latency to keep.
        in_time = _holds_unstreamable(effect) or is_avoided(effect)
        return BypassStage(0 if in_time else _build_effect(effect, build, slot).latency)
    stage = _build_effect(effect, build, slot)
    return stage if effect.wet == 1.0 else WetDryStage(stage, effect.wet, build.rate)


def _build_effect(effect: Effect, build: Build, slot: int) -> Stage:
    if effect.kind == "parallel":
        return ParallelStage([build_chain(branch, build, slot=slot) for branch in effect.branches])
    if effect.kind == "vst3":
        return _build_external(effect, build, slot)
    if effect.kind in _LOOKAHEAD:
        return LookaheadStage(partial(make_plugin, effect, build.rate), build.rate)
    if effect.kind in _STEPPED:
        return _build_stepped(effect, build.rate)
    if not effect_type(effect.kind).streamable:
        return _build_segments(effect, build)
    return _plain_stage([effect], build.rate)


def _build_stepped(effect: Effect, rate: int) -> StepStage:
    short = _shortfall(effect.kind, tuple(sorted(effect.params.items())), rate)
    return StepStage(_step_starter(effect, rate), short)


def _step_starter(effect: Effect, rate: int) -> Callable[[], StepProcess]:
    inner_rate = mp3_rate(rate) if effect.kind == "mp3_compressor" else rate
    return steps_at(rate, inner_rate, partial(make_plugin, effect, inner_rate))


@lru_cache(maxsize=256)
def _shortfall(kind: str, params: tuple[tuple[str, ParamValue], ...], rate: int) -> int:
    """Most frames the effect withholds when fed noise in steps; measured once for all tracks and rebuilds."""
    process = _step_starter(Effect(kind, dict(params)), rate)()
    noise = np.random.default_rng(0).standard_normal((CHANNELS, STEP_FRAMES)).astype(np.float32) * np.float32(0.1)
    withheld = worst = fed = 0
    while fed < rate // 2 + 4 * worst:
        withheld += STEP_FRAMES - process(noise).shape[1]
        worst = max(worst, withheld)
        fed += STEP_FRAMES
    return worst + LATENCY_MARGIN


def _build_segments(effect: Effect, build: Build) -> SegmentStage:
    if build.segment_frames is None:
        raise EffectError(f"{effect.kind} cannot be streamed: render the chain ahead up to it")
    late = 0
    if effect.kind == "pitch_shift":
        late = pitch_shift_offset(float(effect.params.get("semitones", 0.0)), build.rate)
    return SegmentStage(partial(make_plugin, effect, build.rate), build.rate, build.segment_frames, late)


def _build_external(effect: Effect, build: Build, slot: int) -> Stage:
    try:
        build.mark(slot)
        plugin = ExternalPlugin(effect, build.rate)
    except PluginError as error:
        if not build.allow_missing or error.field != "plugin_path":
            raise
        build.warnings.append(f"{error} (passed by)")
        return BypassStage(0)
    finally:
        build.mark(-1)
    return StepStage(lambda: _marked(plugin.start(), build.mark, slot), short=0, late=plugin.latency)


def _marked(process: StepProcess, mark: Mark, slot: int) -> StepProcess:
    def marked(block: Block) -> Block:
        mark(slot)
        try:
            return process(block)
        finally:
            mark(-1)

    return marked
