"""A run's log as a picture."""

from pathlib import Path
from typing import Any

from separation_core.errors import ModelError
from separation_core.sessions.durable import write_errors
from separation_core.training.corpus import STEMS
from separation_core.training.log import LOG_NAME, read_log


def plot_run(folder: Path, picture: Path) -> None:
    """Draw loss, rate of steps and held-out SDR over steps. Raises ModelError without matplotlib or a log, or for a
    picture of no known kind."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ModelError("plots need matplotlib: install stemrack[plots]") from error
    if not (folder / LOG_NAME).is_file():
        raise ModelError(f"{folder} holds no {LOG_NAME}: name the folder of a training run")
    events = list(read_log(folder))
    figure = Figure(figsize=(9, 7), layout="constrained")
    loss, sdr = figure.subplots(2, 1, sharex=True)
    _draw_losses(loss, [event for event in events if event["event"] == "step"])
    _draw_scores(sdr, [event for event in events if event["event"] == "validation"])
    if picture.suffix[1:].lower() not in figure.canvas.get_supported_filetypes():
        raise ModelError(f"{picture} is no name for a picture: end it in .png, .svg or .pdf")
    with write_errors(picture):
        figure.savefig(picture, dpi=110)


def _draw_losses(axes: Any, steps: list[Any]) -> None:
    parts = ("loss", "wave", "spectrum", "bels", "cells", "silence")
    for name in [name for name in parts if any(name in event for event in steps)]:
        axes.plot([event["step"] for event in steps], [event.get(name) for event in steps], label=name, linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylabel("loss")
    _add_legend(axes)


def _draw_scores(axes: Any, validations: list[Any]) -> None:
    for stem in STEMS:
        scored = [(event["step"], event["sdr"][stem]) for event in validations if stem in event["sdr"]]
        axes.plot([step for step, _ in scored], [score for _, score in scored], label=stem, marker=".")
    axes.set_xlabel("step")
    axes.set_ylabel("held-out MDX SDR, dB")
    _add_legend(axes)


def _add_legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:  # a run that has just begun has nothing to tell yet
        axes.legend()
