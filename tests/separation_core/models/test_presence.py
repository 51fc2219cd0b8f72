"""Stems that a network leaves far under the song become silent; the others are not touched."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.models.contract import ModelSpec, Separator
from separation_core.models.presence import SilentStems
from separation_core.units import Hertz

RATE = 8000


@dataclass(frozen=True)
class Shares:
    """Every stem is a share of the mix: (start in seconds, end, gain) for each; zero elsewhere."""

    shares: tuple[tuple[float, float, float], ...]

    @property
    def spec(self) -> ModelSpec:
        stems = tuple(f"s{place}" for place in range(len(self.shares)))
        return ModelSpec("shares", "1", stems, Hertz(RATE), 2, 10 * RATE, any_length=True)

    def to(self, device: torch.device) -> "Separator":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        stems = mix.new_zeros(mix.shape[0], len(self.shares), *mix.shape[1:])
        for place, (start, end, gain) in enumerate(self.shares):
            stretch = slice(round(start * RATE), round(end * RATE))
            stems[:, place, :, stretch] = gain * mix[..., stretch]
        return stems


def noise(seconds: float) -> torch.Tensor:
    return 0.2 * torch.randn(2, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(1))


def test_bleed_becomes_silence_and_what_sounds_stays() -> None:
    mix = noise(10)
    bleed, quiet, loud = SilentStems(Shares(((0, 10, 0.005), (0, 10, 0.05), (0, 10, 0.9))), -40.0)(mix).unbind(1)
    assert not bleed.any()
    torch.testing.assert_close(quiet, 0.05 * mix)
    torch.testing.assert_close(loud, 0.9 * mix)


def test_a_stem_that_plays_for_a_moment_keeps_it_whole() -> None:
    # A tenth of a second in ten, as loud as the rest of the song.
    mix = noise(10)
    moment = Shares(((5.0, 5.1, 0.5),))
    torch.testing.assert_close(SilentStems(moment, -40.0)(mix), moment(mix))


def test_a_stem_that_rests_for_long_fades_without_a_step() -> None:
    mix = torch.ones(1, 2, 12 * RATE)
    stem = SilentStems(Shares(((0, 12, 0.005),)), -60.0)(mix)[0, 0, 0]
    assert torch.allclose(stem, torch.tensor(0.005))
    playing = Shares(((0, 4, 0.5), (0, 12, 0.001)))

    def both(heard: torch.Tensor) -> torch.Tensor:
        return playing(heard).sum(dim=1, keepdim=True)

    gated = SilentStems(Played(both, playing.spec), -40.0)(mix)[0, 0, 0]
    assert torch.allclose(gated[: 4 * RATE], torch.tensor(0.501))
    assert not gated[7 * RATE :].any()
    assert gated[4 * RATE :].diff().abs().max() < 1e-5


@dataclass(frozen=True)
class Played:
    play: object
    spec: ModelSpec

    def to(self, device: torch.device) -> "Separator":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        assert callable(self.play)
        stems: torch.Tensor = self.play(mix)
        return stems


@given(frames=st.integers(1, 5 * RATE), level=st.sampled_from([0.0, 1e-8, 1e-3, 1.0]))
@settings(deadline=None, max_examples=20)
def test_any_length_and_level_gives_numbers_of_that_length(frames: int, level: float) -> None:
    mix = level * torch.randn(1, 2, frames)
    separator = SilentStems(Shares(((0, 9, 1.0), (0, 9, 0.0))), -40.0)
    stems = separator(mix)
    assert stems.shape == (1, 2, 2, frames)
    assert torch.isfinite(stems).all()
    assert not stems[:, 1].any()


@pytest.mark.parametrize("scale", [1e-3, 30.0])
def test_the_level_of_the_song_does_not_matter(scale: float) -> None:
    separator = SilentStems(Shares(((0, 10, 0.005), (2, 3, 0.02))), -40.0)
    torch.testing.assert_close(separator(scale * noise(6)), scale * separator(noise(6)), atol=1e-7, rtol=1e-4)


def test_the_version_tells_the_threshold() -> None:
    plain = Shares(((0, 1, 1.0),))
    versions = {SilentStems(plain, below).spec.version for below in (-40.0, -30.0)} | {plain.spec.version}
    assert len(versions) == 3
    assert SilentStems(plain, -40.0).to(torch.device("cpu")).spec.name == "shares"
