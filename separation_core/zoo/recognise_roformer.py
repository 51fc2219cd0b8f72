"""How a band-split RoFormer was built, by the shapes of its weights.

What bands there are tells the transform's window and whether it hears stereo: those of a BS-RoFormer fill the spectrum
exactly, those of a Mel-band RoFormer are as wide as that many mel filters of that window. The hop is in no shape.
"""

from collections.abc import Sequence
from typing import Any

from separation_core.errors import ModelError
from separation_core.models.mel_band_roformer import mel_bands
from separation_core.zoo.shape_names import Recognised, Shapes, many, stem_names

_HOP = 441
_SIX_STEMS = ("bass", "drums", "other", "vocals", "guitar", "piano")
_SIX_STEM_HOP, _SIX_STEM_SEGMENT = 512, 588_800
"""Of the two published RoFormers of six stems, which share their configuration but for biases."""
_WINDOWS = (2048, 1024, 4096, 8192, 512)
_RATES = (44100, 48000)
_SHARED_BIASES = ("linear_62_bias_0", ".to_qkv.bias")


def recognise_roformer(shapes: Shapes) -> Recognised:
    """A BS-RoFormer or a Mel-band RoFormer. Raises ValueError or KeyError where it is neither."""
    widths = [
        shapes[f"band_split.to_features.{band}.1.weight"][1]
        for band in range(many(shapes, r"band_split\.to_features\.(\d+)\."))
    ]
    matrices = many(shapes, r"mask_estimators\.0\.to_freqs\.0\.0\.(\d+)\.")
    common, stems, assumed = _common(shapes)
    window, stereo = _filled(widths)
    if window:
        bands = {"freqs_per_bands": [width // (4 if stereo else 2) for width in widths]}
        depth = {"stereo": stereo, "mask_estimator_depth": matrices}
        return Recognised("bs_roformer", common | _window(window) | depth | bands, stems, assumed)
    rate, window, stereo = _mel(widths)
    sizes = {"stereo": stereo, "sample_rate": rate, "num_bands": len(widths), "mask_estimator_depth": matrices - 1}
    return Recognised("mel_band_roformer", common | _window(window) | sizes, stems, assumed)


def _common(shapes: Shapes) -> tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    """What both kinds have, the names of the stems, and what is assumed."""
    dim = shapes["band_split.to_features.0.1.weight"][0]
    estimates = many(shapes, r"mask_estimators\.(\d+)\.")
    stems = _SIX_STEMS if estimates == len(_SIX_STEMS) else stem_names(estimates)
    blocks = many(shapes, r"layers\.0\.(\d+)\.")
    time, frequency = blocks - 2, blocks - 1
    attention = f"layers.0.{time}.layers.0.0"
    heads, inner = shapes[f"{attention}.to_gates.weight"][0], shapes[f"{attention}.to_qkv.weight"][0]
    common: dict[str, Any] = {
        "dim": dim,
        "depth": many(shapes, r"layers\.(\d+)\."),
        "num_stems": estimates,
        "time_transformer_depth": many(shapes, rf"layers\.0\.{time}\.layers\.(\d+)\."),
        "freq_transformer_depth": many(shapes, rf"layers\.0\.{frequency}\.layers\.(\d+)\."),
        "linear_transformer_depth": many(shapes, r"layers\.0\.0\.layers\.(\d+)\.") if blocks == 3 else 0,
        "dim_head": inner // (3 * heads),
        "heads": heads,
        "mlp_expansion_factor": shapes["mask_estimators.0.to_freqs.0.0.0.weight"][0] // dim,
        "use_shared_bias": any(key.endswith(_SHARED_BIASES) for key in shapes),
        "stft_hop_length": _HOP,
    }
    if stems is _SIX_STEMS:
        common |= {"stft_hop_length": _SIX_STEM_HOP, "segment": _SIX_STEM_SEGMENT}
    return common, stems, (f"stems {', '.join(stems)}", f"stft_hop_length {common['stft_hop_length']}")


def _window(frames: int) -> dict[str, Any]:
    return {"stft_n_fft": frames, "stft_win_length": frames}


def _filled(widths: Sequence[int]) -> tuple[int, bool]:
    """Window and whether stereo, of the spectrum that bands of so many numbers fill; window 0 where they fill none."""
    for window in _WINDOWS:
        for numbers in (4, 2):
            if sum(widths) == numbers * (window // 2 + 1):
                return window, numbers == 4
    return 0, False


def _mel(widths: Sequence[int]) -> tuple[int, int, bool]:
    """Rate, window and whether stereo, of the mel bands that have just these numbers."""
    for rate in _RATES:
        for window in _WINDOWS:
            if 2 * len(widths) > window:
                continue
            bins = _mel_widths(rate, window, len(widths))
            for numbers in (4, 2):
                if [numbers * count for count in bins] == list(widths):
                    return rate, window, numbers == 4
    raise ValueError("no bands of mel filters are as wide as these")


def _mel_widths(rate: int, window: int, count: int) -> list[int]:
    """Bins in each mel band; none where there are too many bands for the window."""
    try:
        return [len(band) for band in mel_bands(rate, window, count)]
    except ModelError:
        return []
