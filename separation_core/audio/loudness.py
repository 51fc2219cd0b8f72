"""Loudness and peaks of a stream.

Integrated loudness is ITU-R BS.1770-4: K-weighting, blocks of 400 ms every 100 ms, gates at -70 LUFS and at 10 LU
below the loudness of what passed the first. The K-weighting of the standard is given for 48 kHz; its two analogue
prototypes, carried to any rate by the bilinear transform, are those of libebur128 and pyloudnorm. The true peak is
read from a four times oversampled signal (annex 2), by a longer interpolation filter than the annex's example.
"""

import math
from dataclasses import dataclass

import numpy as np

from separation_core.audio.channels import WAVE_SPEAKERS
from separation_core.units import Hertz

_HOPS_PER_BLOCK = 4
_MOST_HOPS_AT_ONCE = 16
_ABSOLUTE_GATE = -70.0
_RELATIVE_GATE = -10.0
_OFFSET = -0.691
_SURROUND = 1.41
_OVERSAMPLING = 4
_TAPS = 48
_DENORMAL_GUARD = 1e-30
"""Filter states below this are zeroed: in long silence they would sink into denormal numbers, which are slow."""


@dataclass(frozen=True)
class Levels:
    """What was measured.

    lufs: integrated loudness, -inf when no 400 ms block passes the gates. peak_db, true_peak_db, rms_db: dB relative
    to full scale (RMS over all channels), -inf for silence. frames: samples per channel. clipped: samples at or
    beyond ±1. non_finite: samples that are NaN or infinite; they count as zero in all else. dc: largest absolute mean
    of a channel.
    """

    lufs: float
    peak_db: float
    true_peak_db: float
    rms_db: float
    frames: int
    clipped: int
    non_finite: int
    dc: float


class LevelMeter:
    """Measures (channel, frame) blocks as they come; how they are cut makes no difference to a single bit.

    Memory: eight bytes per 100 ms and channel, and at most 1.6 s of samples.
    """

    def __init__(self, rate: Hertz, channels: int) -> None:
        self._hop = round(rate / 10)
        self._channels = channels
        self._weights = _channel_weights(channels)
        self._sections = k_weighting(rate)
        self._state = np.zeros((len(self._sections), channels, 2))
        # Half a second to import: whoever only wants the weighting, or no level at all, need not wait for it.
        from scipy.signal import sosfilt

        self._filter = sosfilt
        self._interpolator = _Interpolator(channels, self._hop)
        self._pending: list[np.ndarray] = []
        self._pending_frames = 0
        self._energies: list[np.ndarray] = []
        self._totals = _Totals(channels)

    def add(self, block: np.ndarray) -> None:
        """Measure the next (channel, frame) block; nothing of it is kept by reference."""
        for start in range(0, block.shape[1], self._hop * _MOST_HOPS_AT_ONCE):
            part = block[:, start : start + self._hop * _MOST_HOPS_AT_ONCE]
            self._pending.append(part.astype(np.float32))
            self._pending_frames += part.shape[1]
            if self._pending_frames >= self._hop:
                self._measure_whole_hops()

    def levels(self) -> Levels:
        """The levels of all that was added so far; more may be added afterwards."""
        totals, peak_between = self._totals.copy(), self._interpolator.peak
        if self._pending_frames:
            rest = np.concatenate(self._pending, axis=1)
            finite = totals.add(rest[:, None, :])
            peak_between = max(peak_between, self._interpolator.peak_of_end(finite[:, 0]))
        else:
            peak_between = max(peak_between, self._interpolator.peak_of_end(np.zeros((self._channels, 0), np.float32)))
        return totals.levels(_gated_loudness(self._energies), max(peak_between, totals.peak))

    def _measure_whole_hops(self) -> None:
        samples = np.concatenate(self._pending, axis=1)
        count = self._pending_frames // self._hop
        used = count * self._hop
        hops = samples[:, :used].reshape(self._channels, count, self._hop)
        finite = self._totals.add(hops)
        weighted, self._state = self._filter(
            self._sections, finite.reshape(self._channels, used).astype(np.float64), axis=1, zi=self._state
        )
        power = np.mean(np.square(weighted).reshape(hops.shape), axis=2)
        self._energies.append((self._weights[:, None] * power).sum(axis=0))
        self._state[np.abs(self._state) < _DENORMAL_GUARD] = 0
        self._interpolator.add(finite)
        self._pending = [samples[:, used:]]
        self._pending_frames -= used


class _Totals:
    """Sums and counts over all samples, taken hop by hop so that the rounding is always the same."""

    def __init__(self, channels: int) -> None:
        self.frames = self.clipped = self.non_finite = 0
        self.peak = 0.0
        self.sums = np.zeros(channels)
        self.squares = np.zeros(channels)

    def copy(self) -> "_Totals":
        twin = _Totals(len(self.sums))
        twin.__dict__.update(self.__dict__)
        twin.sums, twin.squares = self.sums.copy(), self.squares.copy()
        return twin

    def add(self, hops: np.ndarray) -> np.ndarray:
        """Take in (channel, hop, frame) samples; return them with zeros for what is not finite."""
        good = np.isfinite(hops)
        finite = hops if good.all() else np.where(good, hops, np.float32(0))
        magnitude = np.abs(finite)
        self.frames += hops.shape[1] * hops.shape[2]
        self.non_finite += int(hops.size - np.count_nonzero(good))
        self.clipped += int(np.count_nonzero(magnitude >= 1)) + int(np.count_nonzero(np.isinf(hops)))
        self.peak = max(self.peak, float(magnitude.max(initial=0)))
        for hop in np.moveaxis(finite.astype(np.float64), 1, 0):
            self.sums += hop.sum(axis=1)
            self.squares += np.square(hop).sum(axis=1)
        return finite

    def levels(self, lufs: float, true_peak: float) -> Levels:
        frames = max(1, self.frames)
        rms = math.sqrt(float(self.squares.sum()) / (frames * max(1, len(self.squares))))
        return Levels(
            lufs=lufs,
            peak_db=_decibels(self.peak),
            true_peak_db=_decibels(true_peak),
            rms_db=_decibels(rms),
            frames=self.frames,
            clipped=self.clipped,
            non_finite=self.non_finite,
            dc=float(np.abs(self.sums / frames).max(initial=0)),
        )


class _Interpolator:
    """Peak of the signal at three points between each two samples.

    A hop whose largest sample times the filter's largest possible gain stays under the peak so far cannot raise it,
    and is not interpolated.
    """

    def __init__(self, channels: int, hop: int) -> None:
        taps = _interpolation_taps()
        self.peak = 0.0
        self._gain = float(np.abs(taps).sum(axis=1).max())
        self._history = np.zeros((channels, _TAPS - 1), np.float32)
        from scipy import fft  # late, as above

        self._fft = fft
        self._size = fft.next_fast_len(hop + _TAPS - 1, real=True)
        self._spectra = fft.rfft(taps, self._size, axis=1)

    def add(self, hops: np.ndarray) -> None:
        """Take in (channel, hop, frame) samples of whole hops."""
        for hop in np.moveaxis(hops, 1, 0):
            joined = np.concatenate([self._history, hop], axis=1)
            if float(np.abs(joined).max()) * self._gain > self.peak:
                self.peak = max(self.peak, self._peak(joined))
            self._history = joined[:, -(_TAPS - 1) :]

    def peak_of_end(self, rest: np.ndarray) -> float:
        """Peak of what is left, less than a hop, with silence after it; changes nothing."""
        tail = np.concatenate([self._history, rest], axis=1)
        silence = np.zeros((len(tail), _TAPS - 1), np.float32)
        first = self._peak(tail)
        return max(first, self._peak(np.concatenate([tail[:, -(_TAPS - 1) :], silence], axis=1)))

    def _peak(self, joined: np.ndarray) -> float:
        spectrum = self._fft.rfft(joined, self._size, axis=1)
        between = self._fft.irfft(spectrum[:, None] * self._spectra, self._size, axis=2)
        return float(np.abs(between[..., _TAPS - 1 : joined.shape[1]]).max(initial=0))


def k_weighting(rate: Hertz) -> np.ndarray:
    """The two second-order sections of the K-weighting at `rate`, as scipy takes them: (2, 6)."""
    return np.array([_high_shelf(rate), _high_pass(rate)])


def k_power(rate: Hertz, frequencies: np.ndarray) -> np.ndarray:
    """By how much the K-weighting at `rate` multiplies the power of each of the `frequencies` (Hz)."""
    z = np.exp(-2j * np.pi * frequencies / rate)
    powers = np.stack([np.ones_like(z), z, z**2])
    response = np.prod([(section[:3] @ powers) / (section[3:] @ powers) for section in k_weighting(rate)], axis=0)
    gain: np.ndarray = np.abs(response) ** 2
    return gain


def _high_shelf(rate: int) -> list[float]:
    K, Q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    norm = 1 + K / Q + K * K
    return [
        (high + band * K / Q + K * K) / norm,
        2 * (K * K - high) / norm,
        (high - band * K / Q + K * K) / norm,
        *_poles(K, Q, norm),
    ]


def _high_pass(rate: int) -> list[float]:
    K, Q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    return [1.0, -2.0, 1.0, *_poles(K, Q, 1 + K / Q + K * K)]


def _poles(K: float, Q: float, norm: float) -> list[float]:
    return [1.0, 2 * (K * K - 1) / norm, (1 - K / Q + K * K) / norm]


def _channel_weights(channels: int) -> np.ndarray:
    """BS.1770-4 table 3: 1.41 for speakers 60 to 120 degrees to the side, none for the low-frequency channel."""
    speakers = WAVE_SPEAKERS.get(channels, ("FL",) * channels)
    beside = {"SL", "SR"} if "SL" in speakers else {"BL", "BR"}
    weights = {"LFE": 0.0} | dict.fromkeys(beside, _SURROUND)
    return np.array([weights.get(speaker, 1.0) for speaker in speakers])


def _gated_loudness(energies: list[np.ndarray]) -> float:
    hops = np.concatenate(energies) if energies else np.zeros(0)
    if len(hops) < _HOPS_PER_BLOCK:
        return -math.inf
    blocks = np.lib.stride_tricks.sliding_window_view(hops, _HOPS_PER_BLOCK).mean(axis=1)
    loud = blocks[blocks > _power(_ABSOLUTE_GATE)]
    if not len(loud):
        return -math.inf
    return _loudness(loud[loud > loud.mean() * 10 ** (_RELATIVE_GATE / 10)].mean())


def _loudness(power: float) -> float:
    return _OFFSET + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))


def _interpolation_taps() -> np.ndarray:
    """(3, taps): windowed sinc at one, two and three quarters of a sample."""
    time = np.arange(_TAPS) - (_TAPS // 2 - 1)
    shifts = np.arange(1, _OVERSAMPLING)[:, None] / _OVERSAMPLING
    distance = time - shifts
    window = np.i0(8 * np.sqrt(np.maximum(0, 1 - (distance / (_TAPS / 2)) ** 2))) / np.i0(8)
    taps: np.ndarray = (np.sinc(distance) * window).astype(np.float32)
    return taps


def _decibels(amplitude: float) -> float:
    return 20 * math.log10(amplitude) if amplitude > 0 else -math.inf
