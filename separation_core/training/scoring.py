"""Score networks: on held-out songs during a run, and on folders of excerpts afterwards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from separation_core.audio.frames import ArraySource
from separation_core.evaluation.metrics import mdx_sdr
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import Separator
from separation_core.models.networks import Network
from separation_core.training.corpus import RATE, STEMS
from separation_core.training.effects import edge, equalise
from separation_core.training.sources import find_songs, read_song
from separation_core.units import Hertz

AUDIBLE_DB = -40.0
"""RMS under which a stem is neither scored nor called silent."""
COPIES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "stereo": lambda stems: stems,
    "mono": lambda stems: np.repeat(stems.mean(axis=1, keepdims=True), 2, axis=1),
    "dull": lambda stems: equalise(stems, [edge(6000, high=True)] * 2),
}
"""What excerpts can be scored as; old recordings have neither sides nor treble (here none from 6 kHz on)."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Mean MDX SDR in dB of each stem over the songs in which it is audible, and the mean energy that leaks into
    silent stems, in dB relative to the mix; a stem never audible, or never silent, has no entry."""

    sdr: Mapping[str, float]
    leak: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Mean of the stems' SDR; -inf where no stem was audible."""
        return float(np.mean(list(self.sdr.values()))) if self.sdr else float("-inf")

    def facts(self) -> dict[str, Any]:
        """As plain rounded numbers."""
        rounded = {name: round(value, 3) for name, value in self.sdr.items()}
        return {"mean": round(self.mean, 3), "sdr": rounded, "leak": {n: round(v, 1) for n, v in self.leak.items()}}


class _Tally:
    """Collects scores song by song."""

    def __init__(self) -> None:
        self._sdr: dict[str, list[float]] = {}
        self._leak: dict[str, list[float]] = {}

    def add(self, stems: np.ndarray, estimates: np.ndarray) -> None:
        """One song's true and estimated stems, (stem, channel, frame)."""
        energy = float(np.square(stems.sum(axis=0), dtype=np.float64).sum())
        for name, true, estimate in zip(STEMS, stems, estimates, strict=True):
            if not true.any():
                leak = 10 * np.log10((np.square(estimate, dtype=np.float64).sum() + 1e-9) / max(energy, 1e-9))
                self._leak.setdefault(name, []).append(float(leak))
            elif 20 * np.log10(np.sqrt(np.mean(true**2)) + 1e-9) > AUDIBLE_DB:
                self._sdr.setdefault(name, []).append(mdx_sdr(true, estimate))

    def scores(self) -> Scores:
        """The means, stems in their usual order."""
        sdr = {name: float(np.mean(self._sdr[name])) for name in STEMS if name in self._sdr}
        return Scores(sdr, {name: float(np.mean(self._leak[name])) for name in STEMS if name in self._leak})


def score_songs(network: Network, songs: torch.Tensor, device: torch.device) -> Scores:
    """Scores on songs (song, stem, channel, frame) in memory, each separated in one piece on `device`."""
    tally = _Tally()
    network.eval()
    for stems in songs:
        with torch.inference_mode():
            estimates = network(stems.sum(dim=0, keepdim=True).to(device))[0].float().cpu()
        tally.add(stems.numpy(), estimates.numpy())
    return tally.scores()


@dataclass(frozen=True, slots=True)
class ExcerptScores:
    """One excerpt's name and its scores."""

    name: str
    scores: Scores


def score_excerpts(
    separator: Separator, folder: Path, settings: SeparationSettings | None = None, copy: str = "stereo"
) -> tuple[ExcerptScores, ...]:
    """Scores of a separator on a folder of excerpts: one folder each, one file a stem, an absent file is silence.

    copy: one of `COPIES`. The mix is the sum of the stems. Raises ModelError where there is no excerpt, SongUnreadable
    for a damaged file.
    """
    results = []
    for excerpt in find_songs(folder):
        stems, tally = COPIES[copy](read_song(excerpt)), _Tally()
        source = ArraySource(stems.sum(axis=0), Hertz(RATE))
        blocks = list(separate(separator, source, settings or SeparationSettings()))
        tally.add(stems, np.concatenate(blocks, axis=-1))
        results.append(ExcerptScores(excerpt.name, tally.scores()))
    return tuple(results)


def mean_scores(results: tuple[ExcerptScores, ...], prefix: str = "") -> Scores:
    """The mean over excerpts whose names begin with `prefix`, stem by stem."""
    chosen = [result.scores for result in results if result.name.startswith(prefix)]
    sdr = {name: [scores.sdr[name] for scores in chosen if name in scores.sdr] for name in STEMS}
    leak = {name: [scores.leak[name] for scores in chosen if name in scores.leak] for name in STEMS}
    return Scores(_means(sdr), _means(leak))


def _means(groups: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: float(np.mean(values)) for name, values in groups.items() if values}


def report(results: tuple[ExcerptScores, ...]) -> str:
    """A table of excerpts, then the means over all, over the real and over the rendered ones where names tell."""
    rows = [(result.name, result.scores) for result in results]
    for name, prefix in (("mean real", "real"), ("mean synth", "synth"), ("mean", "")):
        if any(result.name.startswith(prefix) for result in results):
            rows.append((name, mean_scores(results, prefix)))
    return "\n".join([_row("dB", STEMS, "mean", "leak"), *(_score_row(name, scores) for name, scores in rows)])


def _score_row(name: str, scores: Scores) -> str:
    cells = [f"{scores.sdr[stem]:.2f}" if stem in scores.sdr else "–" for stem in STEMS]
    leaks = list(scores.leak.values())
    return _row(name, cells, f"{scores.mean:.2f}", f"{np.mean(leaks):.1f}" if leaks else "–")


def _row(name: str, cells: Sequence[str], mean: str, leak: str) -> str:
    return f"{name:<26}" + "".join(f"{cell:>9}" for cell in (*cells, mean, leak))
