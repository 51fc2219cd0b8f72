"""From a recipe and the folders it names to sources, a pool and held-out songs."""

import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from separation_core.errors import ModelError
from separation_core.training.batches import BatchPlan, Draw, draw_batch
from separation_core.training.corpus import RATE, decode_corpus
from separation_core.training.pool import PoolPlan, SongPool
from separation_core.training.recipe import DataSettings, Recipe
from separation_core.training.sources import (
    UNPARTED,
    ComposedSongs,
    Instrumentals,
    MixedSources,
    SongSource,
    StemFolders,
    song_number,
)

HELD_OUT_SEED = 987_654_321
FOLDERS: Mapping[str, Callable[[Path], SongSource]] = {"stems": StemFolders, "instrumentals": Instrumentals}
AHEAD = 3
"""Batches drawn before they are needed."""


def open_source(
    recipe: Recipe, folders: Mapping[str, Path], cache: Path | None, *, held_out: bool = False
) -> SongSource:
    """The recipe's sources, mixed by weight. Raises ModelError where a folder is not given."""
    sources = tuple(_open(settings, folders, cache, held_out=held_out) for settings in recipe.data)
    return MixedSources(sources, tuple(settings.weight for settings in recipe.data))


def _open(settings: DataSettings, folders: Mapping[str, Path], cache: Path | None, *, held_out: bool) -> SongSource:
    if settings.folder not in folders:
        raise ModelError(f"the recipe wants data {settings.folder!r}: say where with --data {settings.folder}=FOLDER")
    folder = folders[settings.folder]
    if settings.kind in FOLDERS:
        return FOLDERS[settings.kind](folder)
    base = cache or Path(tempfile.gettempdir()) / "stemrack-corpus"
    return ComposedSongs(decode_corpus(folder, base / f"{settings.folder}-{_fingerprint(folder)}"), held_out=held_out)


def _fingerprint(folder: Path) -> str:
    """So that another corpus under the same name is not taken for the one decoded before."""
    index = folder / "index.json"
    return f"{zlib.crc32(index.read_bytes()):08x}" if index.is_file() else "none"


def pool_plan(recipe: Recipe) -> PoolPlan:
    """Size and pace of the recipe's song pool."""
    pool = recipe.pool
    return PoolPlan(recipe.seed, int(pool.seconds * RATE), pool.slots, pool.songs_per_step)


def batch_plan(recipe: Recipe) -> BatchPlan:
    """How the recipe's batches are drawn."""
    batch = recipe.batch
    frames = int(batch.seconds * RATE)
    return BatchPlan(batch.size, frames, batch.remix, batch.overdub, batch.speed, batch.gain_db, batch.drop, batch.mono)


def held_out_songs(recipe: Recipe, folders: Mapping[str, Path], cache: Path | None) -> torch.Tensor:
    """(song, stem, channel, frame) float32: composed songs whose voices and seeds training never uses.

    Real stems given as folders have no held-out part of their own: keep songs aside and use `scoring`.
    """
    report = recipe.report
    songs = whole_songs(recipe, folders, cache, HELD_OUT_SEED, report.songs, report.seconds, held_out=True)
    return torch.from_numpy(np.stack(list(songs)))


def whole_songs(
    recipe: Recipe,
    folders: Mapping[str, Path],
    cache: Path | None,
    seed: int,
    count: int,
    seconds: float,
    *,
    held_out: bool = False,
) -> Iterator[NDArray[np.float32]]:
    """`count` songs (stem, channel, frame) as they are, before batches balance them: composed ones if the recipe has
    any. held_out: with the voices that training never uses."""
    composed = tuple(entry for entry in recipe.data if entry.kind == "composed")
    # Instrumentals at the very last: nobody knows their drums and basses, so they tell least.
    chosen = composed or tuple(entry for entry in recipe.data if entry.kind == "stems") or recipe.data
    sources = tuple(_open(settings, folders, cache, held_out=held_out) for settings in chosen)
    source = MixedSources(sources, tuple(settings.weight for settings in chosen))
    for number in range(count):
        song = song_number(source, seed, number, int(seconds * RATE))
        yield np.where(song == UNPARTED, 0, song).astype(np.float32) / np.float32(32768)


class BatchStream:
    """Batches step by step, drawn ahead on a thread of their own."""

    def __init__(self, pool: SongPool, recipe: Recipe, step: int) -> None:
        self._pool, self._pool_plan, self._batch_plan = pool, pool_plan(recipe), batch_plan(recipe)
        # One thread only: batches must be drawn in order, since each lets go of songs that the next no longer needs.
        self._thread = ThreadPoolExecutor(1)
        self._next = step
        self._drawn: list[Future[Draw]] = []

    def take(self) -> Draw:
        """The next batch. Errors of the drawing thread appear here."""
        while len(self._drawn) < AHEAD:
            self._drawn.append(self._thread.submit(self._draw, self._next))
            self._next += 1
        return self._drawn.pop(0).result()

    def close(self) -> None:
        """Stop drawing; batches drawn ahead are dropped."""
        self._thread.shutdown(cancel_futures=True)

    def _draw(self, step: int) -> Draw:
        self._pool.advance(step)
        return draw_batch(self._pool, self._pool_plan, self._batch_plan, step)


def parse_folders(entries: list[str]) -> dict[str, Path]:
    """`NAME=FOLDER` entries as a mapping. Raises ModelError for one that is not of that form or names no folder."""
    folders: dict[str, Path] = {}
    for entry in entries:
        name, equals, folder = entry.partition("=")
        if not equals or not folder or not Path(folder).is_dir():
            raise ModelError(f"--data {entry!r}: write NAME=FOLDER with a folder that is there")
        folders[name] = Path(folder)
    return folders
