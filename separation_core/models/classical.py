"""`dsp`: four stems from classical signal processing, with no weights to fetch and no GPU.

In every cell of time and frequency a few cues are measured: is the sound percussive, steady, broadband, in the
centre? How far each cue speaks for each stem is a small table by octave; the stems' shares of the cell are the
softmax of that evidence, which is a Wiener filter whose powers are products of cues. So the shares sum to one, and
the stems to the mix.

Sources: harmonic and percussive medians after FitzGerald 2010, "Harmonic/percussive separation using median
filtering", with the doubt between both left open as in Driedger, Müller & Disch 2014; a second, longer median for
what sounds on unchanged after FitzGerald & Gainza 2010, "Single channel vocal separation using median filtering and
factorisation techniques"; the centre by similarity of both channels after Avendano & Jot 2002, in place of
subtracting left from right.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from scipy.ndimage import median_filter, uniform_filter

from separation_core.dsp.stft import Stft
from separation_core.models.contract import ModelSpec
from separation_core.units import Hertz

_STFT = Stft(window=4096, hop=1024)
_RATE = Hertz(44100)
_STEMS = ("drums", "bass", "other", "vocals")

_ATTACK_COLUMNS = 17
"""0.4 s: what sounds on through half of it is harmonic."""
_STEADY_COLUMNS = 87
"""2 s: voices move in that time, held chords and bass notes do not."""
_BROAD_BINS = 31
"""330 Hz: what fills half of it is percussive."""
_MOST = 0.03
"""Ratios of amplitude are told apart up to about 30 dB."""
_MOST_SIDE = 1e-3
_USUAL_SIDE = 3.0
"""How far (natural logarithm of power) a usual cell's side is below its middle: where the cue says nothing."""
_FAINT = 1e-13
"""Power 130 dB under the song's mean: where even that is missing, cues say nothing."""

_CENTRES = (50, 150, 400, 1200, 4000, 10000)
"""Hz, where the columns of the evidence stand; linear in octaves between."""

# Rows: always, percussive, sustained, broadband, steady, side, wide (see `measure_cues`). Columns: `_CENTRES`.
# In nepers against `other`. Fitted by least squares of the separated stems on songs composed from freely licensed
# one-shots, loops and sung phrases, a quarter of them in mono; all numbers are pulled towards zero.
_EVIDENCE: Mapping[str, np.ndarray] = MappingProxyType(
    {
        "drums": np.array(
            [
                [0.56, 0.47, -0.04, -0.09, 0.81, 0.91],
                [0.17, 0.49, 1.46, 1.01, 0.62, 0.50],
                [-0.89, -0.98, -0.95, -0.54, -0.05, -0.54],
                [-0.63, -0.41, 0.71, 0.67, 0.52, -0.04],
                [-0.39, -0.45, -0.54, -0.10, 0.08, -0.05],
                [0.04, 0.02, -0.17, -0.10, 0.16, 0.20],
                [0.63, 0.27, -0.36, -0.47, -0.06, 0.15],
            ]
        ),
        "bass": np.array(
            [
                [0.62, 0.30, -0.30, -0.27, -0.05, 0.01],
                [-0.70, -0.29, 0.79, 0.82, 0.57, 0.13],
                [0.34, -0.02, -0.36, -0.42, 0.13, 0.02],
                [-0.46, -0.26, 0.63, 0.58, 0.66, 0.14],
                [0.09, 0.07, -0.22, -0.09, 0.14, 0.11],
                [-0.50, -0.60, -0.69, -0.18, -0.10, -0.11],
                [-0.13, -0.27, -0.43, -0.51, -0.32, -0.08],
            ]
        ),
        "vocals": np.array(
            [
                [-0.02, -0.08, -0.49, -0.10, 0.04, 0.08],
                [0.05, -0.31, 0.63, 0.91, 0.79, 0.33],
                [0.04, -0.30, -1.03, -1.13, 0.03, -0.17],
                [0.08, -0.47, 0.08, 0.20, 0.78, 0.12],
                [0.03, -0.61, -0.81, -0.94, -0.35, -0.01],
                [-0.05, 0.12, -0.22, -0.10, -0.16, -0.47],
                [0.02, 0.08, -0.45, -0.56, -0.25, 0.06],
            ]
        ),
    }
)


class ClassicalSeparator:
    """Drums, bass, other and vocals of a 44.1 kHz stereo song; meets the `Separator` contract.

    Takes any number of frames. It works on the CPU whatever the device, and hands its answer back on the mix's
    device. Mono doubled to stereo is heard as such: the centre then says nothing and the other cues decide.
    """

    spec = ModelSpec(
        name="dsp",
        version="1",
        stems=_STEMS,
        rate=_RATE,
        channels=2,
        segment=860 * _STFT.hop,
        # Half of the longest median, and a window for what the transform smears.
        context=(_STEADY_COLUMNS // 2 + 1 + _STFT.window // _STFT.hop) * _STFT.hop,
        any_length=True,
    )

    def to(self, device: torch.device) -> "ClassicalSeparator":
        """Itself: there are no weights to move."""
        return self

    def __call__(self, mix: torch.Tensor) -> torch.Tensor:
        """See `Separator`; the stems sum to `mix` to within float32 rounding."""
        return torch.stack([_separate(song) for song in mix.cpu()]).to(mix.device)


def _separate(song: torch.Tensor) -> torch.Tensor:
    """Stems (stem, 2, frame) of `song` (2, frame)."""
    spectrum = _STFT.forward(song)
    shares = _shares(measure_cues(spectrum.numpy()))
    stems = torch.empty(len(_STEMS), *song.shape)
    rest = song.clone()
    for stem, name in enumerate(_STEMS):
        if name in _EVIDENCE:
            stems[stem] = _STFT.inverse(spectrum * shares[name], song.shape[-1])
            rest -= stems[stem]
    # What no evidence is needed for is what is left: one transform less, and the sum is exact.
    stems[_STEMS.index("other")] = rest
    return stems


def _shares(cues: list[np.ndarray]) -> dict[str, torch.Tensor]:
    """Each stem's share (column, bin) of every cell, in 0 … 1, but that of `other`: the rest."""
    odds = {name: np.exp(_evidence(table, cues)) for name, table in _EVIDENCE.items()}
    total = 1.0 + sum(odds.values())
    return {name: torch.from_numpy(odd / total) for name, odd in odds.items()}


def _evidence(table: np.ndarray, cues: list[np.ndarray]) -> np.ndarray:
    always, *weights = _over_bins(table)
    evidence = np.broadcast_to(always, cues[0].shape).copy()
    for weight, cue in zip(weights, cues, strict=True):
        evidence += weight * cue
    return evidence


def _over_bins(table: np.ndarray) -> np.ndarray:
    """`table` (row, centre) at every frequency of the transform, (row, bin) float32."""
    octaves = np.log2(np.maximum(np.arange(_STFT.bins) * _RATE / _STFT.window, _CENTRES[0]))
    return np.stack([np.interp(octaves, np.log2(_CENTRES), row) for row in table]).astype(np.float32)


def measure_cues(spectrum: np.ndarray) -> list[np.ndarray]:
    """What is heard in every cell of `spectrum` (2, column, bin): six cues, each (column, bin) float32.

    All but the last two are natural logarithms of amplitude ratios, bounded to about ±3.5. Percussive: what fills
    its surroundings in frequency, over what fills them in time. Sustained, broadband: each of these two over the
    cell itself. Steady: what lasts for seconds over what lasts for tenths. Side: how much wider than usual the cell
    is, in nepers of power, and zero in mono. Wide: how much stereo there is in the whole, 0 … 1.
    """
    # How loud the song is must not matter.
    left, right = spectrum / max(np.sqrt(_power(spectrum).mean()), np.finfo(np.float32).tiny)
    cell = np.sqrt(_power(left) + _power(right) + np.float32(_FAINT))
    lasting, broad = _running_median(cell.T, _ATTACK_COLUMNS).T, _running_median(cell, _BROAD_BINS)
    steady = _running_median(cell.T, _STEADY_COLUMNS).T
    ratios = [(broad, lasting), (lasting, cell), (broad, cell), (steady, lasting)]
    return [*(_log_ratio(*ratio, _MOST) for ratio in ratios), *_stereo_cues(left, right)]


def _stereo_cues(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle, side = _smoothed(_power(left + right)), _smoothed(_power(left - right))
    share = side.sum() / (middle.sum() + _FAINT)
    wide = np.float32(share / (share + _MOST_SIDE))
    cue = wide * (_USUAL_SIDE + _log_ratio(side, middle, _MOST_SIDE))
    return cue, np.full_like(cue, wide)


def _smoothed(power: np.ndarray) -> np.ndarray:
    """Mean over the 3 × 3 cells around each."""
    mean: np.ndarray = uniform_filter(power, size=3, mode="nearest")
    # The filter runs a sum along, whose rounding can leave less than nothing beside a loud cell.
    positive: np.ndarray = np.maximum(mean, 0.0)
    return positive


def _power(spectrum: np.ndarray) -> np.ndarray:
    power: np.ndarray = spectrum.real**2 + spectrum.imag**2
    return power


def _log_ratio(above: np.ndarray, below: np.ndarray, most: float) -> np.ndarray:
    """log(above / below), bent so that it stays within ±log(1 / most), and zero where both are silent."""
    ratio: np.ndarray = np.log((above + most * below + _FAINT) / (below + most * above + _FAINT))
    return ratio


def _running_median(rows: np.ndarray, size: int) -> np.ndarray:
    """Median over `size` (odd) neighbours along the last axis of `rows` (row, place), mirrored at the ends."""
    half = size // 2
    padded = np.pad(rows, ((0, 0), (half, half)), mode="reflect")
    # One long row is many times faster than a filter over a plane, and the padding keeps the rows apart.
    flat: np.ndarray = median_filter(padded.ravel(), size=size)
    return flat.reshape(padded.shape)[:, half:-half]
