"""Scores as files: CSV (a row per song and stem), JSON (everything), or a picture."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from separation_core.errors import SeparationError
from separation_core.evaluation.evaluation_summary import NO_GROUPS, as_json, present
from separation_core.evaluation.score_plot import plot_scores, require_plots
from separation_core.evaluation.song_scores import SongScores
from separation_core.sessions.durable import write_text_durably

PICTURES = (".png", ".svg", ".pdf")
SUFFIXES = (".csv", ".json", *PICTURES)


def check_target(path: Path) -> None:
    """Refuse, before the work, a file that could not be written after it. SeparationError."""
    if path.suffix.lower() not in SUFFIXES:
        raise SeparationError(f"{path} has no known ending: choose one of {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise SeparationError(f"{path.parent} is not a folder: make it first, or write {path.name} elsewhere")
    if path.suffix.lower() in PICTURES:
        require_plots()


def write_scores(
    path: Path,
    songs: Sequence[SongScores],
    about: Mapping[str, Any],
    groups: Mapping[str, Sequence[SongScores]] = NO_GROUPS,
) -> None:
    """Write `songs` in the format of the ending of `path`; about: what was evaluated. groups: see `as_json`.

    Raises WriteFailed.
    """
    check_target(path)
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        plot_scores(path, songs)
    elif suffix == ".csv":
        write_text_durably(path, csv_text(songs))
    else:
        write_text_durably(
            path, json.dumps(as_json(songs, about, groups), indent=2, ensure_ascii=False, default=str) + "\n"
        )


def csv_text(songs: Sequence[SongScores]) -> str:
    """A header and a row per song and stem; an empty cell where there is no value."""
    names = [metric.name for metric in present(songs)]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["song", "stem", *names])
    for song in songs:
        for stem, scores in song.stems.items():
            table.writerow([song.name, stem, *(f"{scores[name]:.5f}" if name in scores else "" for name in names)])
    return text.getvalue()
