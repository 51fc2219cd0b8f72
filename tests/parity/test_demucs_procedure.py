"""Whole procedures against numbers that the published `apply_model` produced; see demucs.md."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from separation_core.audio.frames import ArraySource
from separation_core.inference.plan import plan_song
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import Ensemble, Member, Model
from separation_core.models.hdemucs import HDemucs, HDemucsConfig
from separation_core.models.htdemucs import HTDemucs, HTDemucsConfig
from separation_core.zoo.architectures import as_separator

RECIPE = runpy.run_path(str(Path(__file__).with_name("demucs_recipe.py")))
BAGS: dict[str, dict[str, Any]] = RECIPE["BAGS"]
SEED, SELDOM = RECIPE["SEED"], RECIPE["SELDOM"]
PUBLISHED = np.load(Path(__file__).with_name("fixtures") / "demucs_procedure.npz")
ENDS_ELSEWHERE = "hybrid_ends"


def network(kind: str, place: int) -> HTDemucs | HDemucs:
    settings = RECIPE["MEMBERS"][kind]
    built = (
        HTDemucs(HTDemucsConfig.from_published(settings))
        if kind == "ht"
        else HDemucs(HDemucsConfig.from_published(settings))
    )
    RECIPE["fill"](built, SEED + place)
    return built.eval()


def model(bag: dict[str, Any]) -> Model:
    separators = [as_separator(network(kind, place), normalised=True) for place, kind in enumerate(bag["members"])]
    if len(separators) == 1:
        return separators[0]
    weights = bag["weights"] or [[1.0] * 4] * len(separators)
    return Ensemble("bag", "1", tuple(Member(*each) for each in zip(separators, map(tuple, weights), strict=True)))


def run(bag: dict[str, Any], **changes: Any) -> np.ndarray:
    """What our engine makes of the recipe's song, (stem, channel, frame)."""
    samples = RECIPE["level"](RECIPE["song"](2, bag["frames"]))[0].numpy()
    wanted: dict[str, Any] = {"overlap": bag.get("overlap", 0.25), "shifts": bag.get("shifts", 1), "seed": SEED}
    settings = SeparationSettings(device="cpu", **wanted | changes)
    chosen = model(bag)
    return np.concatenate(list(separate(chosen, ArraySource(samples, chosen.spec.rate), settings)), axis=-1)


def error(found: np.ndarray, published: np.ndarray) -> float:
    return float(np.linalg.norm(found - published) / np.linalg.norm(published))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors: handing them to threads costs more than the sums themselves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", sorted(set(BAGS) - {ENDS_ELSEWHERE}))
def test_a_whole_procedure_is_the_published_one(name: str) -> None:
    found = run(BAGS[name])
    assert found.shape == (4, 2, BAGS[name]["frames"])
    assert error(found[..., ::SELDOM], PUBLISHED[name]) <= 1e-4


def test_other_shifts_give_other_stems() -> None:
    found = run(BAGS["ft_shifted"], seed=SEED + 1)
    assert error(found[..., ::SELDOM], PUBLISHED["ft_shifted"]) > 1e-3


def test_hybrid_demucs_differs_where_the_song_ends_only() -> None:
    """Its last segments are heard with what is before them, in the published procedure without."""
    bag = BAGS[ENDS_ELSEWHERE]
    found, published = run(bag)[..., ::SELDOM], PUBLISHED[ENDS_ELSEWHERE]
    plan = plan_song(bag["frames"], network("h", 0).spec.segment, 0.25)
    cut = min(plan.start(index) for index in range(plan.count) if plan.length(index) < plan.segment)
    same = -(-cut // SELDOM)
    assert 0 < same < found.shape[-1]
    assert error(found[..., :same], published[..., :same]) <= 1e-4
    assert error(found[..., same:], published[..., same:]) > 1e-3
