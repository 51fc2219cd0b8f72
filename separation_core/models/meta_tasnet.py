"""Meta-TasNet and Conv-TasNet for music (Samuel, Ganeshan & Naradowsky, arXiv 2002.07016; Luo & Mesgarani, 1809.07454).

Parameter names and shapes are those of the published network (github.com/pfnet-research/meta-tasnet), so that its
checkpoints load by name. One network runs at several rates, each twice the one before: a stage encodes the mix into a
latent, masks it once per instrument, and hands the masked latents on; the last stage's are decoded to sound.

The masking weights of each instrument are a linear function of that instrument's embedding (Meta-TasNet), or weights
of its own (`independent_params`: a Conv-TasNet per instrument that shares encoder and decoder). Generated weights
depend on no audio, so at inference they are generated once and kept.
Tensors inside are (batch, instrument, channel, column), a column being one step of the encoder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from separation_core.dsp.resampling import resample
from separation_core.errors import ModelError
from separation_core.models.contract import ModelSpec
from separation_core.models.tasnet_coding import Decoder, Encoder, window_of
from separation_core.models.tasnet_config import INSTRUMENTS, MetaTasnetConfig
from separation_core.models.tasnet_mask import Mask, MaskWeights, masked_latents

QUIETEST = 1e-4
"""Least spread of a mix against its peak (80 dB): a lone click or a constant is not blown up beyond that."""
SILENCE = 1e-30
"""Peak from which on a mix is silence: what the network makes of it is as soft."""


class MetaTasnet(nn.Module):
    """The network; meets `Separator`, mono at the last stage's rate. See the module's docstring."""

    def __init__(self, config: MetaTasnetConfig, *, name: str = "meta-tasnet", version: str = "untrained") -> None:
        super().__init__()
        self.config = config
        self._names = (name, version)
        self.stages = nn.ModuleList(_Stage(config, stage) for stage in range(config.stages_num))
        self._kept: list[MaskWeights] = []

    @property
    def spec(self) -> ModelSpec:
        """The network's facts as the engine needs them."""
        config = self.config
        name, version = self._names
        return ModelSpec(
            name, version, config.stems, config.rates[-1], 1, config.segment, config.context, any_length=True
        )

    def train(self, mode: bool = True) -> "MetaTasnet":
        """Switch between training and inference, and forget the generated weights."""
        self._kept = []
        return super().train(mode)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """As ever, and forget the weights that were generated from the old ones."""
        self._kept = []
        return super().load_state_dict(state_dict, strict, assign)

    def at_levels(self, levels: torch.Tensor) -> "LevelledTasnet":
        """The same network, which hears every mix at the given levels (stage,) rather than at its own."""
        return LevelledTasnet(self, levels)

    def forward(self, mix: torch.Tensor, levels: torch.Tensor | None = None) -> torch.Tensor:
        """Separate `mix` (batch, 1, frame) into (batch, stem, 1, frame), float32, any length and level.

        levels: what each rate's mix is divided by, (stage,) or (stage, batch); None takes `levels` of this very mix.
        """
        frames = mix.shape[-1]
        mixes = self.pyramid(mix[:, 0])
        scales = self.levels(mixes) if levels is None else levels.to(mix.device).view(len(mixes), -1)
        stems = self.separate_rates([each / scale[:, None] for each, scale in zip(mixes, scales, strict=True)])
        return stems[..., None, :frames] * scales[-1][:, None, None, None]

    def pyramid(self, mix: torch.Tensor) -> list[torch.Tensor]:
        """`mix` (batch, frame) at every stage's rate, lengths exactly 1 : 2 : 4, zeros up to whole columns."""
        rates = self.config.rates
        step = self.config.W * 2 ** (len(rates) - 1)
        frames = max(-(-mix.shape[-1] // step) * step, self._shortest(step))
        padded = functional.pad(mix.float(), (0, frames - mix.shape[-1]))
        return [resample(padded, rates[-1], rate, frames * rate // rates[-1]) for rate in rates]

    def _shortest(self, step: int) -> int:
        """Frames that the last stage's spectrogram needs to mirror the edges, in whole columns."""
        window = window_of(self.config.rates[-1])
        return -(-window // step) * step

    def levels(self, mixes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Standard deviation (stage, batch) of every rate's mix (batch, frame), never quite zero."""
        return torch.stack([_level(mix) for mix in mixes])

    def separate_rates(self, mixes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Stems (batch, stem, frame) at the last rate of the normalised mix (batch, frame) at every rate.

        Lengths must be whole columns: W frames times 1, 2, 4 … . Raises ModelError for others.
        """
        columns = {mix.shape[-1] / (self.config.W * 2**stage) for stage, mix in enumerate(mixes)}
        if len(mixes) != len(self.stages) or len(columns) != 1 or columns.pop() % 1:
            raise ModelError(
                f"mixes of {[mix.shape[-1] for mix in mixes]} frames: give {len(self.stages)} with lengths "
                f"1 : 2 : 4 …, the first a multiple of {self.config.W}"
            )
        latents: torch.Tensor | None = None
        stages = self._typed_stages()
        for stage, weights, mix in zip(stages, self._weights(), mixes, strict=True):
            latents = masked_latents(stage.encoder(mix), weights, latents)
        decoded: torch.Tensor = stages[-1].decoder(latents)
        return decoded.float()

    def _typed_stages(self) -> list["_Stage"]:
        return cast("list[_Stage]", list(self.stages))

    def _weights(self) -> list["MaskWeights"]:
        """The masking weights of all stages: made anew while learning, otherwise kept."""
        if self.training or torch.is_grad_enabled():
            return [stage.mask_weights() for stage in self._typed_stages()]
        like = next(self.parameters())
        if not self._kept or (self._kept[0].entry.device, self._kept[0].entry.dtype) != (like.device, like.dtype):
            with torch.autocast(like.device.type, enabled=False):
                self._kept = [stage.mask_weights() for stage in self._typed_stages()]
        return self._kept


@dataclass(frozen=True, slots=True)
class LevelledTasnet:
    """A network that hears every mix at fixed `levels` (stage,); meets `Separator`.

    The authors divide each rate's mix by its standard deviation over the whole song. With the song's
    `network.levels(network.pyramid(song))` here, segments of it are heard as they heard them.
    """

    network: MetaTasnet
    levels: torch.Tensor

    @property
    def spec(self) -> ModelSpec:
        """The network's facts."""
        return self.network.spec

    def to(self, device: torch.device) -> "LevelledTasnet":
        """The same with the network on `device`."""
        return LevelledTasnet(self.network.to(device), self.levels.to(device))

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, 1, frame) into (batch, stem, 1, frame), float32."""
        stems: torch.Tensor = self.network(mix, self.levels)
        return stems


def _level(mix: torch.Tensor) -> torch.Tensor:
    """Standard deviation (batch,) of `mix` (batch, frame), safe for silence, clicks, and levels beyond float32's."""
    peak = mix.abs().amax(dim=-1).clamp_min(SILENCE)
    unbiased = int(mix.shape[-1] > 1)
    return peak * (mix / peak[:, None]).std(dim=-1, correction=unbiased).clamp_min(QUIETEST)


class _Stage(nn.Module):
    """Encoder, mask and decoder at one rate."""

    def __init__(self, config: MetaTasnetConfig, stage: int) -> None:
        super().__init__()
        self.encoder = Encoder(config, stage)
        self.decoder = Decoder(config, stage)
        self.mask = Mask(config, config.N * 2**stage, follows=stage > 0)
        if not config.independent_params and config.E_1:
            self.instrument_embedding = nn.Embedding(INSTRUMENTS, config.E_1)

    def mask_weights(self) -> MaskWeights:
        """The mask's weights for all instruments."""
        embedding = getattr(self, "instrument_embedding", None)
        weights: MaskWeights = self.mask(None if embedding is None else embedding.weight)
        return weights
