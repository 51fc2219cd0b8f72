"""All scores of one song: two passes over its files, memory independent of its length."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from separation_core.evaluation.aligned_stems import AlignedBlock, AlignedStems
from separation_core.evaluation.bss_eval import BssEval, BssScores
from separation_core.evaluation.metrics import Leak, MdxSdr, SiSdr
from separation_core.evaluation.stem_folders import SongCase

SILENT_PEAK = 1e-3
"""A true stem that never passes -60 dBFS counts as silent, as in a session."""

LIMIT_DB = 200.0
"""Scores are held between ±200 dB, far beyond what float32 files can tell apart, so that none is infinite."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SongScores:
    """stems: stem to metric (see `definitions`) to dB, only where there is a value. seconds: the song's length."""

    name: str
    rate: int
    seconds: float
    stems: Mapping[str, Mapping[str, float]]
    warnings: tuple[str, ...]


def score_song(
    case: SongCase, *, museval: bool = True, audible_db: float | None = None, progress: Progress | None = None
) -> SongScores:
    """Score every stem of `case`; museval: also the BSSEval v4 scores, which cost most of the time.

    audible_db: RMS in dBFS, over the song and all channels, under which a true stem that is not silent has no scores;
    None scores them all. progress: called with (blocks done, blocks to do). Errors: `SeparationError` as in
    `AlignedStems` and `BssEval`, `AudioError` for files that cannot be read.
    """
    song = AlignedStems(case)
    stems = [_StemMeter() for _ in case.true]
    bss = BssEval(len(stems), song.channels) if museval else None
    watched = _Watched(song, 2 if museval else 1, progress)
    for block in watched.blocks():
        for meter, true, estimate in zip(stems, block.true, block.estimates, strict=True):
            meter.add(true, estimate, block.mixture)
        if bss:
            bss.correlate(block.true, block.estimates)
    found = [meter.scores() for meter in stems]
    if bss:
        for block in watched.blocks():
            bss.score(block.true, block.estimates)
        _add_medians(found, bss.scores())
        song.warnings += _doubts(case, found, bss.scores())
    for one, meter in zip(found, stems, strict=True):
        if audible_db is not None and not meter.silent and meter.rms_db < audible_db:
            one.clear()
    limited = [{name: float(np.clip(value, -LIMIT_DB, LIMIT_DB)) for name, value in one.items()} for one in found]
    scores = dict(zip(case.true, limited, strict=True))
    return SongScores(case.name, song.rate, song.frames / song.rate, scores, tuple(song.warnings))


class _Watched:
    """Passes over a song in windows of one second that tell how far they are."""

    def __init__(self, song: AlignedStems, passes: int, progress: Progress | None) -> None:
        self._song, self._progress = song, progress
        self._done, self._total = 0, passes * -(-song.frames // song.rate)

    def blocks(self) -> Iterator[AlignedBlock]:
        for block in self._song.blocks(self._song.rate):
            yield block
            self._done += 1
            if self._progress:
                self._progress(self._done, self._total)


class _StemMeter:
    """The scores of one stem that one pass tells."""

    def __init__(self) -> None:
        self._mdx, self._si, self._leak = MdxSdr(), SiSdr(), Leak()
        self._peak = self._energy = 0.0
        self._samples = 0

    def add(self, true: np.ndarray, estimate: np.ndarray, mixture: np.ndarray) -> None:
        self._mdx.add(true, estimate)
        self._si.add(true, estimate)
        self._leak.add(mixture, estimate)
        self._peak = max(self._peak, float(np.abs(true).max(initial=0.0)))
        self._energy += float(np.square(true, dtype=np.float64).sum())
        self._samples += true.size

    @property
    def silent(self) -> bool:
        return self._peak < SILENT_PEAK

    @property
    def rms_db(self) -> float:
        return float(10 * np.log10(self._energy / max(1, self._samples) + 1e-18))

    def scores(self) -> dict[str, float]:
        if self.silent:
            return {"leak": self._leak.decibels()}
        scale_invariant = self._si.decibels()
        found = {"mdx_sdr": self._mdx.decibels()}
        return found if scale_invariant is None else found | {"si_sdr": scale_invariant}


def _add_medians(found: list[dict[str, float]], scores: BssScores) -> None:
    for name in ("sdr", "isr", "sir", "sar"):
        for stem, windows in zip(found, getattr(scores, name), strict=True):
            counted = windows[~np.isnan(windows)]
            if len(counted):
                stem[name] = float(np.median(counted))


def _doubts(case: SongCase, found: list[dict[str, float]], scores: BssScores) -> Iterator[str]:
    if not scores.determined:
        yield (
            f"{case.name}: the true stems leave bands empty (decoded from OGG, MP3 or AAC?), so museval's ISR, SIR and "
            "SAR are not determined; told as if the stems were 16-bit files"
        )
    unscored = [stem for stem, one in zip(case.true, found, strict=True) if not {"leak", "sdr"} & set(one)]
    if unscored:
        yield (
            f"{case.name}: no museval scores of {', '.join(unscored)}: the estimate is silent, or no window has sound "
            "in every stem"
        )
