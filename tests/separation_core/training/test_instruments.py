"""Drums vary as promised: layers hold both sounds, and a kick sounds whatever is done to it."""

import numpy as np
import pytest

from separation_core.training import instruments
from separation_core.training.corpus import RATE
from separation_core.training.instruments import play_drums
from separation_core.training.material import Material, kit_takes
from separation_core.training.score import Hit


def test_a_layer_is_added_and_rings_to_its_end() -> None:
    stroke, under = np.ones((2, 100), dtype=np.float32), np.full((1, 300), 4.0, dtype=np.float32)
    layered = instruments._layered(stroke, under)
    assert layered.shape == (2, 300)
    np.testing.assert_allclose(layered[:, :100], 1.7)
    np.testing.assert_allclose(layered[:, 100:], 0.7)
    assert (stroke == 1).all()


@pytest.mark.parametrize("seed", range(8))
def test_a_kick_sounds_whatever_is_done_to_it(seed: int, material: Material) -> None:
    drums = play_drums(np.random.default_rng(seed), material, [Hit(0.5, "kick", 1.0)], 4 * RATE)
    assert np.isfinite(drums).all()
    assert not drums[:, : RATE // 2 - 1].any()
    assert np.abs(drums).max() > 1e-3


def test_a_piece_that_a_kit_has_not_is_borrowed_from_one_other_kit(material: Material) -> None:
    bare = Material(material.corpus, material.melodic, {**material.drums, "bare": {"kick": [0]}}, [], [], {})
    assert kit_takes(np.random.default_rng(1), bare, "bare", "kick") == [0]
    assert kit_takes(np.random.default_rng(1), bare, "bare", "crash") in [
        material.drums[kit]["crash"] for kit in ("a", "b")
    ]
    assert kit_takes(np.random.default_rng(1), bare, "bare", "no such piece") == [0]
