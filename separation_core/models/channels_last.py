"""Convolutions and matrix products on tensors whose channels are innermost, made for the caches of a CPU.

Tensors are (batch, bin, column, channel). Laid out like this every convolution and matrix product finds its input as
it needs it, so nothing is copied between them. Layers that look at a few neighbours only can go through a tensor band
by band, so that what lies between two of their steps never leaves the cache.
"""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn
from torch.nn import functional

BINS, COLUMNS = 1, 2
"""The axes along which a convolution may move."""

BAND_FLOATS = 1 << 22
"""About how many numbers a step on a band gives on a CPU: 16 MiB, which a last-level cache holds. Half or twice as many
cost the same time; the fewer steps, the less threads wait for each other on a busy machine."""

_SMALL = 20480
"""Up to so many numbers torch takes no convolution to oneDNN."""


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
) -> torch.Tensor:
    """Convolution of (batch, bin, column, channel) by a weight (out, in, bin, column) or (out, in, column)."""
    image = functional.conv2d(x.permute(0, 3, 1, 2), _two_axes(weight), bias, stride, padding, dilation)
    return image.permute(0, 2, 3, 1)


def convolve_transposed(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    *,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> torch.Tensor:
    """Transposed convolution by a weight (in, out, bin, column) or (in, out, column); `padding` is cut off."""
    image = functional.conv_transpose2d(x.permute(0, 3, 1, 2), _two_axes(weight), bias, stride, padding)
    return image.permute(0, 2, 3, 1)


def _two_axes(weight: torch.Tensor) -> torch.Tensor:
    return weight if weight.dim() == 4 else weight.unsqueeze(2)


def pointwise(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Matrix product (…, in) → (…, out) by a weight (out, in), further axes of which are 1.

    On a CPU as a convolution: oneDNN, which computes these, uses the widest vectors of any processor, whereas the
    BLAS behind `linear` keeps to half the width on some makers' and is then half as fast. A dilation does nothing to
    a kernel of one but keeps torch from falling back to the BLAS where there is only one thread.
    """
    weight = weight.reshape(len(weight), -1)
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch left it untyped
    if x.device.type != "cpu" or not has_onednn or x.numel() <= _SMALL:
        return functional.linear(x, weight, bias)
    image = x.reshape(1, 1, -1, x.shape[-1]).permute(0, 3, 1, 2)
    out = functional.conv2d(image, weight[:, :, None, None], bias, dilation=2)
    return out.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def lay_out_weights(module: nn.Module) -> None:
    """Store convolution weights as `convolve` needs them, which would otherwise copy them at every call."""
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.ConvTranspose1d | nn.Conv2d | nn.ConvTranspose2d):
            part.weight.data = part.weight.data.movedim(1, -1).contiguous().movedim(-1, 1)


def window(x: torch.Tensor, axis: int, start: int, stop: int) -> torch.Tensor:
    """`x` from `start` to `stop` along `axis`, with zeros for what lies outside."""
    length = x.shape[axis]
    inside = x.narrow(axis, max(0, start), min(stop, length) - max(0, start))
    before, after = max(0, -start), max(0, stop - length)
    return functional.pad(inside, [*[0, 0] * (3 - axis), before, after]) if before or after else inside


def bands(x: torch.Tensor, axis: int, count: int, channels: int) -> Iterator[tuple[int, int]]:
    """Cut `count` outputs along `axis` into spans (start, stop); a step on them gives `channels` at most."""
    others = x.numel() // x.shape[axis] // x.shape[3]
    return _spans(x, count, max(1, BAND_FLOATS // (others * channels)))


def in_pieces(step: Callable[..., torch.Tensor], width: int, *tensors: torch.Tensor) -> torch.Tensor:
    """A step on every vector of (…, channel) on its own, done for as many at a time as a cache holds.

    width: numbers that the step has in hand for each.
    """
    flat = [tensor.reshape(-1, tensor.shape[-1]) for tensor in tensors]
    spans = _spans(flat[0], len(flat[0]), max(1, BAND_FLOATS // width))
    parts = (step(*(tensor[start:stop] for tensor in flat)) for start, stop in spans)
    return joined(parts, 0).view(*tensors[0].shape[:-1], -1)


def _spans(x: torch.Tensor, count: int, size: int) -> Iterator[tuple[int, int]]:
    # Other devices have no use for small pieces.
    size = size if x.device.type == "cpu" else count
    return ((start, min(start + size, count)) for start in range(0, count, size))


def joined(parts: Iterable[torch.Tensor], axis: int) -> torch.Tensor:
    """The parts one after the other along `axis`; a single one as it is."""
    listed = list(parts)
    return listed[0] if len(listed) == 1 else torch.cat(listed, dim=axis)
