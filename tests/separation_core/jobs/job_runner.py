"""Runs jobs in forked processes that tests may kill; torch is loaded once, before the forks.

Reads one JSON object a line: song, folder, cache, force, largest_file (bytes or null), user (id or null). Each job
answers in JSON lines: its "pid", one "step" for each progress report, then "error" or nothing, and last, from this
process, "status" and "rss" (KiB).
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import torch
from band_separator import BandSeparator

from separation_core.errors import SeparationError
from separation_core.jobs.prepare_session import prepare_session
from separation_core.sessions.index import CACHE_VARIABLE


def answer(**values: Any) -> None:
    os.write(1, json.dumps(values).encode("utf-8") + b"\n")


def run(job: dict[str, Any]) -> None:
    answer(pid=os.getpid())
    os.environ[CACHE_VARIABLE] = job["cache"]
    if job["largest_file"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"], job["largest_file"]))
    if job["user"] is not None:
        os.setgid(job["user"])
        os.setuid(job["user"])
    try:
        prepare_session(
            Path(job["song"]),
            Path(job["folder"]),
            separator=BandSeparator(),
            force=job["force"],
            progress=lambda stage, done, total: answer(step=stage, done=done, total=total),
        )
    except SeparationError as error:
        answer(error=type(error).__name__, text=str(error))


def main() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        answer(status=status, rss=usage.ru_maxrss)


main()
