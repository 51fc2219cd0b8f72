"""Qualities: each costs more than the one before, and what is given on its own counts."""

import numpy as np
import pytest
import torch

from separation_core.audio.frames import ArraySource
from separation_core.inference.quality import EFFORTS, Effort, Quality, effort
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import ModelSpec, Separator
from separation_core.units import Hertz


def test_more_quality_costs_more() -> None:
    costs = [EFFORTS[quality].cost for quality in Quality]
    assert costs == sorted(set(costs))
    assert effort(Quality.NORMAL).cost == 1
    assert EFFORTS[Quality.HIGH].cost == pytest.approx(3)
    assert EFFORTS[Quality.BEST].cost == pytest.approx(9)


def test_normal_quality_is_what_settings_are_by_default() -> None:
    usual, plain = EFFORTS[Quality.NORMAL], SeparationSettings()
    assert (usual.overlap, usual.shifts, usual.augment) == (plain.overlap, plain.shifts, plain.augment)


def test_what_is_given_on_its_own_counts() -> None:
    assert effort(Quality.BEST, augment=False) == EFFORTS[Quality.HIGH]
    assert effort(Quality.FAST, overlap=0.0, shifts=3) == Effort(0.0, 3, False)


class Counted:
    """A separator that counts what it hears."""

    spec = ModelSpec("counted", "1", ("all",), Hertz(8000), 2, 800)

    def __init__(self) -> None:
        self.segments = 0

    def to(self, device: torch.device) -> Separator:
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        self.segments += mix.shape[0]
        return mix[:, None]


def segments(quality: Quality) -> int:
    model, chosen = Counted(), EFFORTS[quality]
    song = ArraySource(np.zeros((2, 200_000), np.float32), Hertz(8000))
    settings = SeparationSettings(overlap=chosen.overlap, shifts=chosen.shifts, augment=chosen.augment)
    for _ in separate(model, song, settings):
        pass
    return model.segments


@pytest.mark.parametrize("quality", Quality)
def test_the_cost_is_how_often_the_model_is_called(quality: Quality) -> None:
    assert segments(quality) / segments(Quality.NORMAL) == pytest.approx(EFFORTS[quality].cost, rel=0.03)
