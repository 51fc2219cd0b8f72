"""What Hybrid Demucs (Défossez, arXiv 2111.03600) and its transformer successor (arXiv 2211.08553) share.

Two U-Nets run side by side: one along the bins of a spectrogram, one along the frames of the waveform, which here are
the columns of a single bin. Parameter names and shapes are those of github.com/adefossez/demucs, so that published
checkpoints load by name. Tensors inside are (batch, bin, column, channel); see `channels_last`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from separation_core.models.channels_last import (
    BINS,
    COLUMNS,
    bands,
    convolve,
    convolve_transposed,
    in_pieces,
    joined,
    lay_out_weights,
    pointwise,
    window,
)
from separation_core.models.contract import ModelSpec
from separation_core.models.demucs_branches import ResidualBranches, Step
from separation_core.models.demucs_config import DemucsConfig, LayerSizes, plan_layers
from separation_core.models.demucs_spectrum import DemucsSpectrum
from separation_core.units import Hertz

Skip = tuple[torch.Tensor, int]
"""An encoder layer's output, and how many columns went in."""

_ENCODER, _DECODER = 1, 2
_SMALLEST_SPREAD = 1e-5
_CONVOLUTIONS: Mapping[int, Any] = {BINS: nn.Conv2d, COLUMNS: nn.Conv1d}
_TRANSPOSED: Mapping[int, Any] = {BINS: nn.ConvTranspose2d, COLUMNS: nn.ConvTranspose1d}


class HybridDemucs(nn.Module):
    """Both U-Nets and the way in and out; what happens between encoders and decoders is the subclass's."""

    def __init__(self, config: DemucsConfig, spectrum: DemucsSpectrum, name: str, version: str) -> None:
        super().__init__()
        self.sizes = config
        self._spectrum = spectrum
        self._names = (name, version)
        spectral, temporal = plan_layers(config)
        self.encoder = nn.ModuleList(EncoderLayer(config, sizes) for sizes in spectral)
        self.tencoder = nn.ModuleList(EncoderLayer(config, sizes) for sizes in temporal)
        self.decoder = nn.ModuleList(DecoderLayer(config, sizes) for sizes in reversed(spectral))
        self.tdecoder = nn.ModuleList(DecoderLayer(config, sizes) for sizes in reversed(temporal))
        self.freq_emb = BinOffsets(config) if config.freq_emb else None

    @property
    def spec(self) -> ModelSpec:
        """The network's facts as the engine needs them."""
        sizes, (name, version) = self.sizes, self._names
        rate = Hertz(sizes.samplerate)
        return ModelSpec(
            name, version, sizes.sources, rate, sizes.audio_channels, sizes.segment_frames,
            any_length=not sizes.lengthens, half_safe=True, draws=sizes.draws,
        )  # fmt: skip

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Separate `mix` (batch, channel, frame) into (batch, stem, channel, frame), float32, any length."""
        heard = self._lengthened(mix.float())
        spectrum, wave = self._spectrum.forward(heard), heard.transpose(1, 2)[:, None]
        mean, spread = _mean_and_spread(spectrum)
        mean_time, spread_time = _mean_and_spread(wave)
        x, xt = self._separate(
            (spectrum - mean) / (_SMALLEST_SPREAD + spread), (wave - mean_time) / (_SMALLEST_SPREAD + spread_time)
        )
        count, frames = len(self.sizes.sources), heard.shape[-1]
        scaled = (torch.addcmul(mean, stem, spread) for stem in x.float().chunk(count, dim=3))
        stems = torch.stack([self._spectrum.inverse(stem, frames) for stem in scaled], dim=1)
        waves = xt.float().view(len(mix), frames, count, -1).permute(0, 2, 3, 1)
        return torch.addcmul(stems + mean_time, waves, spread_time)[..., : mix.shape[-1]]

    def _lengthened(self, mix: torch.Tensor) -> torch.Tensor:
        """What the network hears: the mix, or more."""
        return mix

    def _between(self, x: torch.Tensor, xt: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """What the decoders start from, given the encoders' last outputs; None is silence."""
        raise NotImplementedError

    def _separate(self, x: torch.Tensor, xt: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run both U-Nets on the normalised spectrogram and waveform."""
        skips: list[Skip] = []
        skips_time: list[Skip] = []
        for index, encode in enumerate(self.encoder):
            inject, columns = None, x.shape[COLUMNS]
            if index < len(self.tencoder):
                encode_time: Any = self.tencoder[index]
                frames = xt.shape[COLUMNS]
                xt = encode_time(xt)
                inject = xt if encode_time.sizes.bare else None
                skips_time.append((xt, frames))
            x = encode(x, inject)
            if index == 0 and self.freq_emb is not None:
                x = x + self.freq_emb.offsets()
            skips.append((x, columns))
        return self._decode(*self._between(x, xt), skips, skips_time)

    def _decode(self, x: Any, xt: Any, skips: list[Skip], skips_time: list[Skip]) -> tuple[torch.Tensor, torch.Tensor]:
        apart = len(self.decoder) - len(self.tdecoder)
        decoder: Any = self.decoder
        for index, decode in enumerate(decoder):
            skip, columns = skips.pop()
            refined = decode.refine(x, skip)
            x = decode.expand(refined, columns)
            if index >= apart:
                decode_time: Any = self.tdecoder[index - apart]
                skip, frames = skips_time.pop()
                # Where the branches part, the waveform starts from what the spectrogram's decoder expands.
                refined_time = refined if decode_time.sizes.bare else decode_time.refine(xt, skip)
                xt = decode_time.expand(refined_time, frames)
        return x, xt


def _mean_and_spread(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and sample standard deviation (batch, 1, 1, 1) of each batch item; in two passes, which vectorise."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    squares = (x - mean).square().sum(dim=(1, 2, 3), keepdim=True)
    return mean, (squares / max(1, x[0].numel() - 1)).sqrt()


class BinOffsets(nn.Module):
    """A learned vector per bin, added to every column: convolutions along bins can tell low from high by it."""

    def __init__(self, config: DemucsConfig) -> None:
        super().__init__()
        bins = config.nfft // 2
        bins = 1 if bins <= config.kernel_size else bins // config.stride
        self.embedding = nn.Embedding(bins, config.channels)
        self._scale = config.emb_scale * (config.freq_emb or 0.0)

    def offsets(self) -> torch.Tensor:
        """(bin, 1, channel)."""
        return self.embedding.weight[:, None] * self._scale


class EncoderLayer(nn.Module):
    """A strided convolution, residual branches, and a gated convolution."""

    def __init__(self, config: DemucsConfig, sizes: LayerSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self._context = config.context_enc
        outputs, axis = sizes.outputs, sizes.axis
        self._stride = _along(axis, sizes.stride, 1)
        self.conv = _CONVOLUTIONS[axis](sizes.inputs, outputs, _kernel(sizes))
        self.norm1 = None if sizes.bare else _norm(sizes.groups, outputs)
        self.dconv = _branches(config, sizes, _ENCODER)
        self.rewrite, self.norm2 = _rewriting(config, sizes, self._context)
        lay_out_weights(self)

    def forward(self, x: torch.Tensor, inject: torch.Tensor | None = None) -> torch.Tensor:
        """(batch, bin, column, channel) → fewer bins or columns, more channels; `inject` joins early."""
        count = self._count(x.shape[self.sizes.axis])
        if self.sizes.bare:
            return self._convolved(x, 0, count)
        whole = self.sizes.groups > 0 or inject is not None or self._context > 0
        spans = [(0, count)] if whole else bands(x, self.sizes.axis, count, 2 * self.sizes.outputs)
        begun = (self._begun(x, start, stop, inject) for start, stop in spans)
        refine, gate = _refiner(self.dconv), self._gate()
        if self.sizes.axis == BINS:
            return joined((gate(refine(y)) for y in begun), BINS)
        y = refine(joined(begun, COLUMNS))
        return gate(y) if whole else in_pieces(gate, 3 * self.sizes.outputs, y)

    def _count(self, length: int) -> int:
        sizes = self.sizes
        if sizes.axis == COLUMNS:
            length += -length % sizes.stride
        return (length + 2 * sizes.padding - sizes.kernel) // sizes.stride + 1

    def _convolved(self, x: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """Outputs start … stop − 1 of the strided convolution."""
        sizes = self.sizes
        first = start * sizes.stride - sizes.padding
        seen = window(x, sizes.axis, first, first + (stop - start - 1) * sizes.stride + sizes.kernel)
        return convolve(seen, self.conv.weight, self.conv.bias, stride=self._stride)

    def _begun(self, x: torch.Tensor, start: int, stop: int, inject: torch.Tensor | None) -> torch.Tensor:
        y = self._convolved(x, start, stop)
        return functional.gelu(_normalised(y if inject is None else y + inject, self.norm1))

    def _gate(self) -> Step:
        """The gated convolution as a function."""
        if self.rewrite is None:
            return lambda y: y
        rewrite: Any = self.rewrite
        weight, bias = rewrite.weight, rewrite.bias
        if self.norm2 is not None or self._context:
            padding = (self._context if self.sizes.axis == BINS else 0, self._context)
            return lambda y: functional.glu(_normalised(convolve(y, weight, bias, padding=padding), self.norm2), dim=3)
        (values, gates), (value_bias, gate_bias) = weight.chunk(2), bias.chunk(2)
        return lambda y: pointwise(y, values, value_bias) * pointwise(y, gates, gate_bias).sigmoid_()


class DecoderLayer(nn.Module):
    """The mirror image: skip connection, gated convolution, residual branches, transposed convolution."""

    def __init__(self, config: DemucsConfig, sizes: LayerSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self._stride = _along(sizes.axis, sizes.stride, 1)
        self.conv_tr = _TRANSPOSED[sizes.axis](sizes.outputs, sizes.decoded, _kernel(sizes))
        self.norm2 = _norm(sizes.groups, sizes.decoded)
        self.dconv = _branches(config, sizes, _DECODER)
        self.rewrite, self.norm1 = _rewriting(config, sizes, config.context)
        self._context = config.context if config.rewrite else 0
        lay_out_weights(self)

    def refine(self, x: torch.Tensor | None, skip: torch.Tensor) -> torch.Tensor:
        """Join the layer below (None is silence) and the encoder's output into one of the same shape."""
        axis, count = self.sizes.axis, skip.shape[self.sizes.axis]
        spans = [(0, count)] if self.sizes.groups else bands(skip, axis, count, 2 * self.sizes.outputs)
        parts = (self._joined(x, skip, start, stop) for start, stop in spans)
        refine = _refiner(self.dconv)
        return joined((refine(part) for part in parts), BINS) if axis == BINS else refine(joined(parts, COLUMNS))

    def _joined(self, x: torch.Tensor | None, skip: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        axis, context = self.sizes.axis, self._context
        y = window(skip, axis, start - context, stop + context)
        if x is not None:
            y = y + window(x, axis, start - context, stop + context)
        if self.rewrite is None:
            return y
        y = convolve(y, self.rewrite.weight, self.rewrite.bias, padding=(0, context if axis == BINS else 0))
        return functional.glu(_normalised(y, self.norm1), dim=3)

    def expand(self, y: torch.Tensor, columns: int) -> torch.Tensor:
        """Undo the encoder's stride; `columns` went into the encoder."""
        sizes, axis = self.sizes, self.sizes.axis
        if sizes.groups or sizes.kernel != 2 * sizes.stride or 2 * sizes.padding != sizes.stride:
            out = _normalised(self._transposed(y, 0), self.norm2)
            length = columns if axis == COLUMNS else out.shape[BINS] - 2 * sizes.padding
            return self._activated(out.narrow(axis, sizes.padding, length))
        # A band's first and last outputs need the neighbours; what these give beyond the band is cut off.
        cut = sizes.stride + sizes.padding
        spans = bands(y, axis, y.shape[axis], sizes.decoded * sizes.stride)
        parts = (self._transposed(window(y, axis, start - 1, stop + 1), cut) for start, stop in spans)
        out = joined((self._activated(part) for part in parts), axis)
        return out if axis == BINS else out[:, :, :columns]

    def _transposed(self, y: torch.Tensor, cut: int) -> torch.Tensor:
        padding = _along(self.sizes.axis, cut, 0)
        return convolve_transposed(y, self.conv_tr.weight, self.conv_tr.bias, stride=self._stride, padding=padding)

    def _activated(self, z: torch.Tensor) -> torch.Tensor:
        return z if self.sizes.index == 0 else functional.gelu(z)


def _along(axis: int, size: int, other: int) -> tuple[int, int]:
    return (size, other) if axis == BINS else (other, size)


def _kernel(sizes: LayerSizes) -> tuple[int, ...]:
    return (sizes.kernel, 1) if sizes.axis == BINS else (sizes.kernel,)


def _norm(groups: int, channels: int) -> nn.GroupNorm | None:
    return nn.GroupNorm(groups, channels) if groups else None


def _branches(config: DemucsConfig, sizes: LayerSizes, side: int) -> ResidualBranches | None:
    wanted = config.dconv_mode & side and not sizes.bare
    return ResidualBranches(sizes.outputs, sizes.index, config) if wanted else None


def _refiner(branches: ResidualBranches | None) -> Step:
    return (lambda x: x) if branches is None else branches.prepared()


def _rewriting(
    config: DemucsConfig, sizes: LayerSizes, context: int
) -> tuple[nn.Conv1d | nn.Conv2d | None, nn.GroupNorm | None]:
    """The gated convolution, over both axes of a spectrogram, and its normalisation."""
    if sizes.bare or not config.rewrite:
        return None, None
    conv = _CONVOLUTIONS[sizes.axis](sizes.outputs, 2 * sizes.outputs, 1 + 2 * context)
    return conv, _norm(sizes.groups, 2 * sizes.outputs)


def _normalised(y: torch.Tensor, norm: nn.GroupNorm | None) -> torch.Tensor:
    return y if norm is None else norm(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
