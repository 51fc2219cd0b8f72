"""The run's log: JSON lines that are appended to, so that a killed run loses none."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from separation_core.sessions.durable import write_errors

LOG_NAME = "log.jsonl"


class RunLog:
    """Appends events to `log.jsonl` in the run's folder and tells a person about them."""

    def __init__(self, folder: Path, *, quiet: bool = False) -> None:
        self._path = folder / LOG_NAME
        self._quiet = quiet
        # A killed run or a full disk may have left half a line.
        self._gap = "\n" if _ends_within_a_line(self._path) else ""

    def write(self, event: str, **facts: Any) -> None:
        """One line: the event's name, the time of day and its facts (numbers, strings, lists, mappings)."""
        record = {"event": event, "time": round(time.time(), 1), **facts}
        with write_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(self._gap + json.dumps(record) + "\n")
        self._gap = ""
        if not self._quiet:
            print(_told(event, facts), flush=True)  # noqa: T201  (training is a command line tool's long job)


def read_log(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The events of a run, oldest first; steps that a resumed run did again appear once, as last done. Lines that a
    killed run left half written are passed over."""
    lines = (folder / LOG_NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    records = [record for line in lines if (record := _record(line))]
    reached = float("inf")
    kept: list[Mapping[str, Any]] = []
    for record in reversed(records):
        if record["event"] == "start":
            kept.append(record)
            reached = min(reached, record["step"])
        elif record.get("step", 0) <= reached:
            kept.append(record)
    return iter(kept[::-1])


def _ends_within_a_line(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return path.read_bytes()[-1:] not in (b"", b"\n")
    return False


def _record(line: str) -> dict[str, Any] | None:
    with suppress(ValueError):
        record = json.loads(line)
        return record if isinstance(record, dict) and "event" in record else None
    return None


def _told(event: str, facts: Mapping[str, Any]) -> str:
    # The recipe's text belongs in the log, not on the screen.
    return event + " " + " ".join(f"{name}={_short(value)}" for name, value in facts.items() if name != "text")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "{" + " ".join(f"{name}:{_short(inner)}" for name, inner in value.items()) + "}"
    return str(value)
