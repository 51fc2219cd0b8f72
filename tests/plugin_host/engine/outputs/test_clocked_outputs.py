import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from plugin_host.engine.outputs.clocked_outputs import Clock
from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.opening import open_output
from plugin_host.engine.outputs.request import Lane, OutputRequest
from plugin_host.errors import OutputError


def test_a_clock_does_not_drift() -> None:
    ticks: list[float] = []
    clock = Clock(0.01, lambda: ticks.append(time.perf_counter()))
    began = time.perf_counter()
    clock.start()
    time.sleep(0.5)
    clock.stop()
    # However late single ticks are on a busy machine: a tick is never early, and those left out are counted.
    periods = len(ticks) + clock.late
    assert ticks[-1] - began >= 0.01 * periods - 1e-3
    assert periods <= (time.perf_counter() - began) / 0.01 + 1


def test_a_clock_that_was_held_up_leaves_periods_out_instead_of_racing() -> None:
    waits = iter([0.2])
    clock = Clock(0.01, lambda: time.sleep(next(waits, 0)))
    clock.start()
    time.sleep(0.4)
    clock.stop()
    assert clock.late >= 15


def test_the_null_device_pulls_one_buffer_after_the_other(counting, wait_until) -> None:
    output = open_output(OutputRequest("null", 48_000, buffer=256, lanes=(Lane("master"), Lane("vocals"))))
    assert (output.channels, output.rate, output.buffer, output.alive) == (4, 48_000, 256, True)
    output.start(counting)
    wait_until(lambda: counting.frames >= 1024)
    output.stop()
    frames = counting.frames
    assert frames % 256 == 0
    assert output.problem == ""
    output.stop()
    assert counting.frames == frames
    assert "output clock" not in {thread.name for thread in threading.enumerate()}


def test_a_pull_that_fails_is_silence_and_is_told(wait_until) -> None:
    def broken(block: Block) -> None:
        block.fill(1.0)
        raise ValueError("no such thing")

    output = open_output(OutputRequest("null", 48_000))
    output.start(broken)
    wait_until(lambda: output.problem)
    output.stop()
    assert output.alive
    assert "ValueError: no such thing" in output.problem


def test_a_file_holds_what_was_pulled_each_signal_in_its_channels(tmp_path: Path, counting, wait_until) -> None:
    lanes = (Lane("master", channels=(5, 6)), Lane("drums"), Lane("bass", channels=(8, 4)))
    path = tmp_path / "lanes.wav"
    output = open_output(OutputRequest("file", 44_100, lanes, path=path, buffer=300, speed=math.inf))
    output.start(counting)
    wait_until(lambda: counting.frames >= 3000)
    output.stop()
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert (rate, samples.shape) == (44_100, (counting.frames, 8))
    assert soundfile.info(path).subtype == "FLOAT"
    expected = np.zeros_like(samples)
    for pulled, channel in enumerate([4, 5, 0, 1, 7, 3]):
        expected[:, channel] = np.arange(1, counting.frames + 1) + 1_000_000 * pulled
    np.testing.assert_array_equal(samples, expected)


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path, counting, wait_until) -> None:
    path = tmp_path / "out.wav"
    output = open_output(OutputRequest("file", 48_000, path=path))
    output.start(counting)
    wait_until(lambda: counting.frames)
    assert not path.exists()
    output.stop()
    assert [found.name for found in tmp_path.iterdir()] == ["out.wav"]


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        open_output(OutputRequest("file", 48_000, path=tmp_path / "nowhere" / "out.wav"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_ends_the_file_and_nothing_else(tmp_path: Path, counting, wait_until) -> None:
    output = open_output(OutputRequest("file", 48_000, path=tmp_path / "out.wav", buffer=8192, speed=math.inf))
    descriptor = next(_descriptors_of(tmp_path))
    with Path("/dev/full").open("wb") as full:
        import os

        os.dup2(full.fileno(), descriptor)
    output.start(counting)
    wait_until(lambda: not output.alive)
    assert "No space left" in output.problem
    output.stop()
    assert list(tmp_path.iterdir()) == []


def _descriptors_of(folder: Path):
    for link in Path("/proc/self/fd").iterdir():
        if link.is_symlink() and str(folder) in str(link.readlink()):
            yield int(link.name)
