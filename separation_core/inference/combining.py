"""Several streams of stems made one: the passes of a shift or a view averaged, an ensemble's members combined.

min, max and the spectrum domain are those of ZFTurbo's Music-Source-Separation-Training ("min_wave", "avg_fft" …).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch

from separation_core.audio.blocks import reblock, with_context
from separation_core.dsp.stft import Stft
from separation_core.models.contract import Combine, Domain

Stream = Iterator[np.ndarray]
"""Consecutive blocks (stem, channel, frame)."""

STFT = Stft(window=4096, hop=1024)
BLOCK = 64 * STFT.hop
"""Frames combined at a time; a multiple of the hop, so that columns fall on one grid over the whole song."""


def in_step(streams: Sequence[Iterable[np.ndarray]], frames: int) -> Iterator[np.ndarray]:
    """The streams side by side in blocks of `frames`: (stream, stem, channel, frame)."""
    shapes: dict[int, tuple[int, ...]] = {}

    def flat(place: int, stream: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        for block in stream:
            shapes[place] = block.shape[:-1]
            yield block.reshape(-1, block.shape[-1])

    cut = (reblock(flat(place, stream), frames) for place, stream in enumerate(streams))
    for blocks in zip(*cut, strict=True):
        yield np.stack([block.reshape(*shapes[place], -1) for place, block in enumerate(blocks)])


def mean(streams: Sequence[Stream], frames: int) -> Stream:
    """The plain mean of the streams."""
    if len(streams) == 1:
        return streams[0]
    return (blocks.mean(axis=0, dtype=np.float32) for blocks in in_step(streams, frames))


def combined(streams: Sequence[Stream], weights: np.ndarray, combine: Combine, domain: Domain) -> Stream:
    """The streams combined, `weights` (stream, stem) being each one's say in each stem's average.

    A stream has no part in a stem that it has no weight for, whatever the way of combining. In the spectrum domain the
    streams must begin at frame 0 or at a multiple of `BLOCK`, or the columns lie elsewhere.
    """
    rule = _rule(combine, torch.from_numpy(weights.astype(np.float32)))
    together = in_step(streams, BLOCK)
    if domain is Domain.WAVE:
        return (rule(torch.from_numpy(blocks)).numpy() for blocks in together)
    return (
        _in_spectrum(rule, torch.from_numpy(joint))[..., lead : lead + count].numpy()
        for joint, count, lead in with_context(together, STFT.window)
    )


def _in_spectrum(rule: Callable[[torch.Tensor], torch.Tensor], answers: torch.Tensor) -> torch.Tensor:
    return STFT.inverse(rule(STFT.forward(answers)), answers.shape[-1])


def _rule(combine: Combine, weights: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """From answers (stream, stem, …), samples or complex cells, to (stem, …)."""
    has_say = weights > 0

    def per_stem(choose: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda answers: torch.stack([choose(answers[has_say[:, s], s]) for s in range(answers.shape[1])])

    if combine is Combine.MEDIAN:
        return per_stem(_median)
    if combine is Combine.MIN:
        return per_stem(lambda found: _picked(found, found.abs().argmin(dim=0)))
    if combine is Combine.MAX:
        return per_stem(lambda found: _picked(found, found.abs().argmax(dim=0)))
    shares = weights / weights.sum(dim=0)
    return lambda answers: (answers * shares.reshape(*shares.shape, *(1,) * (answers.dim() - 2))).sum(dim=0)


def _median(answers: torch.Tensor) -> torch.Tensor:
    if answers.is_complex():
        return torch.complex(_median(answers.real), _median(answers.imag))
    # Not torch.median: of an even number it gives the lower middle, not the mean of both.
    ordered = answers.sort(dim=0).values
    return (ordered[(len(answers) - 1) // 2] + ordered[len(answers) // 2]) / 2


def _picked(answers: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
    return answers.gather(0, which[None])[0]
