import gc
import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation_core.audio.frames import ArraySource, FrameSource
from separation_core.errors import Cancelled, ModelError
from separation_core.inference.separate import SeparationSettings, separate
from separation_core.models.contract import ModelSpec, Separator
from separation_core.units import Hertz

RATE = Hertz(1000)
Answer = Callable[[np.ndarray, int], np.ndarray]
MakeSeparator = Callable[..., Separator]
SETTINGS = st.builds(
    SeparationSettings,
    overlap=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]),
    shifts=st.integers(1, 4),
    batch_size=st.integers(1, 5),
    device=st.just("cpu"),
    seed=st.integers(0, 99),
)
CPU = SeparationSettings(device="cpu")


def whole(blocks: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(blocks), axis=-1)


@given(frames=st.integers(1, 500), segment=st.integers(1, 200), choice=SETTINGS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_song_in_segments_sounds_as_the_song_at_once(
    smoother: MakeSeparator, answer: Answer, song: np.ndarray, frames: int, segment: int, choice: SeparationSettings
) -> None:
    mix = song[:, :frames]
    stems = whole(separate(smoother(segment), ArraySource(mix, RATE), choice))
    assert stems.dtype == np.float32
    # Equal up to the edges means that the context was real audio and that weights sum to one.
    assert np.allclose(stems, answer(mix, 8)[..., :frames] if frames > 16 else stems, atol=1e-5)
    assert np.allclose(stems.sum(0), mix, atol=1e-5)


@given(start=st.integers(0, 500), choice=SETTINGS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_resumed_run_gives_the_very_same_samples(
    smoother: MakeSeparator, song: np.ndarray, start: int, choice: SeparationSettings
) -> None:
    source, separator = ArraySource(song, RATE), smoother(70)
    full = whole(separate(separator, source, choice))
    rest = list(separate(separator, source, choice, start=start))
    assert all(block.shape[-1] for block in rest)
    if start == 500:
        assert not rest
    else:
        assert np.array_equal(whole(iter(rest)), full[..., start:])


@dataclass
class InCompany:
    """A separator that answers differently by place in the batch, as rounding in real networks does."""

    spec = ModelSpec("in-company", "1", ("all",), RATE, 2, 64, 0)

    def to(self, device: torch.device) -> "InCompany":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        return (mix * torch.linspace(1, 2, len(mix))[:, None, None])[:, None]


@pytest.mark.parametrize("start", [1, 63, 64, 130, 499])
def test_a_resumed_run_groups_segments_as_the_first_did(song: np.ndarray, start: int) -> None:
    source, choice = ArraySource(song, RATE), replace(CPU, batch_size=3)
    full = whole(separate(InCompany(), source, choice))
    assert np.array_equal(whole(separate(InCompany(), source, choice, start=start)), full[..., start:])


def test_blocks_are_consecutive_and_progress_follows_them(smoother: MakeSeparator, song: np.ndarray) -> None:
    seen: list[tuple[int, int]] = []
    blocks = separate(smoother(), ArraySource(song, RATE), CPU, start=100, progress=lambda *step: seen.append(step))
    lengths = [block.shape[-1] for block in blocks]
    assert seen == [(done, 500) for done in itertools.accumulate(lengths, initial=100)]
    assert seen[-1] == (500, 500)


def test_nothing_is_separated_of_an_empty_song(smoother: MakeSeparator) -> None:
    assert list(separate(smoother(), ArraySource(np.zeros((2, 0), np.float32), RATE), CPU)) == []


def test_batches_are_as_large_as_asked_for(smoother: MakeSeparator, song: np.ndarray) -> None:
    separator = smoother(64)
    whole(separate(separator, ArraySource(song, RATE), replace(CPU, batch_size=4)))
    assert [shape[0] for shape in separator.heard] == [4, 4, 3]
    assert {shape[1:] for shape in separator.heard} == {(2, 64 + 16)}


def test_shifts_move_the_segments_by_the_seed(song: np.ndarray) -> None:
    position = Positions()
    once, again, other = (
        whole(separate(position, ArraySource(song, RATE), replace(CPU, shifts=3, seed=seed))) for seed in (1, 1, 2)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert not np.array_equal(once, whole(separate(position, ArraySource(song, RATE), CPU)))


@dataclass
class Positions:
    """A separator whose answer depends on where in the segment a frame lies."""

    spec = ModelSpec("positions", "1", ("all",), RATE, 2, 64, 0)

    def to(self, device: torch.device) -> "Positions":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        return torch.arange(64.0).expand(len(mix), 1, 2, 64)


def test_the_callers_gradients_stay_on_between_blocks(smoother: MakeSeparator, song: np.ndarray) -> None:
    for _ in separate(smoother(), ArraySource(song, RATE), CPU):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_stopping_keeps_what_is_finished(smoother: MakeSeparator, song: np.ndarray) -> None:
    done: list[np.ndarray] = []
    with pytest.raises(Cancelled, match="stopped"):
        done.extend(
            block for block in separate(smoother(), ArraySource(song, RATE), CPU, cancelled=lambda: len(done) >= 0)
        )
    stop = iter([False, False, True])
    blocks = separate(smoother(), ArraySource(song, RATE), CPU, cancelled=lambda: next(stop))
    assert next(blocks).shape[-1] == 48
    assert next(blocks).shape[-1] == 48
    with pytest.raises(Cancelled):
        next(blocks)


def test_samples_that_are_no_numbers_are_heard_as_silence(smoother: MakeSeparator, song: np.ndarray) -> None:
    broken, silent = song.copy(), song.copy()
    broken[0, 100], broken[1, 101], broken[1, 102] = np.nan, np.inf, -np.inf
    silent[0, 100] = silent[1, 101] = silent[1, 102] = 0
    found = whole(separate(smoother(), ArraySource(broken, RATE), CPU))
    assert np.array_equal(found, whole(separate(smoother(), ArraySource(silent, RATE), CPU)))


@dataclass
class Broken:
    """A separator that answers wrongly from song second 0.3 on, by `answer` of its right answer."""

    answer: Callable[[torch.Tensor], torch.Tensor]
    spec = ModelSpec("broken", "1", ("all",), RATE, 2, 50, 10)

    def to(self, device: torch.device) -> "Broken":
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        return self.answer(mix[:, None])


def test_a_model_that_gives_no_numbers_is_named_with_the_time() -> None:
    counting = np.tile(np.arange(500, dtype=np.float32), (2, 1))
    bad = Broken(lambda stems: torch.where(stems == 321, torch.nan, stems))
    with pytest.raises(ModelError, match=r"broken .* 0\.32 s"):
        whole(separate(bad, ArraySource(counting, RATE), CPU))


@pytest.mark.parametrize(
    "answer",
    [
        lambda stems: stems[..., :-1],
        lambda stems: stems[:, 0],
        lambda stems: stems.double(),
        lambda stems: stems.repeat(1, 2, 1, 1),
    ],
)
def test_a_model_that_gives_the_wrong_shape_is_named(
    answer: Callable[[torch.Tensor], torch.Tensor], song: np.ndarray
) -> None:
    with pytest.raises(ModelError, match=r"broken gave .* shape"):
        whole(separate(Broken(answer), ArraySource(song, RATE), CPU))


def test_what_cannot_work_is_refused_before_it_starts(smoother: MakeSeparator, song: np.ndarray) -> None:
    source = ArraySource(song, RATE)
    with pytest.raises(ModelError, match=r"1000 Hz.*44100 Hz"):
        separate(smoother(), ArraySource(song, Hertz(44100)), CPU)
    with pytest.raises(ModelError, match=r"1 channels.*has 2"):
        separate(smoother(channels=1), source, CPU)
    for start in (-1, 501):
        with pytest.raises(ModelError, match=f"frame {start}"):
            separate(smoother(), source, CPU, start=start)
    with pytest.raises(ModelError, match="tape"):
        separate(smoother(), source, replace(CPU, device="tape"))


@pytest.mark.parametrize(
    ("field", "value"), [("overlap", 1.0), ("shifts", 0), ("shifts", 101), ("batch_size", 0), ("seed", -1)]
)
def test_settings_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ModelError, match=rf"{value} is out of range"):
        SeparationSettings(**{field: value})


class Endless(FrameSource):
    """A tone of any length that takes no memory."""

    def __init__(self, frames: int) -> None:
        self.rate, self.channels, self.frames = RATE, 2, frames

    def read(self, start: int, count: int) -> np.ndarray:
        return np.tile(np.sin(np.arange(start, start + count) / 9).astype(np.float32), (2, 1))


def held_memory(separator: Separator, frames: int) -> int:
    """Most bytes of audio that were alive in arrays and tensors together, at the first and the last block."""
    tracemalloc.start()
    held = []
    done = 0
    for block in separate(separator, Endless(frames), replace(CPU, shifts=2)):
        done += block.shape[-1]
        if done in (block.shape[-1], frames):
            tensors = {id(item.untyped_storage()): item for item in gc.get_objects() if type(item) is torch.Tensor}
            held.append(sum(tensor.untyped_storage().nbytes() for tensor in tensors.values()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak + max(held)


def test_memory_does_not_grow_with_the_song(smoother: MakeSeparator) -> None:
    held_memory(smoother(20_000), 50_000)
    assert held_memory(smoother(20_000), 2_000_000) < 1.1 * held_memory(smoother(20_000), 200_000)
