"""Several separators as one model: combined in samples or spectra, whatever frame a run starts at."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from separation_core.audio.frames import ArraySource
from separation_core.errors import ModelError
from separation_core.inference.combining import BLOCK
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import Combine, Domain, Ensemble, Member, ModelSpec
from separation_core.units import Hertz

RATE = Hertz(1000)
CPU = SeparationSettings(device="cpu", overlap=0.5, batch_size=8)
STEMS = ("one", "two")


@dataclass
class Gains:
    """Two stems: the mix times each gain. With `normalised`, the engine's level comes and goes around it."""

    gains: tuple[float, float]
    segment: int = 4096
    normalised: bool = False

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec("gains", "1", STEMS, RATE, 2, self.segment, 0, self.normalised)

    def to(self, device: torch.device) -> "Gains":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        return torch.stack([mix * gain for gain in self.gains], dim=1)


def song(frames: int) -> np.ndarray:
    return np.random.default_rng(5).standard_normal((2, frames)).astype(np.float32)


def run(model: object, samples: np.ndarray, settings: SeparationSettings = CPU, start: int = 0) -> np.ndarray:
    return np.concatenate(list(separate(model, ArraySource(samples, RATE), settings, start=start)), axis=-1)


def ensemble(*gains: tuple[float, float], weights: tuple[tuple[float, float], ...] = (), **how: object) -> Ensemble:
    says = weights or ((1.0, 1.0),) * len(gains)
    # Segments differ, so that members advance in different steps.
    members = tuple(Member(Gains(g, 4096 + 1000 * n), says[n]) for n, g in enumerate(gains))
    return Ensemble("several", "1", members, **how)


@pytest.mark.parametrize("domain", list(Domain))
@pytest.mark.parametrize(
    ("combine", "expected"),
    [(Combine.AVERAGE, (0.2, 0.6)), (Combine.MEDIAN, (0.1, 0.5)), (Combine.MIN, (0.1, 0.4)), (Combine.MAX, (0.4, 0.9))],
)
def test_answers_are_combined_stem_by_stem(domain: Domain, combine: Combine, expected: tuple[float, float]) -> None:
    mix = song(30_000)
    model = ensemble((0.1, 0.5), (0.4, 0.9), (0.1, 0.4), combine=combine, domain=domain)
    assert np.allclose(run(model, mix), np.stack([mix * gain for gain in expected]), atol=1e-5)


def test_weights_give_each_stem_its_own_members() -> None:
    mix = song(20_000)
    model = ensemble((0.1, 0.5), (0.4, 0.9), weights=((1.0, 0.0), (3.0, 2.0)))
    assert np.allclose(run(model, mix), np.stack([mix * 0.325, mix * 0.9]), atol=1e-5)


def test_a_member_without_a_say_has_none_in_the_extremes_either() -> None:
    mix = song(9_000)
    model = ensemble((0.1, 0.5), (0.4, 0.9), weights=((1.0, 0.0), (1.0, 1.0)), combine=Combine.MIN)
    assert np.allclose(run(model, mix), np.stack([mix * 0.1, mix * 0.9]), atol=1e-6)


@pytest.mark.parametrize("domain", list(Domain))
@pytest.mark.parametrize("start", [1, 5_000, BLOCK - 1, BLOCK, BLOCK + 77, 2 * BLOCK + 3])
def test_a_resumed_ensemble_gives_the_very_same_samples(domain: Domain, start: int) -> None:
    mix = song(2 * BLOCK + 20_000)
    model = ensemble((0.1, 0.5), (0.4, 0.9), combine=Combine.MAX, domain=domain)
    assert np.array_equal(run(model, mix, start=start), run(model, mix)[..., start:])


def test_members_that_do_not_fit_together_are_refused() -> None:
    mono = Gains((1.0, 0.0))
    other = Member(Gains((1.0, 0.0)), (1.0, 1.0))
    with pytest.raises(ModelError, match="above 0"):
        Ensemble("x", "1", (Member(mono, (1.0, 0.0)), Member(mono, (1.0, 0.0))))
    with pytest.raises(ModelError, match="same stems"):
        Ensemble("x", "1", ())
    assert Ensemble("x", "2", (other,)).spec.name == "x"


def test_augmenting_averages_what_is_heard_swapped_and_inverted() -> None:
    class Left(Gains):
        """Keeps the left channel's plus side: neither swapping nor inverting leaves its answer alone."""

        def __call__(self, mix: torch.Tensor) -> torch.Tensor:
            kept = mix.clamp(min=0.0)
            kept[:, 1] = 0.0
            return torch.stack([kept, mix - kept], dim=1)

    mix = song(6_000)
    found = run(Left((1.0, 0.0)), mix, SeparationSettings(device="cpu", augment=True))
    plus, minus = mix.clip(min=0), mix.clip(max=0)
    expected = np.stack([plus[0] + minus[0], plus[1]]) / 3
    assert np.allclose(found[0], expected, atol=1e-6)
    assert np.allclose(found.sum(axis=0), mix, atol=1e-6)


def test_a_normalised_model_hears_mean_0_and_spread_1_and_gives_the_level_back() -> None:
    heard = []

    class Ear(Gains):
        def __call__(self, mix: torch.Tensor) -> torch.Tensor:
            heard.append(mix.clone())
            return super().__call__(mix)

    mix = 0.01 * song(8_192) + 0.3
    found = run(Ear((1.0, 1.0), segment=8_192, normalised=True), mix, SeparationSettings(device="cpu", overlap=0.0))
    mono = heard[0][0].mean(dim=0)
    assert abs(float(mono.mean())) < 1e-4
    assert abs(float(mono.std()) - 1) < 1e-3
    assert np.allclose(found, mix[None], atol=1e-6)


def test_silence_outside_the_song_stays_silence_for_a_normalised_model() -> None:
    outside = []

    class Ear(Gains):
        def __call__(self, mix: torch.Tensor) -> torch.Tensor:
            outside.append(mix[..., :100].abs().max())
            return super().__call__(mix)

    run(Ear((1.0, 1.0), normalised=True), song(1_000) + 0.5)
    assert float(max(outside)) == 0.0
