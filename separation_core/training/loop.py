"""The training run: resume, step, log, validate, checkpoint, and stop in time."""

import os
import platform
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from separation_core.errors import ModelError
from separation_core.models.networks import save_network
from separation_core.sessions.durable import write_errors
from separation_core.sessions.locking import writer_lock
from separation_core.training.checkpoints import (
    checkpoint_name,
    latest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from separation_core.training.data import BatchStream, held_out_songs, open_source, pool_plan
from separation_core.training.log import LOG_NAME, RunLog
from separation_core.training.pool import SongPool
from separation_core.training.recipe import Recipe, load_recipe
from separation_core.training.scoring import Scores, score_songs
from separation_core.training.trainer import Trainer, progress, trained_network

RESERVE = 15.0
"""Seconds kept back at the end of a limited run for the last checkpoint."""


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """How a run ended. finished: whether the schedule's end was reached. weights: the averaged weights, exported."""

    step: int
    seconds: float
    finished: bool
    scores: Scores | None
    weights: Path
    checkpoint: Path


def train(
    recipe: Path | str,
    out: Path,
    *,
    data: Mapping[str, Path],
    begin: Path | None = None,
    minutes: float | None = None,
    device: str = "auto",
    workers: int | None = None,
    cache: Path | None = None,
    changes: Sequence[str] = (),
    quiet: bool = False,
) -> TrainingSummary:
    """Train by a recipe into the folder `out`, going on from the checkpoint that is there.

    data: folders by the names the recipe uses. begin: a run's folder, a weights file or a built-in model with whose
    weights a new run begins. minutes: stop, with a checkpoint, before this much time has passed since the call.
    device: "auto", "cpu", "cuda", … workers: processes that render songs (default: one a core but two; 0 renders
    between steps). cache: where the decoded corpus is kept. changes: to the recipe, see `load_recipe`.
    SIGTERM and SIGINT stop with a checkpoint too.
    Raises ModelError for a wrong recipe, folder or device, SessionBusy where another training writes into `out`.
    """
    begun = time.monotonic()
    settings = load_recipe(recipe, changes)
    source = open_source(settings, data, cache)
    with write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with writer_lock(out / LOG_NAME):
        run = _Run(settings, out, RunLog(out, quiet=quiet), begun + 60 * minutes if minutes else float("inf"))
        trainer = Trainer(settings, _device(device))
        run.resume(trainer, begin)
        songs = held_out_songs(settings, data, cache)
        count = max(0, (os.cpu_count() or 1) - 2) if workers is None else workers
        with _stop_on_signals(run), SongPool(pool_plan(settings), source, workers=count, step=trainer.step) as pool:
            stream = BatchStream(pool, settings, trainer.step)
            try:
                run.train(trainer, stream, pool, songs)
            finally:
                stream.close()
        return run.finish(trainer, songs)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"device {name!r} is not there: take auto or cpu") from error
    return device


class _Run:
    """A run's folder, log and clock."""

    def __init__(self, recipe: Recipe, out: Path, log: RunLog, deadline: float) -> None:
        self._recipe, self._out, self._log, self._deadline = recipe, out, log, deadline
        self._saved = time.monotonic()
        self._scores: Scores | None = None
        self._newest: Path | None = None
        self.stopped = False

    def resume(self, trainer: Trainer, begin: Path | None) -> None:
        """Load the latest checkpoint, or what a new run begins from, if anything, and note how the run starts."""
        found = latest_checkpoint(self._out)
        if found:
            trainer.resume(read_checkpoint(found))
            self._newest = found
        elif begin:
            trainer.begin_from(trained_network(begin))
            self._log.write("begin", step=0, weights=str(begin))
        parameters = sum(parameter.numel() for parameter in trainer.network.parameters())
        self._log.write(
            "start", step=trainer.step, recipe=self._recipe.name, parameters=parameters, torch=str(torch.__version__),
            device=_describe(trainer.device), python=platform.python_version(), text=self._recipe.text,
        )  # fmt: skip

    def train(self, trainer: Trainer, stream: BatchStream, pool: SongPool, songs: torch.Tensor) -> None:
        """Take steps until the schedule, the deadline or a signal ends the run."""
        report, schedule = self._recipe.report, self._recipe.schedule
        last, slowest = time.monotonic(), 0.0
        window_start, window_step = last, trainer.step
        while progress(schedule, trainer.step, trainer.seconds) < 1 and not self.stopped:
            losses = trainer.take_step(stream.take())
            if trainer.step % report.log == 0:
                facts = {name: round(float(value), 6) for name, value in losses.items()}
                pace = (time.monotonic() - window_start) / (trainer.step - window_step)
                waited, pool.waited = pool.waited, 0.0
                self._log.write("step", step=trainer.step, **facts, pace=round(pace, 4), waited=round(waited, 2))
                window_start, window_step = time.monotonic(), trainer.step
            now = time.monotonic()
            trainer.seconds += now - last
            slowest, last = max(slowest * 0.99, now - last), now
            if trainer.step % report.validate == 0:
                self._validate(trainer, songs)
            if report.keep and trainer.step % report.keep == 0:
                self._export(trainer, f"weights-{trainer.step:08d}.safetensors")
            if now - self._saved > 60 * report.checkpoint_minutes:
                self._save(trainer)
            if time.monotonic() + RESERVE + 2 * slowest > self._deadline:
                return
            # Time spent on scores and checkpoints is not training.
            last = time.monotonic()

    def finish(self, trainer: Trainer, songs: torch.Tensor) -> TrainingSummary:
        """Save, export the averaged weights, and score once more if that was not just done."""
        checkpoint = self._save(trainer)
        weights = self._export(trainer, "weights.safetensors")
        finished = progress(self._recipe.schedule, trainer.step, trainer.seconds) >= 1
        if finished and trainer.step % self._recipe.report.validate:
            self._validate(trainer, songs)
        self._log.write("stop", step=trainer.step, seconds=round(trainer.seconds, 1), finished=finished)
        return TrainingSummary(trainer.step, trainer.seconds, finished, self._scores, weights, checkpoint)

    def _validate(self, trainer: Trainer, songs: torch.Tensor) -> None:
        self._scores = score_songs(trainer.average, songs, trainer.device)
        self._log.write("validation", step=trainer.step, **self._scores.facts())

    def _export(self, trainer: Trainer, name: str) -> Path:
        notes = {"recipe": self._recipe.name, "step": str(trainer.step)}
        save_network(self._out / name, trainer.average, notes=notes)
        return self._out / name

    def _save(self, trainer: Trainer) -> Path:
        recipe = self._recipe
        if self._newest and self._newest.name == checkpoint_name(trainer.step):
            # Nothing is new, and while it were written once more there would be none of this step.
            return self._newest
        facts = {"recipe": recipe.text, "architecture": recipe.architecture, "sizes": dict(recipe.sizes)}
        self._newest = write_checkpoint(self._out, trainer.checkpoint({**facts, "name": recipe.name}))
        self._saved = time.monotonic()
        return self._newest


def _describe(device: torch.device) -> str:
    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type} ({torch.get_num_threads()} threads)"
    )


@contextmanager
def _stop_on_signals(run: _Run) -> Iterator[None]:
    """Finish the step and save on SIGTERM and SIGINT; only the main thread may ask for that."""

    def stop(number: int, frame: FrameType | None) -> None:
        run.stopped = True

    try:
        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
