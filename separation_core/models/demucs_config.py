"""Sizes of a hybrid Demucs as its published checkpoints state them, and the plan of layers that follows."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from fractions import Fraction
from typing import Any, ClassVar, Self

from separation_core.errors import ModelError
from separation_core.models.channels_last import BINS, COLUMNS

DEEPEST = 16
"""Layers of the deepest Demucs that makes sense: each halves what it hears at least."""
LONGEST_SEGMENT = 40
"""Characters that a length in seconds may have."""
BRANCH_HEADS = 4
"""Heads of the attention in residual branches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemucsConfig:
    """Sizes of a hybrid Demucs; names and defaults are the published ones.

    sources: names of the stems. audio_channels: in and out. channels, channels_time: of the first layer in the
    spectrogram's and the waveform's U-Net (None: the same); growth: factor from layer to layer. nfft: frames per
    column of the spectrogram, whose hop is a quarter of that. depth: layers. rewrite: a gated convolution in every
    layer. freq_emb: weight of a learned offset per bin (0: none), emb_scale: its own scale. kernel_size, stride: of
    the layers; time_stride: of those behind the point where one bin is left. context, context_enc: neighbours on both
    sides that the gated convolutions of decoder and encoder see. norm_starts: first layer with group normalisation,
    in norm_groups groups. dconv_mode: residual branches in encoder (1), decoder (2) or both (3), with dconv_depth
    layers and 1/dconv_comp of the channels. samplerate in Hz. segment: seconds, a number or a fraction as text.

    Raises ModelError for sizes that contradict each other.
    """

    sources: tuple[str, ...]
    audio_channels: int = 2
    channels: int = 48
    channels_time: int | None = None
    growth: float = 2.0
    nfft: int = 4096
    depth: int = 6
    rewrite: bool = True
    freq_emb: float | None = 0.2
    emb_scale: float = 10.0
    kernel_size: int = 8
    time_stride: int = 2
    stride: int = 4
    context: int = 1
    context_enc: int = 0
    norm_starts: int = 4
    norm_groups: int = 4
    dconv_mode: int = 1
    dconv_depth: int = 2
    dconv_comp: float = 4.0
    samplerate: int = 44100
    segment: str = "40"

    architecture: ClassVar[str] = "Demucs"
    training_only: ClassVar[frozenset[str]] = frozenset(
        {"wiener_iters", "end_iters", "wiener_residual", "multi_freqs_depth", "emb_smooth", "dconv_init", "rescale"}
    )
    """Published settings that do not change what a trained network of the supported kind gives."""
    only_supported: ClassVar[Mapping[str, Any]] = {"cac": True, "multi_freqs": None}
    """Published settings of which only one value can be run here."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "segment", _seconds(self.segment))
        counts = (self.audio_channels, self.channels, self.depth, self.stride, self.time_stride, self.samplerate)
        if not self.sources or min(*counts, self.kernel_size, self.nfft, self.dconv_comp, self.growth) <= 0:
            raise ModelError(f"{self.architecture} with a size of zero or less ({self}): use another checkpoint")
        if self.depth > DEEPEST:
            raise ModelError(f"{self.architecture} with depth {self.depth}: at most {DEEPEST} layers can be built")
        if self.nfft % 8:
            raise ModelError(f"{self.architecture} with nfft {self.nfft}: it must be divisible by 8")
        for sizes in (sizes for layers in plan_layers(self) for sizes in layers):
            self._check_layer(sizes)

    def _check_layer(self, sizes: "LayerSizes") -> None:
        if sizes.groups and (sizes.outputs % sizes.groups or sizes.decoded % sizes.groups):
            raise ModelError(
                f"{self.architecture}: {sizes.outputs} and {sizes.decoded} channels of layer {sizes.index} cannot be "
                f"normalised in {sizes.groups} groups: change channels or norm_groups"
            )
        hidden = int(sizes.outputs / self.dconv_comp)
        if self.dconv_mode and (hidden < 1 or (self.attends(sizes.index) and hidden % BRANCH_HEADS)):
            raise ModelError(
                f"{self.architecture}: residual branches with {hidden} channels in layer {sizes.index} cannot be: "
                "change channels or dconv_comp"
            )

    @classmethod
    def from_published(cls, kwargs: Mapping[str, Any]) -> Self:
        """The configuration in a published checkpoint's `kwargs`.

        Settings that act in training only are left out. Raises ModelError for one that is unknown, is of the wrong
        kind, or has a value that cannot be run here.
        """
        wanted = {key: value for key, value in kwargs.items() if key not in cls.training_only}
        for key, supported in cls.only_supported.items():
            if (wanted.pop(key, supported) or None) != (supported or None):
                raise ModelError(f"{cls.architecture} with {key} {kwargs[key]!r} cannot be run: use another checkpoint")
        known = {field.name: field for field in fields(cls)}
        for key in wanted:
            if key not in known:
                raise ModelError(f"{cls.architecture} has no setting {key!r}: it has {', '.join(sorted(known))}")
        if "sources" not in wanted:
            raise ModelError(f"{cls.architecture} without sources: add their names to the settings")
        return cls(**{key: _checked(known[key], value) for key, value in wanted.items()})

    @property
    def segment_frames(self) -> int:
        """Frames of a segment; the published code cuts off the fraction too."""
        return int(Fraction(self.segment) * self.samplerate)

    @property
    def lengthens(self) -> bool:
        """Whether the network pads what is shorter than a segment to a whole one."""
        return False

    @property
    def draws(self) -> bool:
        """Whether the published network takes a random number at every call (which turns out 0)."""
        return False

    def recurs(self, layer: int) -> bool:
        """Whether the residual branches of that layer hold an LSTM."""
        return False

    def attends(self, layer: int) -> bool:
        """Whether the residual branches of that layer hold an attention."""
        return False


def _seconds(segment: object) -> str:
    try:
        text = str(segment)
        # No powers of ten: of "1e999999999" every digit would be written out.
        seconds = Fraction(text if len(text) <= LONGEST_SEGMENT and "e" not in text.lower() else 0)
    except (ValueError, ZeroDivisionError):
        seconds = Fraction(0)
    if seconds <= 0:
        raise ModelError(f"segment {segment!r:.60} is no length in seconds: give a number or a fraction such as 39/5")
    return str(seconds)


def _checked(field: "Field[Any]", value: Any) -> Any:
    """The value if it is of the kind of the field's default; a checkpoint may hold anything."""
    if field.name == "segment":
        return value
    default = field.default
    if default is MISSING:
        fits = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
        value = tuple(value) if fits else value
    elif isinstance(default, str):
        fits = isinstance(value, str)
    elif default is None or (value is None and field.name == "freq_emb"):
        fits = value is None or isinstance(value, int)
    else:
        fits = isinstance(value, float | int if isinstance(default, float) else int)
    if not fits:
        raise ModelError(f"setting {field.name} cannot be {value!r}: its default is {default!r}")
    return value


@dataclass(frozen=True, slots=True)
class LayerSizes:
    """One layer of a U-Net: encoder `inputs` → `outputs`, decoder `outputs` → `decoded` channels.

    index: its place, 0 is outermost. axis: BINS or COLUMNS, along which kernel, stride and padding lie. groups: of its
    normalisations, 0 for none. bare: only its outer convolution exists.
    """

    index: int
    axis: int
    inputs: int
    outputs: int
    decoded: int
    kernel: int
    stride: int
    padding: int
    groups: int
    bare: bool = False


def plan_layers(config: DemucsConfig) -> tuple[list[LayerSizes], list[LayerSizes]]:
    """The layers of the spectrogram's U-Net and of the waveform's, which ends where one bin is left."""
    spectral: list[LayerSizes] = []
    temporal: list[LayerSizes] = []
    bins, kernel, stride = config.nfft // 2, config.kernel_size, config.stride
    inputs, inputs_time = 2 * config.audio_channels, config.audio_channels
    outputs, outputs_time = config.channels, config.channels_time or config.channels
    for index in range(config.depth):
        merging = 1 < bins <= kernel
        if merging:
            outputs = outputs_time = max(outputs, outputs_time)
        groups = config.norm_groups if index >= config.norm_starts else 0
        stems = len(config.sources) if index == 0 else 1
        channels = (inputs, outputs, inputs * stems)
        channels_time = (inputs_time, outputs_time, inputs_time * stems)
        if bins > 1:
            sizes = (bins, stride, 0) if merging else (kernel, stride, kernel // 4)
            spectral.append(LayerSizes(index, BINS, *channels, *sizes, groups))
            sizes = (kernel, stride, kernel // 4)
            temporal.append(LayerSizes(index, COLUMNS, *channels_time, *sizes, groups, bare=merging))
        else:
            sizes = (2 * config.time_stride, config.time_stride, config.time_stride // 2)
            spectral.append(LayerSizes(index, COLUMNS, *channels, *sizes, groups))
        bins = 1 if bins <= kernel else bins // stride
        inputs, inputs_time = outputs, outputs_time
        outputs, outputs_time = int(config.growth * outputs), int(config.growth * outputs_time)
    return spectral, temporal
