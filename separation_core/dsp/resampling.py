"""Resampling of tensors, differentiable and on any device, without delay.

A windowed sinc in polyphase form (Smith, "Digital audio resampling"), with the length, roll-off and shape known as
`kaiser_best`, evaluated exactly rather than read from a table.
"""

import math
from functools import lru_cache

import torch

from separation_core.errors import ModelError
from separation_core.units import Frames, Hertz

_ZEROS = 64
_ROLLOFF = 0.9475937167399596
_BETA = 14.769656459379492
_LARGEST_TABLE = 1 << 22


def resample(signal: torch.Tensor, rate_in: Hertz, rate_out: Hertz, frames: int | None = None) -> torch.Tensor:
    """`signal` (…, frame) at another rate, delay-free, zeros taken for what lies outside.

    64 zero crossings of the sinc on each side, under a Kaiser window. frames: length of the result; None rounds up.
    Raises ModelError for rates with no small ratio.
    """
    frames = Frames(-(-signal.shape[-1] * rate_out // rate_in)) if frames is None else frames
    if rate_in == rate_out:
        return torch.nn.functional.pad(signal, (0, frames - signal.shape[-1]))
    table, step, half = _filters(rate_in, rate_out, signal.device)
    blocks = max(1, -(-frames // table.shape[1]))
    needed = (blocks - 1) * step + table.shape[0]
    padded = torch.nn.functional.pad(signal, (half, max(0, needed - half - signal.shape[-1])))[..., :needed]
    # A product, not a convolution: on GPUs convolutions may round to ten bits.
    return (padded.unfold(-1, table.shape[0], step) @ table).flatten(-2)[..., :frames]


def require_small_ratio(rate_a: Hertz, rate_b: Hertz) -> None:
    """Raise ModelError if `resample` cannot go from either rate to the other."""
    for rate_in, rate_out in ((rate_a, rate_b), (rate_b, rate_a)):
        _filters(rate_in, rate_out, torch.device("cpu"))


@lru_cache(maxsize=16)
def _filters(rate_in: int, rate_out: int, device: torch.device) -> tuple[torch.Tensor, int, int]:
    """Table (tap, output) that turns a block of input into one of output, input frames between blocks, and lead."""
    common = math.gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    slowed = max(1.0, down / up)
    half = math.ceil(_ZEROS * slowed)
    repeats = -(-2 * half // down)  # about as many frames a block as the filter is long, or the overlap costs more
    up, down = up * repeats, down * repeats
    if up * (down + 2 * half) > _LARGEST_TABLE:
        raise ModelError(f"{rate_in} Hz and {rate_out} Hz have no small ratio: take the song at 44100 or 48000 Hz")
    taps = torch.arange(down + 2 * half, dtype=torch.float64)[:, None] - half
    outputs = torch.arange(up, dtype=torch.float64) * down / up
    return _windowed_sinc((taps - outputs) / slowed).div(slowed).float().to(device), down, half


def _windowed_sinc(position: torch.Tensor) -> torch.Tensor:
    """The filter at `position`, in frames of the lower rate from its centre."""
    inside = (1 - (position / _ZEROS).square()).clamp_min(0).sqrt()
    taper = torch.special.i0(_BETA * inside) / torch.special.i0(position.new_tensor(_BETA))
    return _ROLLOFF * torch.sinc(_ROLLOFF * position) * torch.where(position.abs() < _ZEROS, taper, 0.0)
