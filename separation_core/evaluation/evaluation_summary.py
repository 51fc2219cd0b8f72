"""Scores of many songs together: what each metric means, and its mean and median over songs."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from separation_core.evaluation.song_scores import LIMIT_DB, SongScores
from separation_core.evaluation.stem_folders import stem_order

Average = Literal["mean", "median"]


@dataclass(frozen=True, slots=True)
class Metric:
    """name: in files. title: in tables. usual: how the field averages it over songs. definition: one line."""

    name: str
    title: str
    usual: Average
    definition: str


_BSS = "512-tap filters fitted on the whole song, median over windows of 1 s in which all stems sound"
METRICS = (
    Metric(
        "mdx_sdr",
        "MDX SDR",
        "mean",
        "10·log10((Σs² + 1e-7) / (Σ(s − ŝ)² + 1e-7)) over the whole song and all channels "
        "(Music Demixing Challenge 2021; also uSDR); mean over songs",
    ),
    Metric(
        "si_sdr",
        "SI-SDR",
        "mean",
        "10·log10(‖αs‖² / ‖αs − ŝ‖²), α = ⟨ŝ,s⟩/‖s‖², over the whole song and all channels "
        "(Le Roux et al. 2019); mean over songs",
    ),
    Metric("sdr", "SDR", "median", f"BSSEval v4 as museval: true stem against all error; {_BSS}; median over songs"),
    Metric("isr", "ISR", "median", f"BSSEval v4 as museval: spatial and filter error; {_BSS}; median over songs"),
    Metric("sir", "SIR", "median", f"BSSEval v4 as museval: interference of other stems; {_BSS}; median over songs"),
    Metric("sar", "SAR", "median", f"BSSEval v4 as museval: artefacts; {_BSS}; median over songs"),
    Metric(
        "leak",
        "leak",
        "mean",
        "only where the true stem is silent (no file, or never above -60 dBFS), which then has no MDX SDR and no "
        "SI-SDR: 10·log10((Σŝ² + 1e-9) / (Σm² + 1e-9)), m the mixture; lower is better; mean over songs",
    ),
)
GENERAL = (
    f"All values in dB, held between ±{LIMIT_DB:.0f}; “all” is the mean over the stems; a stem without a value in a "
    "song is left out of the averages."
)


@dataclass(frozen=True, slots=True)
class StemSummary:
    """One metric of one stem over the songs that have it."""

    mean: float
    median: float
    songs: int


Summary = Mapping[str, Mapping[str, StemSummary]]
"""Stem to metric to its averages; the stem “all” is the mean over the stems."""

NO_GROUPS: Mapping[str, Sequence[SongScores]] = MappingProxyType({})


def summarise(songs: Sequence[SongScores]) -> Summary:
    """Averages over `songs`, stems in their usual order, “all” last."""
    stems = stem_order(stem for song in songs for stem in song.stems)
    table = {stem: _over_songs([song.stems[stem] for song in songs if stem in song.stems]) for stem in stems}
    return table | {"all": _over_stems(list(table.values()))}


def _over_songs(scores: Sequence[Mapping[str, float]]) -> dict[str, StemSummary]:
    columns = {metric.name: [one[metric.name] for one in scores if metric.name in one] for metric in METRICS}
    return {
        name: StemSummary(statistics.fmean(values), statistics.median(values), len(values))
        for name, values in columns.items()
        if values
    }


def _over_stems(rows: Sequence[Mapping[str, StemSummary]]) -> dict[str, StemSummary]:
    columns = {metric.name: [row[metric.name] for row in rows if metric.name in row] for metric in METRICS}
    return {
        name: StemSummary(
            statistics.fmean(one.mean for one in values),
            statistics.fmean(one.median for one in values),
            max(one.songs for one in values),
        )
        for name, values in columns.items()
        if values
    }


def present(songs: Iterable[SongScores]) -> tuple[Metric, ...]:
    """The metrics that have a value anywhere in `songs`."""
    names = {name for song in songs for scores in song.stems.values() for name in scores}
    return tuple(metric for metric in METRICS if metric.name in names)


def as_json(
    songs: Sequence[SongScores], about: Mapping[str, Any], groups: Mapping[str, Sequence[SongScores]] = NO_GROUPS
) -> dict[str, Any]:
    """Everything as JSON values; about: what was evaluated, put first. groups: songs to be averaged by themselves."""
    return {
        **about,
        "definitions": {"general": GENERAL} | {metric.name: metric.definition for metric in present(songs)},
        "summary": _plain(summarise(songs)),
        "groups": {name: _plain(summarise(some)) for name, some in groups.items()},
        "songs": [
            {
                "name": song.name,
                "rate": song.rate,
                "seconds": song.seconds,
                "stems": {stem: dict(scores) for stem, scores in song.stems.items()},
                "warnings": list(song.warnings),
            }
            for song in songs
        ],
    }


def _plain(summary: Summary) -> dict[str, Any]:
    return {
        stem: {name: {"mean": one.mean, "median": one.median, "songs": one.songs} for name, one in row.items()}
        for stem, row in summary.items()
    }
