import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.engine.outputs.rate_adapter import RateAdapter

PAIRS = [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000), (48_000, 96_000), (44_100, 12_345)]


def through(adapter: RateAdapter, samples: np.ndarray, cuts: list[int]) -> np.ndarray:
    blocks = np.split(samples, np.cumsum(cuts), axis=1)
    return np.concatenate([adapter.process(block).copy() for block in blocks], axis=1)


def test_equal_rates_hand_the_block_on() -> None:
    block = np.ones((2, 64), dtype=np.float32)
    adapter = RateAdapter(2, 48_000, 48_000)
    assert adapter.identity
    assert adapter.delay_frames == 0
    assert adapter.process(block) is block


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_a_sine_comes_out_as_the_same_sine_at_the_same_time(rate_in: int, rate_out: int) -> None:
    frequency, amplitude = 1000.0, 0.5
    time_in = np.arange(rate_in) / rate_in
    sine = (amplitude * np.sin(2 * np.pi * frequency * time_in)).astype(np.float32)
    out = through(RateAdapter(2, rate_in, rate_out), np.stack([sine, -sine]), [128] * (rate_in // 128))
    np.testing.assert_array_equal(out[0], -out[1])
    heard = out[0, rate_out // 10 : -rate_out // 10].astype(np.float64)
    angle = 2 * np.pi * frequency * (np.arange(len(heard)) + rate_out // 10) / rate_out
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    (in_phase, quadrature), *_ = np.linalg.lstsq(waves, heard, rcond=None)
    rest = heard - waves @ (in_phase, quadrature)
    assert 20 * np.log10(np.sqrt(np.mean(rest**2)) / amplitude) < -110
    assert np.hypot(in_phase, quadrature) == pytest.approx(amplitude, rel=3e-4)
    late = -np.arctan2(quadrature, in_phase) / (2 * np.pi * frequency)
    assert abs(late) < max(50e-6, 2 / rate_out)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@pytest.mark.parametrize("count", [64, 1024])
def test_what_is_held_back_is_stated_and_steady(rate_in: int, rate_out: int, count: int) -> None:
    adapter = RateAdapter(1, rate_in, rate_out)
    block, given_frames, got = np.zeros((1, count), dtype=np.float32), 0, 0
    for _ in range(20_000 // count):
        given_frames += count
        got += adapter.process(block).shape[1]
        owed = given_frames * rate_out / rate_in - got
        if given_frames > 1000:
            assert owed == pytest.approx(adapter.delay_frames, abs=2)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 900), max_size=20))
def test_the_samples_do_not_depend_on_the_blocks(cuts: list[int]) -> None:
    noise = np.random.default_rng(1).standard_normal((2, 8000)).astype(np.float32)
    whole = through(RateAdapter(2, 44_100, 48_000), noise, [])
    cut = through(RateAdapter(2, 44_100, 48_000), noise, cuts)
    np.testing.assert_array_equal(cut, whole)
