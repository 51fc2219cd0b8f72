"""A pool of rendered songs that workers keep renewing while the trainer samples from it.

The pool holds songs `first .. first + slots - 1` of the stream; which they are at a given training step is fixed by
the recipe (`songs_per_step`), not by how fast anybody is. Workers render ahead as far as slots are free, and the
trainer waits for a song that is not there yet: so training data depend on the seed and the step alone, and a resumed
run continues exactly. All of it lies in one memory-mapped file shared by plain processes that never load PyTorch.
"""

import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from separation_core.errors import ModelError, SeparationError
from separation_core.training.corpus import STEMS
from separation_core.training.sources import SongSource, song_number

POLL = 0.004
HEADER = 1
"""Words before the per-slot song numbers: the first song still needed, or STOP."""
FAILURE = "failure"
"""The file in the pool's folder in which a worker says in one line why it gave up."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  (a mkdtemp folder is made in it, readable by this user alone)
STOP = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Size and pace of a pool: songs of `frames` frames, `slots` of them at a time, `songs_per_step` renewed a step."""

    seed: int
    frames: int
    slots: int
    songs_per_step: float

    def first(self, step: int) -> int:
        """Number of the oldest song in the pool at a training step."""
        return int(step * self.songs_per_step)


class SongPool:
    """A context manager that holds the songs of the current step; `workers` = 0 renders in this process when asked."""

    def __init__(self, plan: PoolPlan, source: SongSource, *, workers: int, step: int = 0) -> None:
        self._plan, self._source = plan, source
        size = plan.slots * plan.frames * len(STEMS) * 2 * 2
        self._folder = Path(tempfile.mkdtemp(prefix="songs-", dir=_roomy_folder(size)))
        self._audio, self._state = _map_pool(self._folder, plan, "w+")
        self._state[:] = -1
        self._state[0] = plan.first(step)
        self._workers = _start_workers(plan, source, self._folder, workers, plan.first(step))
        self.waited = 0.0

    def __enter__(self) -> "SongPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._state[0] = STOP
        for worker in self._workers:
            worker.join(timeout=10)
            if worker.is_alive():
                worker.kill()
                worker.join()
        del self._audio, self._state
        shutil.rmtree(self._folder, ignore_errors=True)

    def advance(self, step: int) -> None:
        """Let go of the songs that step `step` no longer uses, so that workers renew their slots."""
        self._state[0] = max(int(self._state[0]), self._plan.first(step))

    def song(self, number: int) -> NDArray[np.int16]:
        """Song `number` as (stem, 2, frame) int16, rendered here or awaited from the workers."""
        slot = number % self._plan.slots
        if self._state[HEADER + slot] != number:
            self._render(number) if not self._workers else self._wait(number)
        return np.asarray(self._audio[slot])

    def ready(self) -> int:
        """How many songs of the current window are there."""
        first = int(self._state[0])
        return int(np.count_nonzero(self._state[HEADER:] >= first))

    def _render(self, number: int) -> None:
        _store(self._audio, self._state, self._plan, self._source, number)

    def _wait(self, number: int) -> None:
        if number < self._state[0]:
            raise ModelError(f"song {number} has left the pool, which begins at {self._state[0]}: advance later")
        begun = time.monotonic()
        while self._state[HEADER + number % self._plan.slots] != number:
            if not all(worker.is_alive() for worker in self._workers):
                raise ModelError(self._failure())
            time.sleep(POLL)
        self.waited += time.monotonic() - begun

    def _failure(self) -> str:
        try:
            return (self._folder / FAILURE).read_text(encoding="utf-8")
        except OSError:
            return "a process that renders songs has died (see its message above): free memory, or use fewer workers"


def _roomy_folder(size: int) -> str | None:
    """A folder in memory where it is large enough, else the system's temporary one."""
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > size * 1.2:
        return str(SHARED_MEMORY)
    if shutil.disk_usage(tempfile.gettempdir()).free < size * 1.2:
        raise ModelError(f"the song pool needs {size / 1e9:.1f} GB of temporary space: lower pool.slots in the recipe")
    return None


def _map_pool(folder: Path, plan: PoolPlan, mode: Literal["r+", "w+"]) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    shape = (plan.slots, len(STEMS), 2, plan.frames)
    return (
        np.memmap(folder / "audio", dtype=np.int16, mode=mode, shape=shape),
        np.memmap(folder / "state", dtype=np.int64, mode=mode, shape=(HEADER + plan.slots,)),
    )


def _start_workers(plan: PoolPlan, source: SongSource, folder: Path, count: int, first: int) -> list[BaseProcess]:
    # "spawn": a forked child would inherit the trainer's threads and its GPU context.
    context = multiprocessing.get_context("spawn")
    arguments = [(plan, source, folder, first + worker, count, os.getpid()) for worker in range(count)]
    workers: list[BaseProcess] = [context.Process(target=_work, args=args, daemon=True) for args in arguments]
    for worker in workers:
        worker.start()
    return workers


def _work(plan: PoolPlan, source: SongSource, folder: Path, number: int, stride: int, parent: int) -> None:
    """Render songs `number`, `number + stride`, … each as soon as its slot is free, until told to stop or orphaned."""
    # Ctrl-C and a `kill` of the whole group are for the trainer, which still needs songs to end its step.
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    audio, state = _map_pool(folder, plan, "r+")
    while state[0] != STOP and os.getppid() == parent:
        if number >= state[0] + plan.slots:
            time.sleep(POLL)
            continue
        if number >= state[0]:
            try:
                _store(audio, state, plan, source, number)
            except SeparationError as error:
                (folder / FAILURE).write_text(str(error), encoding="utf-8", errors="surrogateescape")
                return
        number += stride
    if state[0] != STOP:
        # The trainer was killed, so nobody else will give the memory back.
        shutil.rmtree(folder, ignore_errors=True)


def _store(audio: NDArray[np.int16], state: NDArray[np.int64], plan: PoolPlan, source: SongSource, number: int) -> None:
    slot = number % plan.slots
    state[HEADER + slot] = -1
    audio[slot] = song_number(source, plan.seed, number, plan.frames)
    state[HEADER + slot] = number
