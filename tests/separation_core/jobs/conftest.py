"""Songs, a fast separator, a cache of one's own, and a process that runs jobs which may be killed."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from separation_core.models.contract import Separator
from separation_core.sessions.index import CACHE_VARIABLE

HERE = Path(__file__).parent

Step = dict[str, Any]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small tensors: handing them to threads costs more than the sums themselves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def make_separator() -> Callable[..., Separator]:
    spec = importlib.util.spec_from_file_location("band_separator", HERE / "band_separator.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Callable[..., Separator] = module.BandSeparator
    return made


@pytest.fixture
def separator(make_separator: Callable[..., Separator]) -> Separator:
    return make_separator()


def music(frames: int, rate: int, channels: int = 2, seed: int = 3) -> np.ndarray:
    """(frame, channel) float32: a bass, a chord, noise, each channel a little different."""
    random, time = np.random.default_rng(seed), np.arange(frames) / rate
    tones = [0.1 * np.sin(2 * np.pi * hertz * time) for hertz in (110.0, 440.0, 660.0, 2500.0)]
    common = np.sum(tones, axis=0) * (0.6 + 0.4 * np.sin(2 * np.pi * 1.3 * time))
    noise = random.normal(0, 0.02, (frames, channels))
    return np.asarray(common[:, None] * np.linspace(1, 0.8, channels) + noise, dtype=np.float32)


def write_song(path: Path, frames: int = 24_000, rate: int = 8000, channels: int = 2, scale: float = 1.0) -> Path:
    soundfile.write(path, music(frames, rate, channels) * scale, rate, subtype="FLOAT")
    return path


@pytest.fixture
def make_song(tmp_path: Path) -> Callable[..., Path]:
    def make(name: str = "song.wav", frames: int = 24_000, **kind: Any) -> Path:
        return write_song(tmp_path / name, frames, **kind)

    return make


@pytest.fixture(scope="module")
def make_shared_song(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """As `make_song`, for a song that all tests of a module use."""

    def make(**kind: Any) -> Path:
        return write_song(tmp_path_factory.mktemp("shared") / "song.wav", **kind)

    return make


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is room: how fast a disk is decides nothing about killed processes."""
    memory = Path("/dev/shm")  # noqa: S108  the folder in it has a name of its own
    if not memory.is_dir() or shutil.disk_usage(memory).free < 1 << 30:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


class Runner:
    """Jobs in processes of their own, one at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(
        self, song: Path, folder: Path, *, force: bool = False, largest_file: int | None = None, user: int | None = None
    ) -> int:
        """Start a job and return its process id. Its cache lies beside the folder's parent, so it finds no other."""
        assert self._process.stdin is not None
        cache = folder.parent.with_name(f"{folder.parent.name}-cache")
        job = {"song": song, "folder": folder, "cache": cache, "force": force}
        job |= {"largest_file": largest_file, "user": user}
        self._process.stdin.write(json.dumps(job, default=str) + "\n")
        self._process.stdin.flush()
        return int(self.next()["pid"])

    def next(self) -> Step:
        """What the job says next."""
        assert self._process.stdout is not None
        step: Step = json.loads(self._process.stdout.readline())
        return step

    def finish(self) -> list[Step]:
        """All that the job still says, the end last."""
        steps = [self.next()]
        while "status" not in steps[-1]:
            steps.append(self.next())
        return steps

    def run(self, song: Path, folder: Path, **how: Any) -> list[Step]:
        """A whole job."""
        self.start(song, folder, **how)
        return self.finish()


# Large blocks go back to the system when freed, so that the peak of a process shows what was held and not the habits
# of the allocator (glibc; elsewhere the variable does nothing).
RUNNER_ENVIRONMENT = {"PYTHONPATH": str(HERE.parents[2]), "MALLOC_MMAP_THRESHOLD_": "1000000"}


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    command, environment = [sys.executable, str(HERE / "job_runner.py")], os.environ | RUNNER_ENVIRONMENT
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Runner(process)
        process.communicate()
    assert process.returncode == 0
