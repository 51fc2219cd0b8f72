"""When memory runs out the run goes on in smaller steps, and says so."""

from dataclasses import dataclass

import pytest
import torch

from separation_core.errors import ModelError
from separation_core.inference.on_device import OnDevice
from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

META, CPU = torch.device("meta"), torch.device("cpu")


@dataclass
class Hungry:
    """A separator that has memory for `room` segments on the first device, and for any number on the CPU."""

    room: int
    room_on_cpu: int = 99
    device: torch.device = META
    spec = ModelSpec("hungry", "1", ("all",), Hertz(1000), 1, 8, 0)

    def to(self, device: torch.device) -> "Hungry":
        self.device = device
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        if len(mix) > (self.room_on_cpu if self.device == CPU else self.room):
            raise torch.OutOfMemoryError("no room")
        return torch.ones(len(mix), 1, 1, 8)


@pytest.mark.parametrize(("room", "said"), [(5, 0), (3, 1), (1, 3)])
def test_the_batch_is_halved_until_it_fits(room: int, said: int) -> None:
    lines: list[str] = []
    stems = OnDevice(Hungry(room), META, note=lines.append)(torch.zeros(5 if room > 3 else 4, 1, 8))
    assert stems.shape[0] == (5 if room > 3 else 4)
    assert len(lines) == said
    assert all("\n" not in line and "hungry" in line for line in lines)


def test_the_cpu_takes_over_when_one_segment_is_too_much() -> None:
    lines: list[str] = []
    model = Hungry(room=0)
    run = OnDevice(model, META, note=lines.append)
    assert run(torch.zeros(1, 1, 8)).shape == (1, 1, 1, 8)
    assert model.device == CPU
    assert "CPU" in lines[-1]


def test_no_room_on_the_cpu_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ModelError, match="not enough memory"):
        OnDevice(Hungry(0, room_on_cpu=0), CPU)(torch.zeros(1, 1, 8))
