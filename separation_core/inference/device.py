"""Where a model runs: the fastest device there is, or the one that was asked for."""

import torch

from separation_core.errors import ModelError


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" takes CUDA, else Apple's GPU (mps), else the CPU.

    `ModelError` where the name is none or this machine has no such device.
    """
    if name == "auto":
        return _fastest()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"no device is called {name!r}: give auto, cpu, cuda, cuda:1 or mps") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(
            f"device {name!r} is not there: this machine has {torch.cuda.device_count()} CUDA devices, use auto"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelError("device 'mps' is not there: use auto")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ModelError(f"device {name!r} is not supported: give auto, cpu, cuda, cuda:1 or mps")
    return device


def _fastest() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
