"""Soft masks that sum to one."""

import torch

_TINY = 1e-20
"""Under any power that float32 audio has, and far enough above the smallest float32 to divide by."""


def wiener_masks(power: torch.Tensor, prior: torch.Tensor, floor: torch.Tensor | float = 0.0) -> torch.Tensor:
    """Each stem's share of the power in every cell; the shares of a cell sum to one.

    power: (stem, …) ≥ 0, what each stem is estimated to have. prior: (stem, …), broadcastable, summing to one over
    stems: the shares where nothing is known. floor: power (broadcastable to one stem) at which the prior weighs as
    much as the estimate. Source: Wiener's filter as in Liutkus & Badeau 2015, "Generalized Wiener filtering".
    """
    doubt = torch.as_tensor(floor, dtype=power.dtype, device=power.device) + _TINY
    return (power + doubt * prior) / (power.sum(0, keepdim=True) + doubt)
