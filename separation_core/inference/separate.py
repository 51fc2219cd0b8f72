"""A model over a song of any length, as a stream: memory is bounded by a few segments, whatever the length.

Every segment is heard with real neighbouring audio as context, and overlapping segments are cross-faded as `plan`
says. Passes are averaged: those whose segments start at different places (the shift trick, Défossez et al. 2019) and
those that hear the song swapped or inverted (test-time augmentation). Members of an ensemble are combined. All of
them advance in step, so only the frames on which they do not yet agree are held.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from separation_core.audio.frames import FrameSource
from separation_core.dsp.overlap_add import OverlapAdder
from separation_core.errors import ModelError
from separation_core.inference.combining import BLOCK, Stream, combined, mean
from separation_core.inference.device import choose_device
from separation_core.inference.on_device import Note, OnDevice
from separation_core.inference.plan import Plan, check_overlap, plan_song
from separation_core.inference.views import View, augmented, level_view
from separation_core.models.contract import Domain, Ensemble, Member, Model, ModelSpec, Separator

Progress = Callable[[int, int], None]
MAX_SHIFTS = 100
_LONGEST_SHIFT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SeparationSettings:
    """How thoroughly a song is separated.

    overlap: fraction of a segment shared with the next, 0 … 0.95. shifts: passes at different positions that are
    averaged, 1 … 100; each costs a whole run. augment: average with what is heard when left and right are swapped and
    when the polarity is inverted; three times the cost. batch_size: segments per call of the model. device: see
    `choose_device`. seed: of the random shifts, ≥ 0. Raises ModelError for a value out of range, or, when the run
    starts, for a device that is not there.
    """

    overlap: float = 0.25
    shifts: int = 1
    augment: bool = False
    batch_size: int = 1
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        check_overlap(self.overlap)
        if not 1 <= self.shifts <= MAX_SHIFTS:
            raise ModelError(f"shifts {self.shifts} is out of range: choose 1 to {MAX_SHIFTS}")
        if self.batch_size < 1:
            raise ModelError(f"batch size {self.batch_size} is out of range: choose 1 or more")
        if self.seed < 0:
            raise ModelError(f"seed {self.seed} is out of range: choose 0 or more")


def separate(
    model: Model,
    source: FrameSource,
    settings: SeparationSettings,
    *,
    start: int = 0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    note: Note | None = None,
) -> Iterator[np.ndarray]:
    """Consecutive blocks (stem, channel, frame) float32 of the stems of `source`, from frame `start` to its end.

    The samples are the same whatever `start` is. Samples that are not finite are heard as silence.
    progress(frames_done, frames_total) is called at the start and after every block; `cancelled` is asked before
    every call of the model; `note` is told in one line when memory runs out and the run goes on in smaller steps.
    Raises ModelError, before the first block for anything that can be known by then: a source of another rate or
    channel count, a device that is not there; later for a model that answers with the wrong shape or with samples
    that are not finite. Raises Cancelled.
    """
    _check(model.spec, source, start)
    draw = random.Random(settings.seed)  # noqa: S311  to be repeated, not to be secret
    run = _Run(source, settings, choose_device(settings.device), cancelled, note, draw)
    blocks = run.ensemble(model, start) if isinstance(model, Ensemble) else run.member(_alone(model), start)
    return _reported(blocks if start < source.frames else iter(()), start, source.frames, progress)


def _alone(model: Separator) -> Member:
    return Member(model, (1.0,) * len(model.spec.stems))


def _check(spec: ModelSpec, source: FrameSource, start: int) -> None:
    if source.rate != spec.rate:
        raise ModelError(f"{spec.name} takes {spec.rate} Hz, the song has {source.rate} Hz: resample it first")
    if source.channels != spec.channels:
        raise ModelError(f"{spec.name} takes {spec.channels} channels, the song has {source.channels}: convert it")
    if not 0 <= start <= source.frames:
        raise ModelError(f"cannot start at frame {start}: the song has {source.frames} frames")


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of `separate`; `draw` gives the shifts of all members one after the other, as demucs draws them."""

    source: FrameSource
    settings: SeparationSettings
    device: torch.device
    cancelled: Callable[[], bool] | None
    note: Note | None
    draw: random.Random

    def ensemble(self, ensemble: Ensemble, start: int) -> Stream:
        """The members that have a say, combined."""
        members = [member for member in ensemble.members if any(member.weights)]
        # A spectrum's columns lie on one grid over the song: begin a whole block early, so that all are complete.
        begin = max(0, start // BLOCK - 1) * BLOCK if ensemble.domain is Domain.SPECTRUM else start
        streams = [self.member(member, begin) for member in members]
        weights = np.array([member.weights for member in members])
        return _without(start - begin, combined(streams, weights, ensemble.combine, ensemble.domain))

    def member(self, member: Member, start: int) -> Stream:
        """The mean of all passes of one separator."""
        settings, spec = self.settings, member.separator.spec
        on_device = OnDevice(member.separator, self.device, self.cancelled, self.note)
        view = level_view(self.source, spec.normalised)
        views = augmented(view, spec.channels) if settings.augment else (view,)
        plans = _plans(spec, self.source.frames, settings, self.draw)
        passes = [_Pass(on_device, self.source, plan, view, settings.batch_size) for plan in plans for view in views]
        return mean([one.blocks(start) for one in passes], plans[0].hop)


def _without(count: int, blocks: Stream) -> Stream:
    """The stream less its first `count` frames."""
    for block in blocks:
        rest = block[..., count:]
        count = max(0, count - block.shape[-1])
        if rest.shape[-1]:
            yield rest


def _plans(spec: ModelSpec, frames: int, settings: SeparationSettings, draw: random.Random) -> list[Plan]:
    """One plan per shift: a single one is unshifted, several are moved by up to half a second each.

    The draws are those of demucs after `random.seed(seed)`, which calls our one unshifted pass `shifts=0`.
    """
    if settings.shifts == 1:
        return [plan_song(frames, spec.segment, settings.overlap)]
    longest = int(spec.rate * _LONGEST_SHIFT_SECONDS)
    offsets = [longest - draw.randint(0, longest) for _ in range(settings.shifts)]
    return [plan_song(frames, spec.segment, settings.overlap, offset) for offset in offsets]


@dataclass(frozen=True, slots=True)
class _Pass:
    """One cover of the song by segments, heard in one way."""

    separator: OnDevice
    source: FrameSource
    plan: Plan
    view: View
    batch_size: int

    def blocks(self, start: int) -> Iterator[np.ndarray]:
        """Consecutive blocks (stem, channel, frame) from `start`, before the song's end, on."""
        plan, spec = self.plan, self.separator.spec
        adder = OverlapAdder(len(spec.stems), spec.channels, start)
        # Batches lie on the grid too: in another company a segment may come out with other last bits.
        first = plan.first_touching(start) // self.batch_size * self.batch_size
        for begin in range(first, plan.count, self.batch_size):
            end = min(begin + self.batch_size, plan.count)
            self._add_batch(adder, range(begin, end))
            if plan.final_after(end - 1) > adder.position:
                yield self.view.undo(adder.take(plan.final_after(end - 1)).numpy())

    def _add_batch(self, adder: OverlapAdder, indices: range) -> None:
        heard = np.stack([self._heard(self.plan.window(index)) for index in indices])
        for index, segment in zip(indices, self.separator(torch.from_numpy(heard)), strict=True):
            start, into = self.plan.start(index), self.plan.start(index) - self.plan.window(index)
            used = segment[..., into : into + self.plan.length(index)]
            self._check_finite(used, start)
            before = max(0, -start)
            weights = torch.from_numpy(self.plan.weights(index)[before:].copy())
            adder.add(used[..., before:], weights, max(0, start))

    def _heard(self, start: int) -> np.ndarray:
        """Segment and context (channel, frame) as the model hears it."""
        spec = self.separator.spec
        return self.view.hear(self.source, start - spec.context, spec.segment + 2 * spec.context)

    def _check_finite(self, segment: torch.Tensor, start: int) -> None:
        broken = ~torch.isfinite(segment).all(dim=0).all(dim=0)
        if broken.any():
            spec = self.separator.spec
            seconds = max(0, start + int(broken.nonzero()[0])) / spec.rate
            raise ModelError(
                f"{spec.name} gave samples that are not numbers at {seconds:.2f} s: try --device cpu or another model"
            )


def _reported(blocks: Iterator[np.ndarray], start: int, frames: int, progress: Progress | None) -> Iterator[np.ndarray]:
    done = start
    if progress is not None:
        progress(done, frames)
    for block in blocks:
        done += block.shape[-1]
        if progress is not None:
            progress(done, frames)
        yield block
