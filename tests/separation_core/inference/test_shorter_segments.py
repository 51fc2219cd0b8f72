"""Memory runs out in the middle of a song: shorter segments take over without a seam, and a later run agrees."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from separation_core.audio.frames import ArraySource
from separation_core.inference.plan import Plan
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

RATE = Hertz(16)
SEGMENT = 128
FRAMES = 1500


@dataclass
class Tiring:
    """Answers with its segment's length for every frame; after `calls` calls it has room for half segments only."""

    calls: int
    room_after: int = SEGMENT // 2
    name: str = "tiring"
    lengths: list[int] = field(default_factory=list)

    @property
    def spec(self) -> ModelSpec:
        return ModelSpec(self.name, "1", ("length", "mix"), RATE, 2, SEGMENT, 0, any_length=True)

    def to(self, device: torch.device) -> "Tiring":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        length = mix.shape[-1]
        if len(self.lengths) >= self.calls and length > self.room_after:
            raise torch.OutOfMemoryError("no room")
        self.lengths.append(length)
        return torch.stack([torch.full_like(mix, length / SEGMENT), mix], dim=1)


def song() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((2, FRAMES)).astype(np.float32)


def run(model: Tiring, choice: SeparationSettings, start: int = 0, short: dict[str, int] | None = None) -> np.ndarray:
    source = ArraySource(song(), RATE)
    return np.concatenate(list(separate(model, source, choice, start=start, shortened=short)), axis=-1)


@pytest.mark.parametrize("choice", [{}, {"overlap": 0.7}, {"shifts": 3}, {"batch_size": 3}])
@pytest.mark.parametrize("calls", [0, 1, 4])
def test_short_segments_fade_in_over_what_long_ones_began(calls: int, choice: dict[str, float]) -> None:
    settings = SeparationSettings(device="cpu", **choice)
    said, mix = run(Tiring(calls), settings)
    assert np.allclose(mix, song(), atol=1e-5)
    length = said[0]
    assert length[-1] == pytest.approx(0.5)
    assert length[0] == pytest.approx(0.5 if calls == 0 else length[0])
    # A hard cut would be a step of 0.5.
    assert np.abs(np.diff(length)).max() < 0.04
    assert (np.diff(length) <= 1e-6).all()


@given(start=st.integers(0, FRAMES - 1), calls=st.integers(0, 4), batch=st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_a_run_that_goes_on_later_gives_the_samples_of_the_first(start: int, calls: int, batch: int) -> None:
    choice = SeparationSettings(device="cpu", batch_size=batch)
    short: dict[str, int] = {}
    whole = run(Tiring(calls), choice, 0, short)
    later = Tiring(0)
    rest = run(later, choice, start, dict(short))
    assert set(later.lengths) == ({SEGMENT // 2} if short else {SEGMENT})
    # Before the last of the long segments ends, the first run still heard them.
    faded = SEGMENT * (calls * batch + 1) if calls else 0
    begin = max(0, faded - start)
    assert np.array_equal(rest[..., begin:], whole[..., start + begin :])


def test_segments_shrink_again_while_the_last_change_fades_in() -> None:
    class Twice(Tiring):
        def __call__(self, mix: torch.Tensor) -> torch.Tensor:
            self.room_after = SEGMENT // 2 if len(self.lengths) < 6 else SEGMENT // 4
            return super().__call__(mix)

    said, mix = run(Twice(5), SeparationSettings(device="cpu", overlap=0.5))
    assert np.allclose(mix, song(), atol=1e-5)
    assert (said[0, 0], said[0, -1]) == (pytest.approx(1.0), pytest.approx(0.25))
    assert np.abs(np.diff(said[0])).max() < 0.05


@given(st.integers(1, 300), st.integers(2, 60), st.data())
@settings(deadline=None, max_examples=50)
def test_shares_before_a_segment_and_from_it_on_are_all(frames: int, segment: int, data: st.DataObject) -> None:
    plan = Plan(frames, segment, data.draw(st.integers(1, segment)))
    index = data.draw(st.integers(0, plan.count))
    frame = plan.final_after(index - 1) if index else 0
    after = np.zeros(frames + segment)
    for later in range(index, plan.count):
        weights = plan.weights(later)
        after[plan.start(later) : plan.start(later) + len(weights)] += weights
    before = np.zeros(frames + segment)
    shares = plan.shares_before(index, frame)
    before[frame : frame + len(shares)] = shares
    assert np.allclose((before + after)[frame:frames], 1, atol=1e-5)
