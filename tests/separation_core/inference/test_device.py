import pytest
import torch

from separation_core.errors import ModelError
from separation_core.inference.device import choose_device


def test_auto_is_a_device_that_computes() -> None:
    assert torch.ones(2, device=choose_device("auto")).sum().item() == 2


def test_the_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:x", "meta", "CPU 1"])
def test_unknown_devices_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(ModelError, match=r"^.+$"):
        choose_device(name)


def test_a_device_this_machine_has_not_got_is_named() -> None:
    with pytest.raises(ModelError, match="cuda:99"):
        choose_device("cuda:99")
