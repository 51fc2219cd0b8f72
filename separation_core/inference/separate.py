"""A separator over a song of any length, as a stream: memory is bounded by a few segments, whatever the length.

Every segment is heard with real neighbouring audio as context, overlapping segments are cross-faded as `plan` says,
and the optional shift trick (Défossez et al. 2019) averages passes whose segments start at different places. All
passes advance in step, so only the frames on which they do not yet agree are held.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from separation_core.audio.blocks import reblock
from separation_core.audio.frames import FrameSource
from separation_core.dsp.overlap_add import OverlapAdder
from separation_core.errors import Cancelled, ModelError
from separation_core.inference.device import choose_device
from separation_core.inference.plan import Plan, check_overlap, plan_song
from separation_core.models.contract import ModelSpec, Separator

Progress = Callable[[int, int], None]
MAX_SHIFTS = 100
_LONGEST_SHIFT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SeparationSettings:
    """How thoroughly a song is separated.

    overlap: fraction of a segment shared with the next, 0 … 0.95. shifts: passes at different positions that are
    averaged, 1 … 100; each costs a whole run. batch_size: segments per call of the model. device: see
    `choose_device`. seed: of the random shifts, ≥ 0. Raises ModelError for a value out of range, or, when the run
    starts, for a device that is not there.
    """

    overlap: float = 0.25
    shifts: int = 1
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
    separator: Separator,
    source: FrameSource,
    settings: SeparationSettings,
    *,
    start: int = 0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[np.ndarray]:
    """Consecutive blocks (stem, channel, frame) float32 of the stems of `source`, from frame `start` to its end.

    The samples are the same whatever `start` is. Samples that are not finite are heard as silence.
    progress(frames_done, frames_total) is called at the start and after every block; `cancelled` is asked before
    every call of the model. Raises ModelError, before the first block for anything that can be known by then: a
    source of another rate or channel count, a device that is not there; later for a model that answers with the
    wrong shape or with samples that are not finite. Raises Cancelled.
    """
    _check(separator.spec, source, start)
    plans = _plans(separator.spec, source.frames, settings)
    on_device = _OnDevice(separator, choose_device(settings.device), cancelled)
    passes = [_Pass(on_device, source, plan, settings.batch_size) for plan in plans] if start < source.frames else []
    return _reported(_blocks(passes, start), start, source.frames, progress)


def _blocks(passes: list["_Pass"], start: int) -> Iterator[np.ndarray]:
    streams = [one.blocks(start) for one in passes]
    if len(streams) < 2:
        return itertools.chain(*streams)
    spec = passes[0].separator.spec
    return _mean_in_step(streams, (len(spec.stems), spec.channels), passes[0].plan.hop)


def _check(spec: ModelSpec, source: FrameSource, start: int) -> None:
    if source.rate != spec.rate:
        raise ModelError(f"{spec.name} takes {spec.rate} Hz, the song has {source.rate} Hz: resample it first")
    if source.channels != spec.channels:
        raise ModelError(f"{spec.name} takes {spec.channels} channels, the song has {source.channels}: convert it")
    if not 0 <= start <= source.frames:
        raise ModelError(f"cannot start at frame {start}: the song has {source.frames} frames")


def _plans(spec: ModelSpec, frames: int, settings: SeparationSettings) -> list[Plan]:
    """One plan per pass: the first unshifted, the others moved by up to half a second."""
    random = np.random.default_rng(settings.seed)
    longest = max(1, round(spec.rate * _LONGEST_SHIFT_SECONDS))
    offsets = [0, *random.integers(0, longest, settings.shifts - 1).tolist()]
    return [plan_song(frames, spec.segment, settings.overlap, offset) for offset in offsets]


class _OnDevice:
    """The separator on its device, with every answer checked."""

    def __init__(self, separator: Separator, device: torch.device, cancelled: Callable[[], bool] | None) -> None:
        self.spec = separator.spec
        self._separator = separator.to(device)
        self._device = device
        self._cancelled = cancelled

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """Stems (batch, stem, channel, frame) on the CPU of `mix` (batch, channel, frame), context cut off."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("separation stopped; what was finished is kept")
        try:
            with torch.inference_mode():
                stems = self._separator(mix.to(self._device))
        except torch.cuda.OutOfMemoryError:
            raise ModelError(
                f"{self._device} has too little memory for {self.spec.name} with batch size {len(mix)}: "
                "choose a smaller one, or --device cpu"
            ) from None
        self._check_shape(mix, stems)
        context = self.spec.context
        return stems[..., context : context + self.spec.segment].cpu()

    def _check_shape(self, mix: torch.Tensor, stems: torch.Tensor) -> None:
        wanted = (len(mix), len(self.spec.stems), *mix.shape[1:])
        if tuple(stems.shape) != wanted or stems.dtype != torch.float32:
            raise ModelError(
                f"{self.spec.name} gave {stems.dtype} of shape {tuple(stems.shape)} where float32 of shape {wanted} "
                "(batch, stem, channel, frame) is due: this model is broken, choose another"
            )


@dataclass(frozen=True, slots=True)
class _Pass:
    """One cover of the song by segments."""

    separator: _OnDevice
    source: FrameSource
    plan: Plan
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
                yield adder.take(plan.final_after(end - 1)).numpy()

    def _add_batch(self, adder: OverlapAdder, indices: range) -> None:
        starts = [self.plan.start(index) for index in indices]
        stems = self.separator(torch.from_numpy(np.stack([self._heard(start) for start in starts])))
        for index, start, segment in zip(indices, starts, stems, strict=True):
            self._check_finite(segment, start)
            inside = slice(max(0, -start), max(0, self.plan.frames - start))
            weights = torch.from_numpy(self.plan.weights(index)[inside].copy())
            adder.add(segment[..., inside], weights, max(0, start))

    def _heard(self, start: int) -> np.ndarray:
        """Segment and context (channel, frame) as the model hears it."""
        spec = self.separator.spec
        block = self.source.read(start - spec.context, spec.segment + 2 * spec.context)
        finite: np.ndarray = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return finite

    def _check_finite(self, segment: torch.Tensor, start: int) -> None:
        broken = ~torch.isfinite(segment).all(dim=0).all(dim=0)
        if broken.any():
            spec = self.separator.spec
            seconds = max(0, start + int(broken.nonzero()[0])) / spec.rate
            raise ModelError(
                f"{spec.name} gave samples that are not numbers at {seconds:.2f} s: try --device cpu or another model"
            )


def _mean_in_step(passes: list[Iterator[np.ndarray]], rows: tuple[int, int], frames: int) -> Iterator[np.ndarray]:
    """The mean of streams of blocks (*rows, frame), whose blocks are cut differently."""
    flat = [(block.reshape(-1, block.shape[-1]) for block in blocks) for blocks in passes]
    for blocks in zip(*(reblock(blocks, frames) for blocks in flat), strict=True):
        yield np.mean(blocks, axis=0, dtype=np.float32).reshape(*rows, -1)


def _reported(blocks: Iterator[np.ndarray], start: int, frames: int, progress: Progress | None) -> Iterator[np.ndarray]:
    done = start
    if progress is not None:
        progress(done, frames)
    for block in blocks:
        done += block.shape[-1]
        if progress is not None:
            progress(done, frames)
        yield block
