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
from dataclasses import dataclass, fields
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from separation_core.dsp.resampling import resample
from separation_core.errors import ModelError
from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

INSTRUMENTS = 4
GROUPS = 8
EPSILON = 1e-8
QUIETEST = 1e-4
"""Least spread of a mix against its peak (80 dB): a lone click or a constant is not blown up beyond that."""
SILENCE = 1e-30
"""Peak from which on a mix is silence: what the network makes of it is as soft."""

Slope = torch.Tensor | float
"""Slope of a PReLU below zero: the parameter while learning, else a number, so that it can work in place."""


@dataclass(frozen=True, slots=True)
class MetaTasnetConfig:
    """Sizes of the network under their published names. The defaults are the published Meta-TasNet.

    sampling_rate: of the first stage in Hz; each of the `stages_num` stages doubles it, and N, L and W with it.
    N: channels of the latent. L, W: kernel and stride of the encoder in frames; filters: encoder kernels, each twice
    as long as the one before. num_mels: learned spectrogram bands. B, H: channels between and inside the masking
    layers, of which there are `stack` times `layers`, with `kernel` taps. E_1, E_2: sizes of the instrument embedding
    and of its bottleneck in every generator. independent_params: no generator. residual_bias: a bias on what leaves
    the masking layers. segment, context: see `ModelSpec`, in frames of the last stage.
    Raises ModelError for sizes that the network cannot have.
    """

    stems: tuple[str, ...] = ("drums", "bass", "other", "vocals")
    sampling_rate: int = 8000
    stages_num: int = 3
    N: int = 440
    L: int = 20
    W: int = 20
    filters: int = 3
    num_mels: int = 256
    B: int = 160
    H: int = 160
    stack: int = 3
    layers: int = 6
    kernel: int = 3
    E_1: int | None = 8
    E_2: int = 5
    independent_params: bool = False
    residual_bias: bool = False
    segment: int = 640_000
    context: int = 64_000

    def __post_init__(self) -> None:
        excess = self.L - self.W
        rules = (
            (len(self.stems) == INSTRUMENTS, f"{len(self.stems)} stems: it has {INSTRUMENTS}"),
            (self.stages_num >= 1, f"{self.stages_num} stages: it has one or more"),
            (min(self.N, self.W, self.B, self.H, self.filters, self.num_mels, self.E_2) > 0, "sizes below 1"),
            (self.stack > 0 and self.layers > 0, "no masking layers"),
            (self.kernel == 3, f"{self.kernel} taps: the masking layers take 3"),
            (excess >= 0 == excess % 2, f"L {self.L} with W {self.W}: L − W is even and not negative"),
            (not (self.N | self.B | self.H) % GROUPS, f"N {self.N}, B {self.B}, H {self.H}: multiples of {GROUPS}"),
            (self.sampling_rate >= 8000, f"{self.sampling_rate} Hz: the first stage takes 8000 Hz or more"),
            (bool(self.E_1) or self.independent_params, "generated weights without an embedding (E_1)"),
        )
        broken = [text for kept, text in rules if not kept]
        if broken:
            raise ModelError(f"no Meta-TasNet has {broken[0]}")

    @property
    def rates(self) -> tuple[Hertz, ...]:
        """Rate of each stage."""
        return tuple(Hertz(self.sampling_rate * 2**stage) for stage in range(self.stages_num))

    @classmethod
    def from_published(cls, arguments: Mapping[str, Any]) -> "MetaTasnetConfig":
        """The sizes in a published checkpoint's `args` (as `vars(args)`).

        What else stands there tells of the training (paths, learning rate …) and is left out; sizes that do not fit
        the weights show when these are loaded. Raises ModelError for a size that is missing or no number.
        """
        sizes = [field.name for field in fields(cls) if field.name not in ("stems", "segment", "context")]
        missing = [size for size in sizes if size not in arguments]
        if missing:
            raise ModelError(f"the checkpoint names no {missing[0]!r}: it is not one of Meta-TasNet's")
        given = {size: arguments[size] for size in sizes}
        odd = [size for size, value in given.items() if not (isinstance(value, int) or (size, value) == ("E_1", None))]
        if odd:
            raise ModelError(f"the checkpoint has {given[odd[0]]!r:.40} for {odd[0]!r}, which is a whole number")
        return cls(**given)


class MetaTasnet(nn.Module):
    """The network; meets `Separator`, mono at the last stage's rate. See the module's docstring."""

    def __init__(self, config: MetaTasnetConfig, *, name: str = "meta-tasnet", version: str = "untrained") -> None:
        super().__init__()
        self.config = config
        self._names = (name, version)
        self.stages = nn.ModuleList(_Stage(config, stage) for stage in range(config.stages_num))
        self._kept: list[_MaskWeights] = []

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
        window = _window(self.config.rates[-1])
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
            latents = _masked(stage.encoder(mix), weights, latents)
        decoded: torch.Tensor = stages[-1].decoder(latents)
        return decoded.float()

    def _typed_stages(self) -> list["_Stage"]:
        return cast("list[_Stage]", list(self.stages))

    def _weights(self) -> list["_MaskWeights"]:
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


def _window(rate: int) -> int:
    """Frames of the spectrogram's window at that rate: 128 ms at multiples of 8 kHz."""
    return 1024 * (rate // 8000)


@dataclass(frozen=True, slots=True)
class _LayerWeights:
    """One masking layer. Norms are (2, instrument, channel): scale and shift. dilation: columns between taps.

    entry: (instrument, H, B). taps: (instrument, H, 3). out: (instrument, 2·B, H), the residual's rows above those of
    the sum over layers; bias: (instrument, 2·B, 1) if there is one.
    """

    entry: torch.Tensor
    slope_1: Slope
    norm_1: torch.Tensor
    taps: torch.Tensor
    slope_2: Slope
    norm_2: torch.Tensor
    out: torch.Tensor
    bias: torch.Tensor | None
    dilation: int


@dataclass(frozen=True, slots=True)
class _MaskWeights:
    """One stage's mask. Norms are (2, instrument, channel): scale and shift.

    entry: (instrument, B, heard channel). out: (instrument, N, B).
    """

    slopes: tuple[Slope, ...]
    norms: tuple[torch.Tensor, ...]
    entry: torch.Tensor
    layers: tuple[_LayerWeights, ...]
    out: torch.Tensor


class _Stage(nn.Module):
    """Encoder, mask and decoder at one rate."""

    def __init__(self, config: MetaTasnetConfig, stage: int) -> None:
        super().__init__()
        self.encoder = _Encoder(config, stage)
        self.decoder = _Decoder(config, stage)
        self.mask = _Mask(config, config.N * 2**stage, follows=stage > 0)
        if not config.independent_params and config.E_1:
            self.instrument_embedding = nn.Embedding(INSTRUMENTS, config.E_1)

    def mask_weights(self) -> _MaskWeights:
        """The mask's weights for all instruments."""
        embedding = getattr(self, "instrument_embedding", None)
        weights: _MaskWeights = self.mask(None if embedding is None else embedding.weight)
        return weights


class _Encoder(nn.Module):
    """Learned filters of several lengths beside a learned mel spectrogram, mixed by two layers."""

    def __init__(self, config: MetaTasnetConfig, stage: int) -> None:
        super().__init__()
        latent, length, stride = (size * 2**stage for size in (config.N, config.L, config.W))
        self.spectrogram = _Spectrogram(config.num_mels, config.rates[stage])
        self.filters = nn.ModuleList(
            nn.Conv1d(1, latent // 4, width, stride, padding=(width - stride) // 2, bias=False)
            for width in (length * 2**index for index in range(config.filters))
        )
        mixed = config.num_mels + config.filters * (latent // 4)
        self.bottleneck = nn.Sequential(
            nn.Conv1d(mixed, latent, 1, bias=False), nn.ReLU(), nn.Conv1d(latent, latent, 1, bias=False)
        )

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        """Latent (batch, N, column) of `mix` (batch, frame)."""
        # Rows are ordered by filter first and its length second, as the published weights expect.
        heard = torch.stack([band(mix[:, None]) for band in self.filters], dim=2).flatten(1, 2).relu_()
        heard = torch.cat([heard, self.spectrogram(mix, heard.shape[-1])], dim=1)
        first, second = (self.bottleneck.get_parameter(f"{layer}.weight")[..., 0] for layer in (0, 2))
        return second @ (first @ heard).relu_()


class _Spectrogram(nn.Module):
    """Normalised log power spectrogram, mapped to bands by a learned matrix."""

    def __init__(self, bands: int, rate: int) -> None:
        super().__init__()
        window = _window(rate)
        bins = window // 2 + 1
        self.hop = window // 4
        self.window = nn.Parameter(torch.hann_window(window), requires_grad=False)
        self.mel_transform = nn.Conv1d(bins, bands, 1)
        self.mean = nn.Parameter(torch.zeros(1, bins, 1), requires_grad=False)
        self.std = nn.Parameter(torch.ones(1, bins, 1), requires_grad=False)
        self.affine_bias = nn.Parameter(torch.zeros(1, bins, 1))
        self.affine_scale = nn.Parameter(torch.ones(1, bins, 1))

    def forward(self, mix: torch.Tensor, columns: int) -> torch.Tensor:
        """(batch, frame) → (batch, band, column), stretched to so many columns."""
        spectrum = torch.stft(
            mix, len(self.window), self.hop, window=self.window, center=True, pad_mode="reflect", return_complex=True
        )
        power = torch.view_as_real(spectrum).square().sum(-1)
        seen = (torch.log10(power + EPSILON) - self.mean) / self.std * self.affine_scale + self.affine_bias
        return functional.interpolate(self.mel_transform(seen), columns, mode="linear", align_corners=True)


class _Decoder(nn.Module):
    """Back from latents to sound: filters of several lengths, overlapped and summed."""

    def __init__(self, config: MetaTasnetConfig, stage: int) -> None:
        super().__init__()
        latent, length, stride = (size * 2**stage for size in (config.N, config.L, config.W))
        self.stride = stride
        self.widths = [latent // 2 ** (index + 1) for index in range(config.filters)]
        self.bottleneck = nn.Sequential(nn.ConvTranspose1d(latent, sum(self.widths), 1, bias=False), nn.ReLU())
        self.filters = nn.ModuleList(
            nn.ConvTranspose1d(width, 1, length * 2**index, stride, bias=False)
            for index, width in enumerate(self.widths)
        )

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """(batch, instrument, N, column) → (batch, instrument, frame), one instrument at a time to save memory."""
        return torch.stack([self._decode(latent) for latent in latents.unbind(1)], dim=1)

    def _decode(self, latent: torch.Tensor) -> torch.Tensor:
        bottleneck = self.bottleneck.get_parameter("0.weight")[..., 0]
        parts = torch.split((bottleneck.T @ latent).relu_(), self.widths, dim=1)
        kernels = [self.filters.get_parameter(f"{index}.weight")[:, 0].T for index in range(len(parts))]
        return torch.stack([self._overlap(kernel @ part) for kernel, part in zip(kernels, parts, strict=True)]).sum(0)

    def _overlap(self, pieces: torch.Tensor) -> torch.Tensor:
        """Add pieces (batch, length, column), a stride apart, into (batch, frame) with the overhang cut off."""
        length, columns = pieces.shape[1:]
        overhang = (length - self.stride) // 2
        whole = (columns - 1) * self.stride + length
        added = functional.fold(pieces, (1, whole), (1, length), stride=(1, self.stride))
        return added[:, 0, 0, overhang : whole - overhang]


class _Mask(nn.Module):
    """Holds, or generates, the weights of one stage's mask; `_masked` applies them."""

    def __init__(self, config: MetaTasnetConfig, latent: int, *, follows: bool) -> None:
        super().__init__()
        heard = latent + latent // 2 if follows else latent
        self.norm_1 = _norm(config, heard)
        self.prelu_1 = nn.PReLU()
        self.in_conv = _convolution(config, heard, config.B)
        self.norm_2 = _norm(config, config.B)
        self.prelu_2 = nn.PReLU()
        self.tcn = nn.ModuleList(
            _MaskLayer(config, 2**layer) for _ in range(config.stack) for layer in range(config.layers)
        )
        self.norm_3 = _norm(config, config.B)
        self.prelu_3 = nn.PReLU()
        self.mask_output = _convolution(config, config.B, latent)
        self.norm_4 = _norm(config, latent)
        self.prelu_4 = nn.PReLU()

    def forward(self, embedding: torch.Tensor | None) -> _MaskWeights:
        """All weights for the instruments' embedding (instrument, E_1), or their own where there is none."""
        norms = tuple(norm(embedding) for norm in (self.norm_1, self.norm_2, self.norm_3, self.norm_4))
        slopes = tuple(_slope(layer) for layer in (self.prelu_1, self.prelu_2, self.prelu_3, self.prelu_4))
        layers = tuple(layer(embedding) for layer in self.tcn)
        (entry, _), (out, _) = self.in_conv(embedding), self.mask_output(embedding)
        return _MaskWeights(slopes, norms, entry[..., 0], layers, out[..., 0])


class _MaskLayer(nn.Module):
    """Holds, or generates, the weights of one masking layer; `_through` applies them."""

    def __init__(self, config: MetaTasnetConfig, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.norm_1 = _norm(config, config.H)
        self.prelu_1 = nn.PReLU()
        self.conv1d = _convolution(config, config.B, config.H)
        self.norm_2 = _norm(config, config.H)
        self.prelu_2 = nn.PReLU()
        self.dconv1d = _convolution(config, config.H, config.H, taps=config.kernel, groups=config.H)
        self.res_out = _convolution(config, config.H, config.B, bias=config.residual_bias)
        self.skip_out = _convolution(config, config.H, config.B, bias=config.residual_bias)

    def forward(self, embedding: torch.Tensor | None) -> _LayerWeights:
        """The layer's weights for all instruments."""
        (entry, _), (taps, _) = self.conv1d(embedding), self.dconv1d(embedding)
        (residual, residual_bias), (skip, skip_bias) = self.res_out(embedding), self.skip_out(embedding)
        out = torch.cat([residual, skip], dim=1)[..., 0]
        bias = None if residual_bias is None else torch.cat([residual_bias, skip_bias], dim=1)
        norms = (self.norm_1(embedding), self.norm_2(embedding))
        slopes = (_slope(self.prelu_1), _slope(self.prelu_2))
        return _LayerWeights(
            entry[..., 0], slopes[0], norms[0], taps[:, :, 0], slopes[1], norms[1], out, bias, self.dilation
        )


def _masked(latent: torch.Tensor, weights: _MaskWeights, previous: torch.Tensor | None) -> torch.Tensor:
    """Latents (batch, instrument, N, column), which sum to the mix's `latent` (batch, N, column).

    previous: the masked latents (batch, instrument, N/2, column) of the stage before, None in the first.
    """
    x = _entered(latent, weights, previous)
    x = _group_norm(_prelu_(x, weights.slopes[1]), weights.norms[1])
    # The layers' running input and the running sum of their outputs, one above the other: one product adds to both.
    state = torch.cat([x, torch.zeros_like(x)], dim=2)
    for layer in weights.layers:
        state = _through(layer, state)
    total = state[:, :, x.shape[2] :].contiguous()
    return _shared_out(latent, _group_norm(_prelu_(total, weights.slopes[2]), weights.norms[2]), weights)


def _entered(latent: torch.Tensor, weights: _MaskWeights, previous: torch.Tensor | None) -> torch.Tensor:
    """(batch, instrument, B, column): PReLU, normalisation and the first product.

    The mix's latent is the same for every instrument. So the normalisation goes into the kernel instead of the
    sound, and no copy of the latent is made for each.
    """
    parts = [_prelu(latent, weights.slopes[0])[:, None]]
    if previous is not None:
        parts.append(_prelu(previous, weights.slopes[0]))
    mean, gain = _moments(parts)
    scale, shift = weights.norms[0]
    kernel = weights.entry * (scale * gain)[:, :, None]
    offset = weights.entry @ shift[..., None] - kernel @ mean[..., None]
    heard = latent.shape[1]
    entered: torch.Tensor = (kernel[..., :heard].flatten(1, 2) @ parts[0][:, 0]).view(*kernel.shape[:3], -1) + offset
    return entered if previous is None else entered + kernel[..., heard:] @ parts[1]


def _through(weights: _LayerWeights, state: torch.Tensor) -> torch.Tensor:
    """Running input and running sum (batch, instrument, 2·B, column) → the same with this layer's output added."""
    x = state[:, :, : weights.entry.shape[-1]]
    y = _group_norm(_prelu_(weights.entry @ x, weights.slope_1), weights.norm_1)
    y = _along_time(y, weights.taps, weights.dilation)
    y = _group_norm(_prelu_(y, weights.slope_2), weights.norm_2)
    added = _plus_product(state, weights.out, y)
    return added if weights.bias is None else added + weights.bias


def _shared_out(latent: torch.Tensor, total: torch.Tensor, weights: _MaskWeights) -> torch.Tensor:
    """The masked latents. A group of channels at a time: its norm needs no other, and it fits the cache."""
    masked = latent.new_empty(latent.shape[0], INSTRUMENTS, *latent.shape[1:])
    size = latent.shape[1] // GROUPS
    for channels in (slice(start, start + size) for start in range(0, latent.shape[1], size)):
        claims = _prelu_(weights.out[:, channels] @ total, weights.slopes[3])
        claims = _group_norm(claims, weights.norms[3][:, :, channels], groups=1)
        masked[:, :, channels] = claims.softmax(dim=1) * latent[:, None, channels]
    return masked


def _slope(layer: nn.PReLU) -> Slope:
    return layer.weight if torch.is_grad_enabled() else float(layer.weight)


def _prelu(x: torch.Tensor, slope: Slope) -> torch.Tensor:
    return functional.leaky_relu(x, slope) if isinstance(slope, float) else functional.prelu(x, slope)


def _prelu_(x: torch.Tensor, slope: Slope) -> torch.Tensor:
    """PReLU of `x`, which is used up: in place unless gradients are wanted."""
    return functional.leaky_relu_(x, slope) if isinstance(slope, float) else functional.prelu(x, slope)


def _plus_product(total: torch.Tensor, kernel: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """`total` + `kernel` @ `x` per batch and instrument; in place unless gradients or mixed precision are wanted."""
    if torch.is_grad_enabled() or torch.is_autocast_enabled(x.device.type):
        return total + kernel @ x
    kernels = kernel.expand(len(x), -1, -1, -1).flatten(0, 1)
    total.flatten(0, 1).baddbmm_(kernels, x.flatten(0, 1))
    return total


def _moments(parts: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and one over the spread (batch, instrument, channel), both per group of channels.

    parts: (batch, instrument or 1, channel, column), together the channels that are normalised.
    """
    sums = torch.cat([part.sum(-1).expand(-1, INSTRUMENTS, -1) for part in parts], dim=-1)
    lengths = [torch.linalg.vector_norm(part, dim=-1).expand(-1, INSTRUMENTS, -1) for part in parts]
    squares = torch.cat(lengths, dim=-1).square()
    mean, square = (_group_mean(rows) / parts[0].shape[-1] for rows in (sums, squares))
    return mean, (square - mean.square()).clamp_min(0).add(EPSILON).rsqrt()


def _group_mean(rows: torch.Tensor) -> torch.Tensor:
    """Each channel's group's mean, for `rows` (batch, instrument, channel)."""
    grouped = rows.reshape(*rows.shape[:2], GROUPS, -1)
    return grouped.mean(-1, keepdim=True).expand_as(grouped).reshape(rows.shape)


def _along_time(x: torch.Tensor, taps: torch.Tensor, dilation: int) -> torch.Tensor:
    """Three taps (instrument, channel, 3) around every column of `x`, `dilation` apart, zeros outside.

    Three multiplications of whole rows: a grouped convolution of this shape is several times slower.
    """
    before, here, after = taps.unsqueeze(2).unbind(-1)
    y = x * here
    y[..., dilation:].addcmul_(x[..., :-dilation], before)
    y[..., :-dilation].addcmul_(x[..., dilation:], after)
    return y


def _group_norm(x: torch.Tensor, norm: torch.Tensor, groups: int = GROUPS) -> torch.Tensor:
    """Normalise `x` (batch, instrument, channel, column) in groups of each instrument's channels, scale and shift."""
    scale, shift = norm.flatten(1)
    normed = functional.group_norm(x.flatten(1, 2), INSTRUMENTS * groups, scale, shift, EPSILON)
    return normed.view_as(x)


def _convolution(
    config: MetaTasnetConfig, inputs: int, outputs: int, *, taps: int = 1, groups: int = 1, bias: bool = False
) -> nn.Module:
    kind = _OwnConvolution if config.independent_params else _GeneratedConvolution
    return kind(config, (outputs, inputs // groups, taps), groups, bias)


def _norm(config: MetaTasnetConfig, channels: int) -> nn.Module:
    return _OwnNorm(channels) if config.independent_params else _GeneratedNorm(config, channels)


class _GeneratedConvolution(nn.Module):
    """Weights of one convolution per instrument, generated from the instruments' embedding."""

    def __init__(self, config: MetaTasnetConfig, shape: tuple[int, int, int], groups: int, bias: bool) -> None:
        super().__init__()
        self.shape = shape
        self.bottleneck = nn.Linear(config.E_1 or 0, config.E_2)
        self.kernel = nn.Linear(config.E_2, shape[0] * shape[1] * shape[2])
        self.bias = nn.Linear(config.E_2, shape[0]) if bias else None

    def forward(self, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(instrument, E_1) → kernel and bias."""
        code = self.bottleneck(embedding)
        bias = None if self.bias is None else self.bias(code).unsqueeze(-1)
        return self.kernel(code).view(INSTRUMENTS, *self.shape), bias


class _OwnConvolution(nn.Module):
    """Weights of one convolution per instrument, each learned on its own."""

    def __init__(self, config: MetaTasnetConfig, shape: tuple[int, int, int], groups: int, bias: bool) -> None:
        super().__init__()
        outputs, inputs, taps = shape
        self.conv = nn.Conv1d(
            INSTRUMENTS * inputs * groups, INSTRUMENTS * outputs, taps, groups=INSTRUMENTS * groups, bias=bias
        )

    def forward(self, embedding: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Kernel and bias; there is no embedding to heed."""
        kernel = self.conv.weight.view(INSTRUMENTS, -1, *self.conv.weight.shape[1:])
        return kernel, None if self.conv.bias is None else self.conv.bias.view(INSTRUMENTS, -1, 1)


class _GeneratedNorm(nn.Module):
    """Scale and shift per instrument and channel, generated from the instruments' embedding."""

    def __init__(self, config: MetaTasnetConfig, channels: int) -> None:
        super().__init__()
        self.bottleneck = nn.Linear(config.E_1 or 0, config.E_2)
        self.affine = nn.Linear(config.E_2, 2 * channels)

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        """(instrument, E_1) → (2, instrument, channel)."""
        return torch.stack(self.affine(self.bottleneck(embedding)).chunk(2, dim=1))


class _OwnNorm(nn.Module):
    """Scale and shift per instrument and channel, each learned on its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(INSTRUMENTS * GROUPS, INSTRUMENTS * channels, EPSILON)

    def forward(self, embedding: torch.Tensor | None) -> torch.Tensor:
        """(2, instrument, channel); there is no embedding to heed."""
        return torch.stack([self.group_norm.weight, self.group_norm.bias]).view(2, INSTRUMENTS, -1)
