"""A signal that stops being sound is faded out and stays silent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.fault_guard import ABSURD, Fault, FaultGuard

FADE = np.linspace(0.9, 0.0, 50, dtype=np.float32)


def guarded(signal: np.ndarray, size: int) -> tuple[np.ndarray, tuple[Fault, ...]]:
    """The signal (2, frame) beside a sound one; what became of it, and the faults."""
    guard, out = FaultGuard(["track a", "track b"], FADE), np.stack([signal, tone()])
    for start in range(0, signal.shape[1], size):
        block = out[:, :, start : start + size].copy()
        guard.process(block, start)
        out[:, :, start : start + size] = block
    assert np.array_equal(out[1], tone())
    return out[0], guard.faults


def tone(frames: int = 400) -> np.ndarray:
    return np.tile(np.sin(np.arange(frames) / 7.0).astype(np.float32), (2, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 2 * ABSURD, -1e30])
@given(at=st.integers(0, 399), channel=st.integers(0, 1), size=st.integers(1, 400))
def test_nothing_bad_passes_and_the_first_bad_frame_is_named(bad: float, at: int, channel: int, size: int) -> None:
    signal = tone()
    signal[channel, at] = bad
    out, faults = guarded(signal, size)
    assert np.array_equal(out[:, :at], signal[:, :at])
    assert np.all(np.abs(out) <= 1.0)
    assert not out[:, at + len(FADE) :].any()
    assert faults == (Fault("track a", at),)


@given(size=st.integers(1, 400))
def test_the_fade_does_not_depend_on_block_sizes(size: int) -> None:
    signal = tone()
    signal[:, 123:] = np.nan
    assert np.array_equal(guarded(signal, size)[0], guarded(signal, 400)[0])


def test_a_loud_but_sound_signal_passes_untouched() -> None:
    signal = 1e5 * tone()
    out, faults = guarded(signal, 64)
    assert np.array_equal(out, signal)
    assert faults == ()


def test_after_a_reset_sound_passes_again() -> None:
    guard, block = FaultGuard(["master"], FADE), tone()[None]
    guard.process(np.full((1, 2, 400), np.nan, dtype=np.float32), 0)
    assert guard.silenced(0)
    guard.reset()
    guard.process(block, 0)
    assert np.array_equal(block[0], tone())
    assert guard.faults == ()
    assert not guard.silenced(0)
