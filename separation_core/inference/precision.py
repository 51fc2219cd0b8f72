"""How exactly a network computes: in float32, or with its matrix products and convolutions in half precision.

Half precision is torch's autocast: weights, transforms and sums stay in float32. GPUs are several times faster so; CPUs
are not.
"""

from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum

import torch

from separation_core.errors import ModelError

_TENSOR_CORES = (7, 0)
"""NVIDIA's compute capability from which half precision is faster."""


class Precision(StrEnum):
    """What a listener may ask for; auto is half precision where it is faster and safe for the model."""

    AUTO = "auto"
    FLOAT32 = "float32"
    HALF = "half"


def half_type(precision: Precision, device: torch.device) -> torch.dtype | None:
    """The type of half precision on `device`, None for float32. `ModelError` for half precision on a CPU.

    float16, not bfloat16: three more bits of mantissa, and what overflows is noticed (see `OnDevice`).
    """
    if precision is Precision.FLOAT32:
        return None
    if precision is Precision.HALF:
        if device.type == "cpu":
            raise ModelError("half precision would be slower on the CPU: leave --precision at auto, or use a GPU")
        return torch.float16
    fast = device.type == "cuda" and torch.cuda.get_device_capability(device) >= _TENSOR_CORES
    return torch.float16 if fast else None


def arithmetic(device: torch.device, half: torch.dtype | None) -> AbstractContextManager[object]:
    """While it is open, networks on `device` compute in `half`, or with None strictly in float32."""
    if half is not None:
        return torch.autocast(device.type, dtype=half)
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    # torch's own default lets convolutions round to ten bits (TF32).
    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )
