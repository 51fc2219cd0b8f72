"""What the limiter takes away, and who is asked for it when."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.effects.limiter import safety_limiter
from plugin_host.engine.reduction import AUDIBLE, ReductionMeter

RATE = 44_100
LONGEST = 6000


def with_burst(at: int, frames: int = 12_000) -> np.ndarray:
    """Soft noise, and ten loud frames of it, (2, frame)."""
    sound = np.random.default_rng(3).uniform(-0.05, 0.05, (2, frames)).astype(np.float32)
    sound[:, at : at + 10] *= 18.0
    return sound


def metered(sound: np.ndarray, sizes: list[int]) -> tuple[ReductionMeter, np.ndarray]:
    """The sound, in blocks of these sizes over and over, through a limiter at -12 dBFS."""
    meter, done, out = ReductionMeter(safety_limiter(RATE, -12.0), LONGEST), 0, []
    while done < sound.shape[1]:
        size = sizes[len(out) % len(sizes)]
        out.append(meter.process(sound[:, done : done + size]))
        done += size
    return meter, np.concatenate(out, axis=1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([37, 64, 512, 1000, LONGEST]), min_size=1, max_size=5), st.integers(5500, 6100))
def test_what_a_limiter_takes_is_read_in_time_at_every_block_size(sizes: list[int], at: int) -> None:
    sound = with_burst(at)
    meter, out = metered(sound, sizes)
    before, after = sound[:, : -meter.latency], out[:, meter.latency :]
    loud = np.abs(before) > AUDIBLE
    wanted = -20 * np.log10(np.min(np.abs(after[loud]) / np.abs(before[loud])))
    assert wanted > 3.0
    assert meter.reduction_db == pytest.approx(wanted, abs=1e-4)
    assert meter.take_recent_db() == pytest.approx(wanted, abs=1e-4)
    assert meter.take_recent_db() == 0.0


@pytest.mark.parametrize("size", [100, 512, LONGEST])
def test_what_is_not_too_loud_is_left_alone_and_read_as_that(size: int) -> None:
    sound = np.random.default_rng(4).uniform(-0.24, 0.24, (2, 20_000)).astype(np.float32)
    meter, out = metered(sound, [size])
    assert np.array_equal(out[:, meter.latency :], sound[:, : -meter.latency])
    assert meter.reduction_db == 0.0
    meter.process(with_burst(100, 3000))
    meter.reset()
    assert meter.reduction_db == 0.0
    assert not meter.process(np.zeros((2, 300), np.float32)).any()
    assert meter.reduction_db == 0.0
