"""A running median cheap enough for every training step, in tensor operations only."""

from collections.abc import Sequence

import torch


def running_median(x: torch.Tensor, axis: int, reaches: Sequence[int]) -> torch.Tensor:
    """`x` with each value replaced by about the median of its neighbourhood along `axis`.

    A median of three for each of `reaches` in turn, of what stands that many places before, here, and after (Tukey's
    repeated medians of three, as the "ninther"); the neighbourhood spans the sum of the reaches on both sides. Places
    beyond the ends count as the outermost one.
    """
    places = torch.arange(x.shape[axis], device=x.device)
    for reach in reaches:
        before = x.index_select(axis, (places - reach).clamp_min(0))
        after = x.index_select(axis, (places + reach).clamp_max(len(places) - 1))
        x = x.clamp(torch.minimum(before, after), torch.maximum(before, after))
    return x
