"""The networks that checkpoints can be loaded into: by name, built from published keyword arguments or from our own.

An architecture is imported when it is first asked for, so that listing the catalogue costs nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib import import_module
from typing import Any, cast

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from separation_core.errors import ModelError
from separation_core.models.contract import ModelSpec, Separator
from separation_core.sessions.manifest import check_stem_name
from separation_core.units import Hertz
from separation_core.zoo.card_table import nearest

FULL_BAND_RATE = Hertz(44100)
RATES = (8000, 192_000)
"""The lowest and the highest rate, in hertz, that a model may take: those of songs."""
MAX_SIZE = 1 << 18
"""Largest number in a configuration that has no limit of its own; the widest published layer has 9 000 channels."""
_LARGEST = {"segment": 1 << 32, "context": 1 << 32, "nfft": 1 << 16, "window": 1 << 16, "stft_n_fft": 1 << 16}


@dataclass(frozen=True, slots=True)
class Architecture:
    """Where an architecture's classes are, and how a published configuration becomes one of ours.

    configured: (configuration class, published keyword arguments, stems) to a configuration. counts: fields that say
    how often a layer is repeated; no more often than there are tensors, or building it would take for ever.
    normalised: whether every published procedure brings the song to unit level first, see `ModelSpec`.
    """

    module: str
    network: str
    config: str
    configured: Callable[[Any, Mapping[str, Any], tuple[str, ...]], Any]
    counts: tuple[str, ...] = ()
    normalised: bool = False

    def load(self) -> tuple[Any, Any]:
        """The configuration class and the network class."""
        module = import_module(f"separation_core.models.{self.module}")
        return getattr(module, self.config), getattr(module, self.network)


def architecture(name: str) -> Architecture:
    """The architecture of that name. Raises ModelError with the nearest names."""
    if name not in ARCHITECTURES:
        raise ModelError(f"unknown architecture {name!r}: {nearest(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]


def configure(name: str, published: Mapping[str, Any], stems: tuple[str, ...]) -> Any:
    """A configuration from published keyword arguments. Raises ModelError for one that is unknown or impossible."""
    kind = architecture(name)
    config_class, _ = kind.load()
    try:
        return kind.configured(config_class, published, stems)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(f"{name} cannot be built like that: {error}") from error


def restore(name: str, sizes: Mapping[str, Any]) -> Any:
    """A configuration from `stored`'s dict. Raises ModelError for a field it does not have."""
    config_class, _ = architecture(name).load()
    known = [field.name for field in fields(config_class)]
    for key in sizes:
        if key not in known:
            raise ModelError(f"{name} has no size {key!r}: {nearest(key, known)}")
    try:
        return config_class(**{key: _frozen(value) for key, value in sizes.items()})
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(f"{name} cannot be built like that: {error}") from error


def stored(config: Any) -> dict[str, Any]:
    """A configuration as plain data for JSON, which `restore` takes back."""
    return asdict(config)


def build(name: str, config: Any, *, tensors: int, called: str, version: str, device: str = "cpu") -> nn.Module:
    """A network whose weights are not set yet, on the device "meta" not even allocated.

    tensors: how many weights the file has, which bounds how often a layer may be repeated. Raises ModelError for
    absurd sizes, and for stems whose names can be no files.
    """
    _check_sizes(name, config, tensors, called)
    _, network_class = architecture(name).load()
    try:
        with torch.device(device), _Unset():
            network: nn.Module = network_class(config, name=called, version=version)
            _check_facts(cast(Separator, network).spec, called)
            _check_spectrum(config, called)
    except (RuntimeError, TypeError, ValueError, ArithmeticError, LookupError, AssertionError) as error:
        raise ModelError(f"{called} cannot be built: {' '.join(str(error).split())[:200]}") from error
    return network


def _check_facts(spec: ModelSpec, called: str) -> None:
    """Raise ModelError for stems that can be no files, two of one name, and lengths that are none."""
    for stem in spec.stems:
        if not isinstance(stem, str) or not check_stem_name(stem):
            raise ModelError(f"{called}: a stem cannot be called {stem!r:.60}: give plain names of up to 64 characters")
    if len({stem.casefold() for stem in spec.stems}) < len(spec.stems):
        raise ModelError(f"{called}: two stems have one name ({', '.join(spec.stems)}): give each its own")
    if not (type(spec.segment) is type(spec.context) is int and spec.segment > 0 <= spec.context):
        raise ModelError(f"{called} claims segments of {spec.segment!r:.60} frames: export it again")
    if not (type(spec.rate) is int and RATES[0] <= spec.rate <= RATES[1]):
        raise ModelError(f"{called} claims a rate of {spec.rate!r:.60} Hz: export it again")


def _check_spectrum(config: Any, called: str) -> None:
    """Raise ModelError for windows that would not overlap or end, of the networks that name them so."""
    window, hop = getattr(config, "window", 1), getattr(config, "hop", 1)
    if not 0 < hop <= window:
        raise ModelError(f"{called} claims windows of {window} frames, {hop} apart: export it again")


class _Unset(TorchFunctionMode):
    """Leaves out the drawing of random weights, which all are replaced: half a gigabyte is not touched for nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every call as it is, except the random ones, which give their tensor back as it was."""
        if func in _RANDOM:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


_RANDOM = {
    torch.Tensor.uniform_, torch.Tensor.normal_, nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.xavier_normal_, nn.init.trunc_normal_,
}  # fmt: skip


def _check_sizes(name: str, config: Any, tensors: int, called: str) -> None:
    """Refuse sizes that would take for ever, or all memory, just to lay the network out."""
    counts = architecture(name).counts
    for field in fields(config):
        values = getattr(config, field.name)
        numbers = list(_whole_numbers(values))
        limit = tensors if field.name in counts else _LARGEST.get(field.name, MAX_SIZE)
        if len(numbers) > max(tensors, 64) or any(abs(number) > limit for number in numbers):
            raise ModelError(f"{called} claims {field.name} {values!r:.60}: its file is damaged, download it again")


def _whole_numbers(value: Any) -> Iterator[int]:
    """Those in a field, however deep."""
    if isinstance(value, tuple):
        for inner in value:
            yield from _whole_numbers(inner)
    elif isinstance(value, int):
        yield value


def as_separator(network: nn.Module, *, normalised: bool) -> Separator:
    """What the engine runs: the network itself, or full-band stereo of one that hears mono.

    normalised: whether it wants to hear the song at unit level, see `ModelSpec`.
    """
    separator = cast(Separator, network)
    if separator.spec.channels == 1:
        from separation_core.models.full_band import FullBand

        return FullBand(separator, FULL_BAND_RATE)
    return _Levelled(separator) if normalised and not separator.spec.normalised else separator


@dataclass(frozen=True, slots=True)
class _Levelled:
    """A separator whose published procedure gives it the song at unit level; meets `Separator`."""

    inner: Separator

    @property
    def spec(self) -> ModelSpec:
        """The inner separator's facts, and that."""
        return replace(self.inner.spec, normalised=True)

    def to(self, device: torch.device) -> "_Levelled":
        """The same with the inner separator on `device`."""
        return _Levelled(self.inner.to(device))

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """As the inner separator."""
        return self.inner(mix)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


_SCNET_NAMES = {
    "audio_channels": "channels", "dims": "dims", "nfft": "window", "hop_size": "hop", "normalized": "scaled_stft",
    "band_SR": "band_shares", "band_stride": "band_strides", "band_kernel": "band_kernels",
    "conv_depths": "conv_depths", "compress": "compress", "conv_kernel": "conv_kernel", "num_dplayer": "paths",
    "expand": "expand", "spectrogram_normalised": "normalise", "masked": "masked", "segment": "segment",
}  # fmt: skip


def _scnet(config: Any, published: Mapping[str, Any], stems: tuple[str, ...]) -> Any:
    given = {key: value for key, value in published.items() if key not in ("sources", "win_size")}
    for key in given:
        if key not in _SCNET_NAMES:
            raise ModelError(f"SCNet has no setting {key!r}: {nearest(key, _SCNET_NAMES)}")
    return config(stems=stems, **{_SCNET_NAMES[key]: _frozen(value) for key, value in given.items()})


def _demucs(config: Any, published: Mapping[str, Any], stems: tuple[str, ...]) -> Any:
    return config.from_published({"sources": stems, **published})


def _from_published(config: Any, published: Mapping[str, Any], stems: tuple[str, ...]) -> Any:
    return config.from_published(published, stems=stems)


def _meta_tasnet(config: Any, published: Mapping[str, Any], _: tuple[str, ...]) -> Any:
    return config.from_published(published) if published else config()


def _own_only(config: Any, published: Mapping[str, Any], stems: tuple[str, ...]) -> Any:
    return config(stems=stems, **{key: _frozen(value) for key, value in published.items()})


_ROFORMER_COUNTS = (
    "depth", "num_stems", "time_transformer_depth", "freq_transformer_depth", "linear_transformer_depth",
    "mask_estimator_depth",
)  # fmt: skip

ARCHITECTURES: Mapping[str, Architecture] = {
    "htdemucs": Architecture("htdemucs", "HTDemucs", "HTDemucsConfig", _demucs, ("depth", "t_layers"), True),
    "hdemucs": Architecture("hdemucs", "HDemucs", "HDemucsConfig", _demucs, ("depth",), True),
    "meta_tasnet": Architecture(
        "meta_tasnet", "MetaTasnet", "MetaTasnetConfig", _meta_tasnet, ("stages_num", "filters", "stack", "layers")
    ),
    "scnet": Architecture("scnet", "Scnet", "ScnetConfig", _scnet, ("conv_depths", "paths")),
    "bs_roformer": Architecture("bs_roformer", "BsRoformer", "BsRoformerConfig", _from_published, _ROFORMER_COUNTS),
    "mel_band_roformer": Architecture(
        "mel_band_roformer", "MelBandRoformer", "MelBandRoformerConfig", _from_published,
        (*_ROFORMER_COUNTS, "num_bands"),
    ),
    "dual-path-unet": Architecture(
        "dual_path_unet", "DualPathUNet", "DualPathUNetConfig", _own_only, ("levels", "convolutions", "paths")
    ),
    "band-unet": Architecture("band_unet", "BandUNet", "BandUNetConfig", _own_only, ("depth",)),
}  # fmt: skip
"""By the name that cards and our own files use."""
