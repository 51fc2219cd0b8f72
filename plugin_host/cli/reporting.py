"""How the command line speaks: progress on long work, results as tables or JSON, errors as one line."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn


class _Console(Console):
    """A console that leaves it to `main` what a reader who went away (head, less) means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


out = _Console()
notes = _Console(stderr=True)

StageProgress = Callable[[str, int, int], None]


@contextmanager
def stage_progress() -> Iterator[StageProgress]:
    """A callback `(stage, done, total)` that draws one bar per stage with the time left; silent when piped."""
    columns = (TextColumn("{task.description:<22}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, disable=not notes.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def note(text: str) -> None:
    """Something a person should know that is not the result: to stderr, never folded."""
    notes.print(text, style="yellow", soft_wrap=True, highlight=False, markup=False)


def detail(text: str) -> None:
    """A dim line under a result."""
    out.print(text, style="dim", soft_wrap=True, highlight=False, markup=False)


def print_json(value: object) -> None:
    """The result for a script: one JSON document; infinities become null, which JSON has no word for."""
    print_text(json.dumps(_finite(value), indent=2, default=str, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """The result for a script, as it is; what a reader who went away means is left to `main`, as above."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Without its error number, by which click would take it for its own business and end with exit code 1.
        raise BrokenPipeError from None


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def decibels(value: float, unit: str = "dB") -> str:
    """A level as people write it: one decimal, and silence as −∞."""
    return f"−∞ {unit}" if value == float("-inf") else f"{value:.1f} {unit}".replace("-", "−")


def clock(seconds: float) -> str:
    """Seconds as m:ss.s, or h:mm:ss from an hour on."""
    if seconds >= 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
