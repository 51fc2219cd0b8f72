"""What a recorded mouth does, apart from the pitch it does it at: speech that can be sung, by singers of any range.

A vocoder's analysis: the envelope of each short spectrum says how the mouth stands, its autocorrelation whether the
voice sounds. `throat` lets a synthetic source through it, and so a handful of recorded speakers sing any melody.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from separation_core.training.corpus import RATE
from separation_core.training.material import Material
from separation_core.training.score import Score
from separation_core.training.shifting import FFT, log_envelope

Audio = NDArray[np.float32]
HOP, WINDOW = 256, FFT
LEAD = WINDOW // 2 // HOP
"""Windows before the one whose middle is the first frame."""
BEAT = RATE / HOP
"""Windows in a second."""
FADES = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
BINS = np.fft.rfftfreq(WINDOW, 1 / RATE).astype(np.float32)
LAGS = slice(int(RATE / 500), int(RATE / 95))
"""Periods of the voices that are looked for; longer ones than half a window fold back."""


@dataclass(frozen=True, slots=True)
class Passage:
    """How much of a tone and of a noise passes, (hop, bin) each, the first LEAD hops before the song."""

    tone: Audio
    noise: Audio


def spectra(mono: Audio) -> NDArray[np.complex64]:
    """Of windows (hop, bin) of (frame,), each HOP after the one before."""
    padded = np.pad(mono, (WINDOW, WINDOW + HOP))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.fft.rfft(windows * FADES, axis=1).astype(np.complex64)


def recorded_passage(rng: np.random.Generator, material: Material, score: Score, hops: int) -> Passage:
    """All phrases of a score as one recorded voice would say them, slower and with another vocal tract."""
    passage = Passage(*(np.zeros((hops, BINS.size), dtype=np.float32) for _ in range(2)))
    manner = str(rng.choice([name for name in material.voices if name != "whisper"] or list(material.voices)))
    singers = material.voices[manner]
    takes = singers[list(singers)[int(rng.integers(len(singers)))]]
    tract, speed = float(rng.uniform(0.75, 1.3)), float(rng.uniform(0.5, 1.1))
    for phrase in score.phrases:
        at, end = (LEAD + int(second * BEAT) for second in (phrase.start, phrase.start + phrase.room))
        while at < min(end, hops):
            said = _said(material.corpus.mono(takes[int(rng.integers(len(takes)))]), tract, speed)
            length = min(len(said.tone), end - at, hops - at)
            passage.tone[at : at + length], passage.noise[at : at + length] = said.tone[:length], said.noise[:length]
            at += length + int(rng.choice([0, 10, 60]))
    return passage


def _said(mono: Audio, tract: float, speed: float) -> Passage:
    """One recording, formants times `tract`, at `speed` times its speed."""
    heard = spectra(mono)
    at = np.arange(0, len(heard) - 1, speed).astype(np.int64)
    voiced = _voicing(heard)[at, None]
    passed = _envelope(heard, tract)[at]
    return Passage(passed * voiced, passed * (1 - voiced))


def _envelope(heard: NDArray[np.complex64], tract: float) -> Audio:
    """The smooth part of each spectrum (hop, bin), moved up by `tract`."""
    smooth = np.exp(log_envelope(np.abs(heard)))
    return smooth[:, np.minimum(np.arange(BINS.size) / tract, BINS.size - 1).astype(np.int64)]


def _voicing(heard: NDArray[np.complex64]) -> Audio:
    """How much of each window (hop,) repeats at a voice's period, 0..1."""
    alike = np.fft.irfft(np.abs(heard) ** 2, axis=1) / np.fft.irfft(np.abs(np.fft.rfft(FADES)) ** 2)
    peak = alike[:, LAGS].max(axis=1) / (alike[:, 0] + 1e-9)
    return np.asarray(np.clip((peak - 0.35) / 0.35, 0, 1), dtype=np.float32)
