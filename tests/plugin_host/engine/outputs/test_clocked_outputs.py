import threading
import time

from plugin_host.engine.outputs.clocked_outputs import Clock
from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.opening import open_output
from plugin_host.engine.outputs.request import Lane, OutputRequest


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
