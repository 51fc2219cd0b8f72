"""The run's log: JSON lines that are appended to, so that a killed run loses none."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class RunLog:
    """Appends events to `log.jsonl` in the run's folder and tells a person about them."""

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self._path = folder / "log.jsonl"
        self._quiet = quiet

    def write(self, event: str, **facts: Any) -> None:
        """One line: the event's name, the time of day and its facts (numbers, strings, lists, mappings)."""
        record = {"event": event, "time": round(time.time(), 1), **facts}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        if not self._quiet:
            print(_told(event, facts), flush=True)  # noqa: T201  (training is a command line tool's long job)


def read_log(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The events of a run, oldest first; steps that a resumed run did again appear once, as last done."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines if line.strip()]
    reached = float("inf")
    kept: list[Mapping[str, Any]] = []
    for record in reversed(records):
        if record["event"] == "start":
            kept.append(record)
            reached = min(reached, record["step"])
        elif record.get("step", 0) <= reached:
            kept.append(record)
    return iter(kept[::-1])


def _told(event: str, facts: Mapping[str, Any]) -> str:
    # The recipe's text belongs in the log, not on the screen.
    return event + " " + " ".join(f"{name}={_short(value)}" for name, value in facts.items() if name != "text")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "{" + " ".join(f"{name}:{_short(inner)}" for name, inner in value.items()) + "}"
    return str(value)
