"""Small separators that are real: sums of filtered copies, whose right answer is known for every frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz


def spec(segment: int = 64, context: int = 8, channels: int = 2, stems: tuple[str, ...] = ("near", "far")) -> ModelSpec:
    return ModelSpec("test", "1", stems, Hertz(1000), channels, segment, context)


@dataclass
class Smoother:
    """Two stems: the mean over `reach` frames to both sides, and the rest. It needs `reach` frames of context."""

    spec: ModelSpec = field(default_factory=spec)
    reach: int = 8
    heard: list[tuple[int, ...]] = field(default_factory=list)

    def to(self, device: torch.device) -> "Smoother":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        self.heard.append(tuple(mix.shape))
        width = 2 * self.reach + 1
        far = torch.nn.functional.avg_pool1d(mix, width, 1, self.reach, count_include_pad=True)
        return torch.stack([mix - far, far], dim=1)


def smoothed(song: np.ndarray, reach: int) -> np.ndarray:
    """What `Smoother` would answer for the whole song at once, (stem, channel, frame)."""
    kernel = np.full(2 * reach + 1, 1 / (2 * reach + 1))
    far = np.stack([np.convolve(channel, kernel, "same") for channel in song])
    return np.stack([song - far, far])


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small tensors: handing them to threads costs more than the sums themselves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def smoother() -> Callable[..., Smoother]:
    def make(segment: int = 64, reach: int = 8, channels: int = 2) -> Smoother:
        return Smoother(spec(segment, reach, channels), reach)

    return make


@pytest.fixture
def answer() -> Callable[[np.ndarray, int], np.ndarray]:
    return smoothed


@pytest.fixture
def song() -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 1, (2, 500)).astype(np.float32)
