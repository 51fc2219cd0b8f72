"""Where a model runs: the fastest device there is, or the one that was asked for."""

import torch

from separation_core.errors import ModelError

_MOST_AT_ONCE = 8
"""Segments in a batch; more do not make a GPU faster that these keep busy."""
_BYTES_EACH = 2 << 30
"""GPU memory to have free for each segment of a batch; where that is too little after all, the batch is halved."""


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


def device_title(device: torch.device) -> str:
    """The device as a person reads it: "cpu", "mps", or "cuda (NVIDIA GeForce RTX 3060)"."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def segments_at_once(device: torch.device) -> int:
    """How many segments to give the device at once: one, on CUDA as many as there is likely memory for, up to 8."""
    if device.type != "cuda":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(_MOST_AT_ONCE, free // _BYTES_EACH))
