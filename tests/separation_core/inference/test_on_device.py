"""When memory runs out, or half precision overflows, the run goes on in smaller steps or float32, and says so."""

from dataclasses import dataclass, field, replace

import pytest
import torch

import separation_core.inference.on_device as on_device
from separation_core.errors import ModelError
from separation_core.inference.on_device import Circumstances, OnDevice, SegmentChanged
from separation_core.inference.precision import Precision, arithmetic, half_type
from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

META, CPU = torch.device("meta"), torch.device("cpu")
SEGMENT = 64
SPEC = ModelSpec("hungry", "1", ("all",), Hertz(8), 1, SEGMENT, 0, half_safe=True)


@dataclass
class Hungry:
    """A separator that has memory for `room` frames on the first device, and for any number on the CPU."""

    room: int
    room_on_cpu: int = 1 << 20
    weights: int = 0
    spec: ModelSpec = SPEC
    device: torch.device = META
    sizes: list[int] = field(default_factory=list)

    def to(self, device: torch.device) -> "Hungry":
        self.device = device
        if device != CPU and self.weights > self.room:
            raise RuntimeError("CUDA error: out of memory")
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        if mix.numel() > (self.room_on_cpu if self.device == CPU else self.room):
            raise torch.OutOfMemoryError("no room")
        self.sizes.append(len(mix))
        return torch.ones(len(mix), 1, 1, mix.shape[-1])


def run(separator: Hungry, batch: int, device: torch.device = META) -> tuple[OnDevice, list[str]]:
    lines: list[str] = []
    return OnDevice(separator, Circumstances(device, batch_size=batch, note=lines.append)), lines


@pytest.mark.parametrize(("room", "said", "sizes"), [(5, 0, [5]), (4, 1, [2, 2, 1]), (1, 2, [1] * 5)])
def test_the_batch_is_halved_until_it_fits_and_stays_so(room: int, said: int, sizes: list[int]) -> None:
    separator = Hungry(room * SEGMENT)
    hungry, lines = run(separator, batch=5)
    for _ in range(2):
        assert hungry.begin(torch.zeros(5, 1, SEGMENT))().shape == (5, 1, 1, SEGMENT)
    assert separator.sizes == sizes * 2
    assert len(lines) == said
    assert all("\n" not in line and "hungry" in line for line in lines)


def test_then_segments_are_halved_down_to_two_seconds_and_then_the_cpu_takes_whole_ones() -> None:
    separator = Hungry(room=0, spec=replace(SPEC, any_length=True))
    hungry, lines = run(separator, batch=1)
    lengths = []
    for _ in range(3):
        lengths.append(hungry.segment)
        with pytest.raises(SegmentChanged):
            hungry.begin(torch.zeros(1, 1, hungry.segment))
    assert lengths == [64, 32, 16]
    assert hungry.segment == SEGMENT
    assert hungry.begin(torch.zeros(1, 1, SEGMENT))().shape == (1, 1, 1, SEGMENT)
    assert separator.device == CPU
    assert [line.rpartition("going on with ")[2] for line in lines] == [
        "shorter ones of 4.0 s",
        "shorter ones of 2.0 s",
        "the CPU",
    ]


@pytest.mark.parametrize("weights", [0, 9])
def test_the_cpu_takes_over_at_once_from_a_model_of_one_length_or_of_too_many_weights(weights: int) -> None:
    separator = Hungry(room=0, weights=weights)
    hungry, lines = run(separator, batch=1)
    assert hungry.begin(torch.zeros(1, 1, SEGMENT))().shape == (1, 1, 1, SEGMENT)
    assert separator.device == CPU
    assert len(lines) == 1
    assert "CPU" in lines[0]


def test_no_room_on_the_cpu_is_an_error_with_a_remedy() -> None:
    hungry, _ = run(Hungry(0, room_on_cpu=0), 1, CPU)
    with pytest.raises(ModelError, match="not enough memory"):
        hungry.begin(torch.zeros(1, 1, SEGMENT))


class Boundless(Hungry):
    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        return torch.empty(1 << 55)


def test_the_systems_own_refusal_of_memory_is_understood() -> None:
    hungry, _ = run(Boundless(0), 1, CPU)
    with pytest.raises(ModelError, match="not enough memory"):
        hungry.begin(torch.zeros(1, 1, SEGMENT))


class Loud(Hungry):
    """Computes a product that float16 cannot hold."""

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        product = torch.full((SEGMENT, 90), 300.0) @ torch.full((90, 1), 300.0)
        return product.T[None, None].float()


def test_what_half_precision_cannot_hold_is_done_again_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    # The CPU stands in for a GPU: its autocast is the same mechanism, which we otherwise never use there.
    monkeypatch.setattr(on_device, "half_type", lambda precision, device: torch.float16)
    loud, lines = run(Loud(0), 1, CPU)
    for _ in range(2):
        assert loud.begin(torch.zeros(1, 1, SEGMENT))().eq(90 * 300.0**2).all()
    assert len(lines) == 1
    assert "float32" in lines[0]


def test_half_precision_is_for_gpus() -> None:
    assert half_type(Precision.AUTO, CPU) is half_type(Precision.FLOAT32, META) is None
    assert half_type(Precision.HALF, torch.device("mps")) is torch.float16
    with pytest.raises(ModelError, match="half precision"):
        half_type(Precision.HALF, CPU)


def test_matrix_products_are_what_half_precision_is_used_for() -> None:
    wave = torch.ones(4, 64)
    with arithmetic(CPU, torch.bfloat16):
        assert (wave @ wave.T).dtype is torch.bfloat16
        assert torch.fft.rfft(wave).dtype is torch.complex64
        spectrum = torch.stft(wave, 16, window=torch.ones(16), return_complex=True)
        assert spectrum.dtype is torch.complex64
    with arithmetic(CPU, None):
        assert (wave @ wave.T).dtype is torch.float32
