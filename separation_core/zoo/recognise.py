"""Which network a set of named shapes belongs to, and how that network was built.

Most sizes can be read off the shapes. What cannot (the split of SCNet's bands, a hop length, the number of heads in
HTDemucs) is taken from the published variant that fits, and named, so that a person can say otherwise.
"""

from collections.abc import Callable, Mapping
from typing import Any

from separation_core.errors import ModelError
from separation_core.zoo.recognise_roformer import recognise_roformer
from separation_core.zoo.shape_names import FOUR_STEMS, Recognised, Shapes, many, stem_names

_SCNET_BANDS = {
    (32, 6): (0.175, 0.392, 0.433),
    (64, 6): (0.225, 0.372, 0.403),
    (64, 8): (0.23, 0.37, 0.4),
}
"""Share of the bins in each band, by the first width and the number of dual-path layers of the published variants."""


def recognise(shapes: Shapes, source: str) -> Recognised:
    """The network that has these named shapes. Raises ModelError where none is known."""
    for marks, family in _FAMILIES.items():
        if all(any(key.startswith(mark) for key in shapes) for mark in marks):
            try:
                return family(shapes)
            except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
                like = family.__name__.removeprefix("recognise").strip("_")
                raise ModelError(f"{source} is like {like} but not one of the known kind") from error
    shown = ", ".join(sorted(shapes)[:2])[:80]
    raise ModelError(f"{source} belongs to no known architecture (it has {shown} …): see `stemrack models`")


def _stems(count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names for that many estimates, and that this is an assumption worth naming."""
    names = stem_names(count)
    return names, (f"stems {', '.join(names)}",)


def _scnet(shapes: Shapes) -> Recognised:
    first = shapes["encoder.0.SDlayer.convs.0.weight"]
    layers = many(shapes, r"encoder\.(\d+)\.")
    dims = [first[1], *(shapes[f"encoder.{layer}.SDlayer.convs.0.weight"][0] for layer in range(layers))]
    kernels = [shapes[f"encoder.0.SDlayer.convs.{band}.weight"][2] for band in range(3)]
    stems, assumed = _stems(shapes[f"decoder.{layers - 1}.1.convtrs.0.bias"][0] // dims[0])
    paths = many(shapes, r"separation_net\.dp_modules\.(\d+)\.")
    kernel = shapes["encoder.0.conv_modules.0.layers.0.1.weight"]
    shares = _SCNET_BANDS.get((dims[1], paths), _SCNET_BANDS[32, 6])
    configuration = {
        "audio_channels": dims[0] // 2,
        "dims": dims,
        "band_SR": list(shares),
        # A band is packed without overlap, except the lowest, which is not packed.
        "band_stride": [1, *kernels[1:]],
        "band_kernel": kernels,
        "conv_depths": [many(shapes, rf"encoder\.0\.conv_modules\.{band}\.layers\.(\d+)\.") for band in range(3)],
        "compress": 2 * dims[1] // kernel[0],
        "conv_kernel": kernel[2],
        "num_dplayer": paths,
        "expand": shapes["separation_net.dp_modules.0.lstm_layers.0.weight_hh_l0"][1] // dims[-1],
        "spectrogram_normalised": False,
    } | _scnet_masks(shapes)
    assumed = (*assumed, f"band_SR {list(shares)}", "spectrogram_normalised false")
    return Recognised("scnet", configuration, stems, assumed)


def _scnet_masks(shapes: Shapes) -> dict[str, Any]:
    """The masked variant has layers more, and an offset for each bin, which tells the window."""
    if "pos_embed_f" not in shapes or "mask_layer.0.weight" not in shapes:
        return {}
    return {"masked": True, "nfft": 2 * (shapes["pos_embed_f"][2] - 1)}


def _htdemucs(shapes: Shapes) -> Recognised:
    layers = many(shapes, r"crosstransformer\.layers\.(\d+)\.")
    upsampler = shapes.get("channel_upsampler.weight")
    width = shapes["crosstransformer.layers.0.linear1.weight"]
    configuration = _hybrid(shapes) | {
        "bottom_channels": upsampler[0] if upsampler else 0,
        "t_layers": layers,
        "t_hidden_scale": width[0] / width[1],
        "segment": "39/5",
    }
    stems, assumed = _stems(_demucs_stems(shapes, configuration))
    return Recognised("htdemucs", configuration, stems, (*assumed, "t_heads 8", "segment 39/5"))


def _hdemucs(shapes: Shapes) -> Recognised:
    configuration = _hybrid(shapes) | {"segment": "44"}
    stems, assumed = _stems(_demucs_stems(shapes, configuration))
    return Recognised("hdemucs", configuration, stems, (*assumed, "hybrid_old false", "segment 44"))


def _hybrid(shapes: Shapes) -> dict[str, Any]:
    """What the two hybrid Demucs have in common."""
    first, second = shapes["encoder.0.conv.weight"], shapes["encoder.1.conv.weight"]
    audio_channels = shapes["tencoder.0.conv.weight"][1]
    return {
        "audio_channels": audio_channels,
        "channels": first[0],
        "growth": second[0] // first[0],
        "cac": first[1] == 2 * audio_channels,
        "depth": many(shapes, r"encoder\.(\d+)\."),
        "kernel_size": first[2],
        "dconv_mode": 3 if any(key.startswith("decoder.0.dconv.") for key in shapes) else 1,
        "dconv_depth": many(shapes, r"encoder\.0\.dconv\.layers\.(\d+)\."),
        "dconv_comp": first[0] // shapes["encoder.0.dconv.layers.0.0.weight"][0],
    }


def _demucs_stems(shapes: Shapes, configuration: Mapping[str, Any]) -> int:
    last = shapes[f"decoder.{configuration['depth'] - 1}.conv_tr.bias"][0]
    return int(last // (configuration["audio_channels"] * (2 if configuration["cac"] else 1)))


def _meta_tasnet(shapes: Shapes) -> Recognised:
    """Only the files of its authors exist, which hold their arguments; bare weights are taken for the published."""
    return Recognised("meta_tasnet", {}, FOUR_STEMS, ("the published sizes",))


_FAMILIES: Mapping[tuple[str, ...], Callable[[Shapes], Recognised]] = {
    ("encoder.0.SDlayer.", "separation_net.dp_modules."): _scnet,
    ("band_split.to_features.", "mask_estimators."): recognise_roformer,
    ("encoder.0.conv.", "tencoder.0.conv.", "crosstransformer."): _htdemucs,
    ("encoder.0.conv.", "tencoder.0.conv.", "tdecoder."): _hdemucs,
    ("stages.0.encoder.", "stages.0.mask."): _meta_tasnet,
}
"""Beginnings of names that all occur in a family's weights, and how to read its sizes."""
