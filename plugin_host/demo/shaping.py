"""What every instrument of the demo song is made with: envelopes, filters, placing, panning, a room.

Arrays are float64 while the song is made: mono signals (frame,), stereo (channel, frame).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from plugin_host.demo.score import FRAMES, RATE

Signal = NDArray[np.float64]
_Band = Literal["lowpass", "highpass", "bandpass"]


def times(frames: int) -> Signal:
    """Seconds from 0, one per frame."""
    return np.arange(frames) / RATE


def frames_of(seconds: float) -> int:
    """Seconds as whole frames."""
    return round(seconds * RATE)


def decay(frames: int, seconds: float) -> Signal:
    """An exponential that has fallen by 60 dB after `seconds`."""
    return np.exp(-6.91 * times(frames) / seconds)


def held(frames: int, attack: float, release: float) -> Signal:
    """1 with raised-cosine slopes of `attack` and `release` seconds, the release ending with the array."""
    level = np.minimum(1.0, times(frames) / max(attack, 1e-4))
    level = np.minimum(level, times(frames)[::-1] / max(release, 1e-4))
    return 0.5 - 0.5 * np.cos(np.pi * level)


def low_pass(sound: Signal, hertz: float, order: int = 2) -> Signal:
    """Butterworth low-pass."""
    return _filtered(sound, "lowpass", hertz, order)


def high_pass(sound: Signal, hertz: float, order: int = 2) -> Signal:
    """Butterworth high-pass."""
    return _filtered(sound, "highpass", hertz, order)


def band_pass(sound: Signal, low: float, high: float) -> Signal:
    """Second-order Butterworth band-pass."""
    return _filtered(sound, "bandpass", (low, high), 1)


def _filtered(sound: Signal, kind: _Band, hertz: float | tuple[float, float], order: int) -> Signal:
    sections = signal.butter(order, hertz, kind, fs=RATE, output="sos")
    return np.asarray(signal.sosfilt(sections, sound, axis=-1))


def saturate(sound: Signal, drive: float) -> Signal:
    """Soft clipping that leaves quiet parts at their level; output within ±1/drive."""
    return np.tanh(sound * drive) / drive


def panned(sound: Signal, position: float) -> Signal:
    """Mono to stereo at equal power; position -1 left … +1 right, the middle at 0 dB per side."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack([np.sqrt(2.0) * np.cos(angle) * sound, np.sqrt(2.0) * np.sin(angle) * sound])


def silence(channels: int) -> Signal:
    """A song's length of nothing."""
    return np.zeros((channels, FRAMES))


def place(track: Signal, sound: Signal, seconds: float) -> None:
    """Add a mono or stereo sound into a track (channel, frame), in place, cut at both ends of the song."""
    start = frames_of(seconds)
    skipped = max(0, -start)
    start = max(0, start)
    count = min(sound.shape[-1] - skipped, track.shape[-1] - start)
    if count > 0:
        track[:, start : start + count] += sound[..., skipped : skipped + count]


def room(sound: Signal, seconds: float, damping: float, rng: np.random.Generator, pre_delay: float = 0.015) -> Signal:
    """Only the reverberation of a stereo signal, same length: decaying noise, its top dying first.

    seconds: time to -60 dB at low frequencies. damping: the top's decay is that many times shorter.
    Each side answers with its own noise, so the room is wide.
    """
    frames = frames_of(seconds)
    noise = rng.standard_normal((2, frames))
    low = low_pass(noise, 1800.0, 1)
    answer = low * decay(frames, seconds) + (noise - low) * decay(frames, seconds / damping)
    answer *= held(frames, 0.008, 0.05) / np.sqrt(np.sum(answer**2, axis=-1, keepdims=True))
    delayed = np.pad(answer, ((0, 0), (frames_of(pre_delay), 0)))
    return np.asarray(signal.fftconvolve(sound, delayed, axes=-1))[:, : sound.shape[-1]]


def ping_pong(sound: Signal, seconds: float, feedback: float, repeats: int) -> Signal:
    """Only the echoes of a mono signal, alternating left and right, each softer and darker."""
    echoes = silence(2)
    for repeat in range(1, repeats + 1):
        sound = low_pass(sound, 4500.0, 1) * feedback
        place(echoes, panned(sound, 0.8 if repeat % 2 else -0.8), seconds * repeat)
    return echoes
