"""A model over a song of any length, as a stream: memory is bounded by a few segments, whatever the length.

Every segment is heard with real neighbouring audio as context, and overlapping segments are cross-faded as `plan`
says (see `passes`). Passes are averaged: those whose segments start at different places (the shift trick, Défossez et
al. 2019) and those that hear the song swapped or inverted (test-time augmentation). Members of an ensemble are
combined. All of them advance in step, so only the frames on which they do not yet agree are held.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from separation_core.audio.frames import FrameSource
from separation_core.errors import ModelError
from separation_core.inference.combining import BLOCK, Stream, combined, mean
from separation_core.inference.device import choose_device
from separation_core.inference.on_device import Circumstances, Note, OnDevice
from separation_core.inference.passes import Pass
from separation_core.inference.plan import check_overlap, plan_song
from separation_core.inference.precision import Precision
from separation_core.inference.views import augmented, level_view
from separation_core.models.contract import Domain, Ensemble, Member, Model, ModelSpec, Separator

Progress = Callable[[int, int], None]
MAX_SHIFTS = 100
_LONGEST_SHIFT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class SeparationSettings:
    """How thoroughly a song is separated.

    overlap: fraction of a segment shared with the next, 0 … 0.95. shifts: passes at different positions that are
    averaged, 1 … 100; each costs a whole run. augment: average with what is heard when left and right are swapped and
    when the polarity is inverted; three times the cost. batch_size: segments per call of the model, None for what
    suits the device. device: see `choose_device`. precision: see `Precision`. seed: of the random shifts, ≥ 0. Raises
    ModelError for a value out of range, or, when the run starts, for a device that is not there.
    """

    overlap: float = 0.25
    shifts: int = 1
    augment: bool = False
    batch_size: int | None = None
    device: str = "auto"
    precision: Precision = Precision.AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        check_overlap(self.overlap)
        if not 1 <= self.shifts <= MAX_SHIFTS:
            raise ModelError(f"shifts {self.shifts} is out of range: choose 1 to {MAX_SHIFTS}")
        if self.batch_size is not None and self.batch_size < 1:
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
    shortened: dict[str, int] | None = None,
) -> Iterator[np.ndarray]:
    """Consecutive blocks (stem, channel, frame) float32 of the stems of `source`, from frame `start` to its end.

    The samples are the same whatever `start` is. Samples that are not finite are heard as silence.
    progress(frames_done, frames_total) is called at the start and after every block; `cancelled` is asked before
    every call of the model; `note` is told in one line when memory runs out and the run goes on in smaller steps.
    shortened: filled with the segment lengths, by separator, where memory asked for shorter ones; given back with a
    later `start`, the run goes on with them at once and gives the samples that the first run would have given.
    Raises ModelError, before the first block for anything that can be known by then: a source of another rate or
    channel count, a device that is not there; later for a model that answers with the wrong shape or with samples
    that are not finite. Raises Cancelled.
    """
    _check(model.spec, source, start)
    draw = random.Random(settings.seed)  # noqa: S311  to be repeated, not to be secret
    run = _Run(source, settings, _circumstances(settings, cancelled, note, shortened), draw)
    blocks = run.ensemble(model, start) if isinstance(model, Ensemble) else run.member(_alone(model), start)
    return _reported(blocks if start < source.frames else iter(()), start, source.frames, progress)


def _circumstances(
    settings: SeparationSettings,
    cancelled: Callable[[], bool] | None,
    note: Note | None,
    shortened: dict[str, int] | None,
) -> Circumstances:
    return Circumstances(
        choose_device(settings.device),
        settings.precision,
        settings.batch_size,
        cancelled or (lambda: False),
        note or (lambda line: None),
        {} if shortened is None else shortened,
    )


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
    around: Circumstances
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
        separator = OnDevice(member.separator, self.around)
        view = level_view(self.source, spec.normalised)
        views = augmented(view, spec.channels) if settings.augment else (view,)
        offsets = _offsets(spec, self.source.frames, settings, self.draw)
        passes = [Pass(separator, self.source, one, settings.overlap, offset) for offset in offsets for one in views]
        return mean([one.blocks(start) for one in passes], spec.segment)


def _without(count: int, blocks: Stream) -> Stream:
    """The stream less its first `count` frames."""
    for block in blocks:
        rest = block[..., count:]
        count = max(0, count - block.shape[-1])
        if rest.shape[-1]:
            yield rest


def _offsets(spec: ModelSpec, frames: int, settings: SeparationSettings, draw: random.Random) -> list[int]:
    """How far each pass's segments are moved: a single one is not, several are by up to half a second each.

    The draws are those of demucs after `random.seed(seed)`, which calls our one unshifted pass `shifts=0`.
    """
    if settings.shifts == 1:
        return [0]
    longest = int(spec.rate * _LONGEST_SHIFT_SECONDS)
    offsets = []
    for _ in range(settings.shifts):
        offsets.append(longest - draw.randint(0, longest))
        if spec.draws:
            for _ in range(plan_song(frames + offsets[-1], spec.segment, settings.overlap).count):
                draw.randrange(1)
    return offsets


def _reported(blocks: Iterator[np.ndarray], start: int, frames: int, progress: Progress | None) -> Iterator[np.ndarray]:
    done = start
    if progress is not None:
        progress(done, frames)
    for block in blocks:
        done += block.shape[-1]
        if progress is not None:
            progress(done, frames)
        yield block
