"""Studio effects on numpy blocks (channel, frame), fast enough to render many songs a second.

All take and give float32 at 44.1 kHz. Filters are second-order sections from R. Bristow-Johnson's Audio EQ Cookbook.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import lfilter, sosfilt

from separation_core.training.corpus import RATE

Audio = NDArray[np.float32]
Sections = NDArray[np.float64]
REVERB_BANK = 48
ENVELOPE_HOP = 64


def peaking(frequency: float, gain_db: float, q: float) -> Sections:
    """A bell of `gain_db` at `frequency` Hz, as one second-order section (1, 6)."""
    amplitude, cosine, alpha = _cookbook(frequency, gain_db, q)
    b = (1 + alpha * amplitude, -2 * cosine, 1 - alpha * amplitude)
    a = (1 + alpha / amplitude, -2 * cosine, 1 - alpha / amplitude)
    return np.asarray([[*b, *a]], dtype=np.float64) / float(a[0])


def shelf(frequency: float, gain_db: float, *, high: bool) -> Sections:
    """A low or high shelf of `gain_db` from `frequency` Hz, as one second-order section (1, 6)."""
    A, cosine, alpha = _cookbook(frequency, gain_db, 0.707)
    sign, root = (-1 if high else 1), 2 * np.sqrt(A) * alpha
    b = (
        A * ((A + 1) - sign * (A - 1) * cosine + root),
        sign * 2 * A * ((A - 1) - sign * (A + 1) * cosine),
        A * ((A + 1) - sign * (A - 1) * cosine - root),
    )
    a = (
        (A + 1) + sign * (A - 1) * cosine + root,
        -sign * 2 * ((A - 1) + sign * (A + 1) * cosine),
        (A + 1) + sign * (A - 1) * cosine - root,
    )
    return np.asarray([[*b, *a]], dtype=np.float64) / float(a[0])


def cut(frequency: float, *, high: bool) -> Sections:
    """A 12 dB/octave low-pass (`high` is cut) or high-pass at `frequency` Hz, as one section (1, 6)."""
    _, cosine, alpha = _cookbook(frequency, 0.0, 0.707)
    edge = 1 - cosine if high else 1 + cosine
    a0 = 1 + alpha
    return np.array([[edge / 2, edge if high else -edge, edge / 2, a0, -2 * cosine, 1 - alpha]]) / a0


def edge(frequency: float, *, high: bool) -> Sections:
    """As `cut`, 24 dB/octave, as two sections (2, 6)."""
    return np.concatenate([cut(frequency, high=high)] * 2)


def _cookbook(frequency: float, gain_db: float, q: float) -> tuple[float, float, float]:
    angle = 2 * np.pi * min(frequency, 0.47 * RATE) / RATE
    return float(10 ** (gain_db / 40)), float(np.cos(angle)), float(np.sin(angle) / (2 * q))


def equalise(audio: Audio, sections: list[Sections]) -> Audio:
    """Run all sections in one pass."""
    if not sections:
        return audio
    return np.asarray(sosfilt(np.concatenate(sections).astype(np.float32), audio, axis=-1), dtype=np.float32)


def draw_equaliser(rng: np.random.Generator, strength: float) -> list[Sections]:
    """One to three random bands, at most about ±`strength` dB each."""
    bands: list[Sections] = []
    if rng.random() < 0.6:
        bands.append(peaking(float(np.exp(rng.uniform(np.log(120), np.log(9000)))), rng.normal(0, strength / 2), 0.9))
    if rng.random() < 0.4:
        bands.append(shelf(float(rng.uniform(2500, 9000)), rng.normal(0, strength / 2), high=True))
    if rng.random() < 0.3:
        bands.append(shelf(float(rng.uniform(80, 400)), rng.normal(0, strength / 2), high=False))
    return bands


def level_curve(audio: Audio, release: float) -> Audio:
    """Smoothed peak level of a block, one value per `ENVELOPE_HOP` frames; instant attack within a hop."""
    frames = audio.shape[-1] // ENVELOPE_HOP * ENVELOPE_HOP
    peaks = np.abs(audio[:, :frames]).reshape(audio.shape[0], -1, ENVELOPE_HOP).max(axis=(0, 2))
    keep = float(np.exp(-ENVELOPE_HOP / (release * RATE)))
    smooth = np.asarray(lfilter([1 - keep], [1, -keep], peaks), dtype=np.float32)
    return np.asarray(np.maximum(smooth, peaks * np.float32(0.5)), dtype=np.float32)


def gain_curve(levels: Audio, frames: int) -> Audio:
    """Stretch one value per hop to one per frame, linearly."""
    at = np.arange(levels.size, dtype=np.float32) * ENVELOPE_HOP
    return np.interp(np.arange(frames, dtype=np.float32), at, levels).astype(np.float32)


def compression(audio: Audio, threshold_db: float, ratio: float, release: float) -> Audio:
    """The gain (frame,) that compresses `audio` above a threshold relative to its own loudest part."""
    levels = level_curve(audio, release)
    if levels.size == 0:
        return np.ones(audio.shape[-1], dtype=np.float32)
    over = 20 * np.log10(np.maximum(levels, 1e-6) / max(float(levels.max()), 1e-6)) - threshold_db
    gain = np.power(10.0, -np.maximum(over, 0) * (1 - 1 / ratio) / 20)
    return gain_curve(gain.astype(np.float32), audio.shape[-1])


def limiting(audio: Audio, ceiling: float) -> Audio:
    """The gain (frame,) that keeps the peaks of `audio` near `ceiling`."""
    levels = level_curve(audio, 0.05)
    if levels.size == 0:
        return np.ones(audio.shape[-1], dtype=np.float32)
    peaks = np.maximum(levels, np.concatenate([levels[1:], levels[-1:]]))
    return gain_curve(np.minimum(1.0, ceiling / np.maximum(peaks, 1e-6)).astype(np.float32), audio.shape[-1])


def saturate(audio: Audio, drive: float) -> Audio:
    """Soft clipping; the louder the drive the richer. Level is kept roughly."""
    peak = float(np.abs(audio).max()) or 1.0
    return np.asarray(np.tanh(audio * np.float32(drive / peak)) * np.float32(peak / np.tanh(drive)), dtype=np.float32)


@lru_cache(maxsize=REVERB_BANK)
def _room(index: int, size: int) -> NDArray[np.complex64]:
    """Spectrum (channel, bin) of a room at half rate: early reflections and a decaying tail that darkens."""
    rng = np.random.default_rng(1000 + index)
    rate = RATE / 2
    decay = float(np.exp(rng.uniform(np.log(0.15), np.log(2.8))))
    frames = min(int(decay * 1.1 * rate), size // 2)
    time = np.arange(frames) / rate
    tail = rng.standard_normal((2, frames)) * 10 ** (-3 * time / decay)
    keep = float(rng.uniform(0.1, 0.7))
    dark = lfilter([1 - keep], [1, -keep], tail, axis=1)
    tail = tail * np.exp(-time * 6 / decay) + dark
    for _ in range(int(rng.integers(3, 10))):
        tail[int(rng.integers(2)), int(rng.uniform(0.003, 0.05) * rate) % frames] += rng.normal(0, 6)
    early = int(rng.uniform(0.0, 0.03) * rate)
    response = np.pad(tail, ((0, 0), (early, 0)))[:, :frames]
    response /= np.sqrt((response**2).sum(axis=1, keepdims=True))
    return np.asarray(rfft(response.astype(np.float32), size, axis=1), dtype=np.complex64)


def reverberate(audio: Audio, room: int, wet: float) -> Audio:
    """Add a room to a stereo block (2, frame); the room works at half rate, as rooms swallow the highest octave."""
    frames = audio.shape[-1] // 2 * 2
    send = audio[:, :frames].mean(axis=0).reshape(-1, 2).mean(axis=1)
    size = next_fast_len(frames, real=True)
    spectrum = rfft(send, size)
    # Wrapping the tail round to the start costs nothing and is what a song in full flow sounds like.
    half = irfft(spectrum * _room(room % REVERB_BANK, size), size, axis=1)[:, : frames // 2]
    out = audio.copy()
    out[:, 0:frames:2] += np.float32(wet) * half
    middle = (half[:, :-1] + half[:, 1:]) * np.float32(0.5)
    out[:, 1 : frames - 1 : 2] += np.float32(wet) * middle
    return out


def echo(audio: Audio, delay: float, feedback: float, wet: float) -> Audio:
    """A few repeats of a stereo block (2, frame), sides swapped each time; `delay` in seconds."""
    out, step, gain = audio.copy(), int(delay * RATE), wet
    source = audio
    for repeat in range(1, 5):
        if repeat * step >= audio.shape[1] or gain < 0.02:
            break
        source = source[::-1]
        out[:, repeat * step :] += np.float32(gain) * source[:, : audio.shape[1] - repeat * step]
        gain *= feedback
    return out


def place(mono: Audio, pan: float) -> Audio:
    """A mono block (frame,) at constant power between left (-1) and right (+1), as (2, frame)."""
    angle = (pan + 1) * np.pi / 4
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32) * np.float32(np.sqrt(2))
    return np.asarray(gains * mono, dtype=np.float32)


def widen(audio: Audio, width: float) -> Audio:
    """Scale the side signal of a stereo block: 0 is mono, 1 as it was, above 1 wider."""
    middle, side = audio.mean(axis=0), (audio[0] - audio[1]) * np.float32(width / 2)
    return np.stack([middle + side, middle - side])
