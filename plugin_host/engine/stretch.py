"""Speed without pitch and pitch without speed, for many signals at once and with one map for all of them.

A phase vocoder with identity phase locking (Laroche and Dolson, "Improved phase vocoder time-scale modification of
audio", 1999). How the phases turn is found in the sum of all the signals and done to each of them, so that the whole is
linear: stretched stems sum to the stretched song, and channels keep their place. Transposing stretches by the ratio
of the pitches and then resamples.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import soxr

Rows = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]
Indices = npt.NDArray[np.intp]
ReadRows = Callable[[int, int], Rows]
"""(offset, count) to (row, 2, frame); offsets may be negative, and follow on each other upwards."""

WINDOW_SECONDS = 0.085
OVERLAP = 4
FAST_OVERLAP = 8
FAST_ADVANCE = 1.25
"""From this many input frames per output frame on, grains lie closer, so that the input is still covered."""
ONSET_RISE = 4.0
ONSET_AHEAD = 0.12
"""A partial begins anew where its power grows by the one factor within one hop and its energy lies ahead of the
grain's middle by the other, as a share of the window (after Röbel, "A new approach to transient processing in the
phase vocoder", 2003). It then takes its phase from the song."""
ONSET_MOVE = 0.5
"""How much of the way from where an onset lies in its grain to where it has to be heard it is moved: with none, drum
hits come late or early by several ms, and all the way moves noise that is no onset."""
FLOOR = 1e-20


class Stretcher:
    """`rows` stereo signals from offset 0 of `read` on, `speed` times as fast, `semitones` higher.

    Output frame n is input frame n × speed, with no latency; what lies before offset 0 is read too (one window), so
    that the beginning sounds as it does in passing. speed: 0.5 … 2. semitones: -12 … 12. rate in Hz.
    """

    def __init__(self, read: ReadRows, rows: int, rate: int, speed: float, semitones: float) -> None:
        ratio = 2.0 ** (semitones / 12)
        self._vocoder = _Vocoder(read, rows, rate, speed / ratio)
        self._resample = None if ratio == 1.0 else _Resampler(rows, ratio)
        self._ready: Rows = np.empty((rows, 2, 0), dtype=np.float32)

    def read(self, count: int) -> Rows:
        """The next `count` frames, (row, 2, frame)."""
        pieces, there = [self._ready], self._ready.shape[2]
        while there < count:
            pieces.append(self._vocoder.next_hop() if self._resample is None else self._resample.next(self._vocoder))
            there += pieces[-1].shape[2]
        found = np.concatenate(pieces, axis=2)
        self._ready = found[:, :, count:]
        return found[:, :, :count]


class _Vocoder:
    """Grains of the input laid at even distances in the output. advance: input frames for each output frame."""

    def __init__(self, read: ReadRows, rows: int, rate: int, advance: float) -> None:
        overlap = OVERLAP if advance < FAST_ADVANCE else FAST_OVERLAP
        self._window_frames = 2 ** round(np.log2(WINDOW_SECONDS * rate))
        self._hop = self._window_frames // overlap
        self._advance = advance
        shape = np.sin(np.pi * (np.arange(self._window_frames) + 0.5) / self._window_frames) ** 2
        self._window = shape.astype(np.float32)
        self._output_window = (shape / (0.375 * overlap)).astype(np.float32)
        self._input = _InputSpan(read, rows)
        self._phases = _Phases(self._window_frames, advance)
        self._sum: Rows = np.zeros((rows, 2, self._window_frames), dtype=np.float32)
        self._grain = 1 - overlap
        while self._grain < 0:  # the grains that reach into the first hop from before it
            self.next_hop()

    def next_hop(self) -> Rows:
        """The next hop of output; its first frame is grain number × hop."""
        middle = round((self._grain * self._hop + self._window_frames // 2) * self._advance)
        self._grain += 1
        span = self._input.frames(middle - self._window_frames // 2 - self._hop, self._window_frames + self._hop)
        frames = span[:, :, self._hop :] * self._window
        turns = self._phases.turns(span[:, :, : -self._hop].sum(axis=0) * self._window, frames.sum(axis=0))
        spectra = np.fft.rfft(frames, axis=-1) * turns
        self._sum += np.fft.irfft(spectra, n=self._window_frames, axis=-1) * self._output_window
        out = self._sum[:, :, : self._hop].copy()
        self._sum[:, :, : -self._hop] = self._sum[:, :, self._hop :]
        self._sum[:, :, -self._hop :] = 0.0
        return out


class _Phases:
    """By what each bin turns, so that every partial goes on from the last grain as it goes on in the song."""

    def __init__(self, window_frames: int, advance: float) -> None:
        self._frames = window_frames
        self._time = (np.arange(window_frames) - (window_frames - 1) / 2).astype(np.float32)
        self._bins = np.arange(window_frames // 2 + 1, dtype=np.float32)
        self._advance = advance
        self._turned: Spectrum | None = None

    def turns(self, before: npt.NDArray[np.float32], now: npt.NDArray[np.float32]) -> Spectrum:
        """The factor for each bin. before, now: sums of the signals (2, frame), windowed, one hop apart in the input.

        The louder channel of each bin leads.
        """
        heard = np.fft.rfft(np.stack([now, before, now * self._time]), axis=-1)
        spectra: Spectrum = heard.astype(np.complex64, copy=False)
        left = _power(spectra[0, 0]) >= _power(spectra[0, 1])
        lead, past, timed = np.where(left, spectra[:, 0], spectra[:, 1])
        peaks, peak_of_bin = _peaks(_power(lead))
        turns = self._going_on(peaks, past, left)[peak_of_bin]
        ahead = self._ahead(lead, timed, past, peaks)[peak_of_bin]
        onset = np.flatnonzero(ahead)
        turns[onset] = np.exp(np.complex64(-2j * np.pi / self._frames) * self._bins[onset] * ahead[onset])
        self._turned = spectra[0] * turns
        return turns

    def _going_on(self, peaks: Indices, past: Spectrum, left: npt.NDArray[np.bool_]) -> Spectrum:
        turns = np.ones(len(peaks), dtype=np.complex64)
        if self._turned is not None:
            wanted = np.where(left[peaks], self._turned[0, peaks], self._turned[1, peaks]) * np.conj(past[peaks])
            size = np.abs(wanted)
            heard = size > FLOOR
            turns[heard] = wanted[heard] / size[heard]
        return turns

    def _ahead(self, lead: Spectrum, timed: Spectrum, past: Spectrum, peaks: Indices) -> npt.NDArray[np.float32]:
        """By how many frames each peak has to be moved in its grain because it is an onset; 0 where it is none."""
        power = _power(lead[peaks]) + np.float32(FLOOR)
        place = (timed[peaks] * np.conj(lead[peaks])).real / power
        onset = (power > ONSET_RISE * _power(past[peaks])) & (place > ONSET_AHEAD * self._frames)
        heard = np.minimum(place / np.float32(self._advance), 0.45 * self._frames)
        ahead: npt.NDArray[np.float32] = np.where(onset, ONSET_MOVE * (heard - place), 0.0).astype(np.float32)
        return ahead


def _power(spectrum: Spectrum) -> npt.NDArray[np.float32]:
    power: npt.NDArray[np.float32] = spectrum.real**2 + spectrum.imag**2
    return power


def _peaks(power: npt.NDArray[np.float32]) -> tuple[Indices, Indices]:
    """The bins that stand out from two neighbours on either side, and for every bin the number of its nearest peak."""
    padded = np.pad(power, 2)
    inner = padded[2:-2]
    standing = (inner > padded[1:-3]) & (inner >= padded[3:-1]) & (inner > padded[:-4]) & (inner >= padded[4:])
    peaks = np.flatnonzero(standing)
    if not len(peaks):
        return np.zeros(1, dtype=np.intp), np.zeros(len(power), dtype=np.intp)
    borders = (peaks[1:] + peaks[:-1] + 1) // 2
    return peaks, np.searchsorted(borders, np.arange(len(power)), side="right")


class _InputSpan:
    """Input frames held while grains overlap them, read in order as they are needed."""

    def __init__(self, read: ReadRows, rows: int) -> None:
        self._read = read
        self._held: Rows = np.empty((rows, 2, 0), dtype=np.float32)
        self._begin: int | None = None

    def frames(self, begin: int, count: int) -> Rows:
        """Frames `begin` … `begin + count`; `begin` never goes back."""
        if self._begin is None:
            self._begin = begin
        held = self._held[:, :, begin - self._begin :]
        missing = count - held.shape[2]
        if missing > 0:
            held = np.concatenate([held, self._read(begin + held.shape[2], missing)], axis=2)
        self._held, self._begin = held, begin
        return held[:, :, :count]


class _Resampler:
    """What the vocoder gives, played `ratio` times as fast, in step with it from the first frame on."""

    def __init__(self, rows: int, ratio: float) -> None:
        self._stream = soxr.ResampleStream(ratio, 1.0, rows * 2, dtype="float32")
        self._rows = rows

    def next(self, vocoder: _Vocoder) -> Rows:
        """Some more frames, perhaps none."""
        hop = vocoder.next_hop()
        frames = np.ascontiguousarray(hop.reshape(self._rows * 2, -1).T)
        found: npt.NDArray[np.float32] = self._stream.resample_chunk(frames)
        return found.T.reshape(self._rows, 2, -1)
