"""Scores as a picture: a panel per metric, a column of dots (songs) per stem, and the usual average as a bar."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from separation_core.errors import SeparationError
from separation_core.evaluation.evaluation_summary import Metric, Summary, present, summarise
from separation_core.evaluation.song_scores import SongScores
from separation_core.sessions.durable import write_errors

_PANELS_IN_A_ROW = 4


def require_plots() -> None:
    """SeparationError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise SeparationError("pictures need matplotlib: install stemrack[plots], or write .csv or .json")


def plot_scores(picture: Path, songs: Sequence[SongScores]) -> None:
    """Draw the scores of `songs` into `picture` (PNG, SVG or PDF). SeparationError without matplotlib, WriteFailed."""
    require_plots()
    from matplotlib.figure import Figure

    metrics, summary = present(songs), summarise(songs)
    stems = [stem for stem in summary if stem != "all"]
    panels = max(1, len(metrics))  # none at all where every stem was left out
    columns = min(_PANELS_IN_A_ROW, panels)
    rows = -(-panels // columns)
    figure = Figure(figsize=(2.8 * max(2, columns), 3.2 * rows), layout="constrained")
    for place, metric in enumerate(metrics):
        _draw(figure.add_subplot(rows, columns, place + 1), metric, stems, songs, summary)
    figure.suptitle(f"{len(songs)} {'song' if len(songs) == 1 else 'songs'}, dB; bar: {_bars(metrics)}", fontsize=9)
    partial = picture.with_name(f".{picture.name}.part")
    try:
        with write_errors(picture):
            figure.savefig(partial, dpi=130, format=picture.suffix[1:].lower())
            partial.replace(picture)
    finally:
        partial.unlink(missing_ok=True)


def _draw(axes: Any, metric: Metric, stems: Sequence[str], songs: Sequence[SongScores], summary: Summary) -> None:
    for place, stem in enumerate(stems):
        values = [song.stems[stem][metric.name] for song in songs if metric.name in song.stems.get(stem, {})]
        if not values:
            continue
        axes.plot([place] * len(values), values, "o", markersize=4, alpha=0.5, color=f"C{place}")
        average = getattr(summary[stem][metric.name], metric.usual)
        axes.hlines(average, place - 0.35, place + 0.35, color=f"C{place}", linewidth=2)
        axes.annotate(f"{average:.1f}", (place, average), (0, 3), textcoords="offset points", ha="center", fontsize=7)
    axes.set_title(metric.title)
    axes.set_xticks(range(len(stems)), stems, rotation=45, ha="right", parse_math=False)
    axes.set_xlim(-0.6, len(stems) - 0.4)
    axes.margins(y=0.15)
    low, high = axes.get_ylim()
    # At least a decibel: differences below are rounding.
    axes.set_ylim(min(low, (low + high) / 2 - 0.5), max(high, (low + high) / 2 + 0.5))
    axes.grid(axis="y", alpha=0.3)


def _bars(metrics: Sequence[Metric]) -> str:
    groups = {usual: [metric.title for metric in metrics if metric.usual == usual] for usual in ("mean", "median")}
    return "; ".join(f"{usual} over songs ({', '.join(titles)})" for usual, titles in groups.items() if titles)
