"""`stemrack play` as a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

Process = subprocess.Popen[str]
COMMAND = (sys.executable, "-c", "from plugin_host.cli import main; main()", "play")


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Process]]:
    """Start `stemrack play`; whatever still runs at the end is ended."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def start(*arguments: str | Path) -> Process:
            process = subprocess.Popen([*COMMAND, *map(str, arguments)], stderr=subprocess.PIPE, text=True)
            stack.callback(_end, process)
            return process

        yield start


def _end(process: Process) -> None:
    process.kill()
    process.wait()
    if process.stderr:
        process.stderr.close()


@pytest.fixture
def osc_port() -> Callable[[Process], int]:
    """The port that a `play` says, once it has said it."""

    def read(process: Process) -> int:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "UDP " in line)
        return int(line.split("UDP ")[1].split()[0].rstrip(","))

    return read
