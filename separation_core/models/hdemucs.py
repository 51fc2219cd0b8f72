"""Hybrid Demucs, version 3 (Défossez, "Hybrid Spectrogram and Waveform Source Separation", arXiv 2111.03600).

The networks of hdemucs_mmi and of the mdx_extra bag. The two U-Nets meet where the spectrogram has one bin left; behind
that point they go on as one, with LSTMs and local attention in their residual branches.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from separation_core.models.demucs_config import DemucsConfig
from separation_core.models.demucs_layers import HybridDemucs
from separation_core.models.demucs_spectrum import DemucsSpectrum


@dataclass(frozen=True, slots=True, kw_only=True)
class HDemucsConfig(DemucsConfig):
    """Sizes of a Hybrid Demucs; see `DemucsConfig`. The defaults are the published ones (83 637 832 parameters).

    hybrid_old: the networks of the 2021 challenge saw silence, not a mirror image, beyond the ends of their input.
    dconv_attn, dconv_lstm: first layer whose residual branches hold an attention and an LSTM.
    """

    hybrid_old: bool = False
    dconv_attn: int = 4
    dconv_lstm: int = 4

    architecture: ClassVar[str] = "Hybrid Demucs"
    only_supported: ClassVar[Mapping[str, Any]] = {**DemucsConfig.only_supported, "hybrid": True}

    def recurs(self, layer: int) -> bool:
        """Whether the residual branches of that layer hold an LSTM."""
        return layer >= self.dconv_lstm

    def attends(self, layer: int) -> bool:
        """Whether the residual branches of that layer hold an attention."""
        return layer >= self.dconv_attn


class HDemucs(HybridDemucs):
    """The network; meets `Separator`. Takes any number of frames. See the module's docstring."""

    def __init__(self, config: HDemucsConfig, *, name: str = "hdemucs", version: str = "untrained") -> None:
        super().__init__(config, DemucsSpectrum(config.nfft, shifted=config.hybrid_old), name, version)
        self.config = config

    def _between(self, x: torch.Tensor, xt: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """The decoders start from silence and hear the encoders through their skip connections only."""
        return None, None
