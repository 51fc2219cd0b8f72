"""MDX SDR, SI-SDR and leak as they are defined, in blocks as in one piece."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from separation_core.errors import SeparationError
from separation_core.evaluation.metrics import DELTA, Leak, MdxSdr, SiSdr, mdx_sdr


@given(gain_db=st.floats(-60, 40), seed=st.integers(0, 2**16))
def test_an_error_at_a_known_level_scores_its_level(gain_db: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    reference, error = random.normal(0, 1, (2, 2, 1000))
    error *= np.sqrt(np.sum(reference**2) / np.sum(error**2)) * 10 ** (gain_db / 20)
    assert mdx_sdr(reference, reference + error) == pytest.approx(-gain_db, abs=0.01)


def test_half_the_stem_scores_six_decibels() -> None:
    reference = np.ones((2, 100), dtype=np.float32)
    assert mdx_sdr(reference, reference / 2) == pytest.approx(20 * np.log10(2), abs=1e-6)


def test_silence_scores_zero_and_leakage_into_silence_less() -> None:
    silence = np.zeros((2, 100))
    assert mdx_sdr(silence, silence) == 0
    assert mdx_sdr(silence, silence + 1) == pytest.approx(10 * np.log10(DELTA / 200), abs=1e-6)


@given(cuts=st.lists(st.integers(0, 500), max_size=6))
def test_blocks_score_as_the_whole(cuts: list[int]) -> None:
    reference, estimate = np.random.default_rng(1).normal(0, 1, (2, 2, 500)).astype(np.float32)
    score, edges = MdxSdr(), [0, *sorted(cuts), 500]
    for start, end in pairwise(edges):
        score.add(reference[:, start:end], estimate[:, start:end])
    assert score.decibels() == pytest.approx(mdx_sdr(reference, estimate), abs=1e-9)


def test_unlike_shapes_are_refused() -> None:
    with pytest.raises(SeparationError, match=r"\(2, 5\).*\(2, 6\)"):
        mdx_sdr(np.zeros((2, 5)), np.zeros((2, 6)))


def si_sdr(reference: np.ndarray, estimate: np.ndarray) -> float | None:
    score = SiSdr()
    for start in range(0, reference.shape[-1], 300):
        score.add(reference[..., start : start + 300], estimate[..., start : start + 300])
    return score.decibels()


@given(gain=st.floats(0.1, 10), noise=st.floats(1e-4, 3), seed=st.integers(0, 2**16))
def test_si_sdr_is_its_formula_and_deaf_to_gain(gain: float, noise: float, seed: int) -> None:
    reference, error = np.random.default_rng(seed).normal(0, 1, (2, 2, 1000))
    estimate = reference + noise * error
    alpha = np.sum(estimate * reference) / np.sum(reference**2)
    wanted = 10 * np.log10(np.sum((alpha * reference) ** 2) / np.sum((alpha * reference - estimate) ** 2))
    assert si_sdr(reference, estimate) == pytest.approx(wanted, abs=1e-6)
    assert si_sdr(reference, gain * estimate) == pytest.approx(wanted, abs=1e-3)


def test_si_sdr_of_silence_is_none_and_of_perfection_infinite() -> None:
    reference = np.random.default_rng(0).normal(0, 1, (2, 1000))
    assert si_sdr(np.zeros_like(reference), reference) is None
    assert si_sdr(reference, np.zeros_like(reference)) is None
    assert si_sdr(reference, reference) == np.inf


def test_leak_is_the_level_below_the_mixture() -> None:
    mixture = np.random.default_rng(0).normal(0, 1, (2, 1000))
    leak, nothing = Leak(), Leak()
    leak.add(mixture, mixture / 10)
    nothing.add(mixture, np.zeros_like(mixture))
    assert leak.decibels() == pytest.approx(-20, abs=1e-6)
    assert -140 < nothing.decibels() < -100
