"""Change a recording's speed, pitch and formants independently: the way to voices that the corpus lacks.

Time is stretched by waveform-similarity overlap-add (Verhelst and Roelands, 1993), which keeps a single voice free of
the phasiness of a phase vocoder; pitch then follows from resampling, and the formants that resampling moved are
moved back, or elsewhere, by warping the spectral envelope.
"""

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
WINDOW = 1536
HOP = WINDOW // 2
REACH = 384
STRIDE = 4
FFT = 1024
CEPSTRUM = 40


def resample(audio: Audio, ratio: float) -> Audio:
    """Play (…, frame) `ratio` times as fast, by linear interpolation: higher and shorter for ratios above one."""
    if abs(ratio - 1) < 1e-4:
        return audio
    at = np.arange(0, audio.shape[-1] - 1, ratio)
    left = at.astype(np.int64)
    part = (at - left).astype(np.float32)
    return np.asarray(audio[..., left] * (1 - part) + audio[..., left + 1] * part, dtype=np.float32)


def stretch(mono: Audio, factor: float) -> Audio:
    """Make (frame,) `factor` times as long at the same pitch."""
    if abs(factor - 1) < 0.01 or mono.size < 4 * WINDOW:
        return mono
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    count = int(mono.size * factor) // HOP
    source = np.pad(mono, (REACH, WINDOW + HOP + 2 * REACH))
    out = np.zeros((count + 2) * HOP, dtype=np.float32)
    follow = REACH
    for number in range(count):
        wanted = min(int(number * HOP / factor) + REACH, mono.size)
        start = _best_start(source, follow, wanted) if number else wanted
        out[number * HOP : number * HOP + WINDOW] += window * source[start : start + WINDOW]
        follow = min(start + HOP, mono.size + REACH)
    return out[: int(mono.size * factor)]


def _best_start(source: Audio, follow: int, wanted: int) -> int:
    """The start near `wanted` whose sound continues best what would naturally have followed."""
    natural = source[follow : follow + HOP : STRIDE]
    field = source[wanted - REACH : wanted + REACH + HOP : STRIDE]
    match = np.correlate(field, natural, "valid")
    return wanted - REACH + STRIDE * int(np.argmax(match))


def warp_formants(mono: Audio, factor: float) -> Audio:
    """Move the formants of (frame,) up by `factor` (down below one), keeping its pitch and length."""
    if abs(factor - 1) < 0.02 or mono.size < 2 * FFT:
        return mono
    hop = FFT // 4
    window = np.hanning(FFT + 1)[:-1].astype(np.float32)
    padded = np.pad(mono, (FFT, FFT + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::hop] * window
    spectrum = np.fft.rfft(frames, axis=1).astype(np.complex64)
    spectrum *= _envelope_gain(np.abs(spectrum), factor)
    pieces = np.fft.irfft(spectrum, axis=1).astype(np.float32) * window
    return overlap(pieces, hop)[FFT : FFT + mono.size] * np.float32(2 / 3)


def log_envelope(size: Audio) -> Audio:
    """The logarithm of the smooth part of magnitudes (frame, bin) of `FFT`: the low part of their cepstrum."""
    cepstrum = np.fft.irfft(np.log(size + np.float32(1e-5)), axis=1)
    cepstrum[:, CEPSTRUM:-CEPSTRUM] = 0
    return np.asarray(np.fft.rfft(cepstrum, axis=1).real, dtype=np.float32)


def _envelope_gain(size: Audio, factor: float) -> Audio:
    """Warped over original spectral envelope."""
    # The envelope moves slowly: every second frame would do, but the logarithm dominates either way.
    envelope = log_envelope(size)
    at = np.minimum(np.arange(envelope.shape[1]) / factor, envelope.shape[1] - 1)
    left = np.minimum(at.astype(np.int64), envelope.shape[1] - 2)
    part = (at - left).astype(np.float32)
    warped = envelope[:, left] * (1 - part) + envelope[:, left + 1] * part
    return np.asarray(np.exp(np.clip(warped - envelope, -4, 4)), dtype=np.float32)


def overlap(pieces: Audio, hop: int) -> Audio:
    """Add windows (count, frame), each `hop` after the one before, to (frame,); `hop` divides their length."""
    count, length = pieces.shape
    out = np.zeros((count + length // hop) * hop, dtype=np.float32)
    for part in range(length // hop):
        out[part * hop : part * hop + count * hop] += pieces[:, part * hop : (part + 1) * hop].ravel()
    return out


def shift_voice(mono: Audio, semitones: float, formant: float, tempo: float) -> Audio:
    """A voice (frame,) sung `semitones` higher, with formants times `formant`, at `tempo` times the speed."""
    ratio = 2 ** (semitones / 12)
    sung = resample(stretch(mono, ratio / tempo), ratio)
    return warp_formants(sung, formant / ratio)
