"""A sung voice without words: a glottal source heard through formants that move from vowel to vowel.

The source's harmonics are summed one by one, each with the gain and phase that the formant filter has at its
frequency (the sum of second-order resonances, as in Klatt's parallel synthesiser, JASA 67, 1980); breath and
consonants are noise. Pitch slides into each note, vibrato sets in late, and nothing is perfectly still.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from plugin_host.demo.score import FRAMES, RATE, Syllable, hertz, seconds_at
from plugin_host.demo.shaping import (
    Signal,
    band_pass,
    frames_of,
    held,
    high_pass,
    place,
    saturate,
    silence,
    times,
)

_STEP = 64
"""Frames between control points; between them everything moves in straight lines."""
_PIECE = 128
"""Control points worked on at a time."""
_TOP_HERTZ = 9000.0
_VOWELS = {  # five resonances: centre in Hz, gain in dB; a lyric tenor's
    "a": ((680, 0), (1120, -3), (2550, -9), (2900, -8), (3400, -14)),
    "e": ((430, 0), (1750, -7), (2550, -9), (2950, -9), (3500, -16)),
    "i": ((310, 0), (1950, -9), (2600, -9), (3050, -10), (3600, -17)),
    "o": ((450, 0), (850, -4), (2500, -13), (2800, -11), (3350, -18)),
}
_WIDTHS = np.array([75.0, 95.0, 120.0, 135.0, 180.0])
_GLIDES = {"l": (330, 1150, 2700), "r": (350, 1250, 1750), "n": (260, 1500, 2500), "m": (250, 1050, 2300)}
"""Where the lowest three resonances start from in a voiced consonant."""
_ONSET_SECONDS = {"l": 0.07, "r": 0.08, "n": 0.085, "m": 0.09, "d": 0.05, "s": 0.1, "h": 0.07, "": 0.03}


@dataclass
class _Controls:
    """Per control point: pitch (MIDI), level 0…1, breath 0…1, resonances' centres (Hz) and gains (linear)."""

    pitch: Signal
    level: Signal
    breath: Signal
    centres: Signal  # (formant, point)
    gains: Signal  # (formant, point)


def sing(syllables: list[Syllable], rng: np.random.Generator) -> Signal:
    """The dry voice, mono (frame,)."""
    controls = _controls(syllables, rng)
    voice = _voiced(controls, rng) + _breath(controls, rng) + _consonants(syllables, rng)
    return high_pass(saturate(voice, 1.2), 100.0, 4)  # after it: saturating a lopsided wave makes DC


def _controls(syllables: list[Syllable], rng: np.random.Generator) -> _Controls:
    points = FRAMES // _STEP + 2
    controls = _Controls(
        np.full(points, float(syllables[0].note.pitch)),
        np.zeros(points),
        np.zeros(points),
        np.zeros((5, points)),
        np.zeros((5, points)),
    )
    _set_vowel(controls, slice(None), syllables[0].vowel)
    for syllable in syllables:
        _shape(controls, syllable, rng)
    controls.pitch = _slide(controls.pitch, 0.045)
    controls.centres, controls.gains = _slide(controls.centres, 0.03), _slide(controls.gains, 0.03)
    controls.level = _slide(controls.level, 0.012)
    wander = _slide(np.cumsum(rng.normal(0.0, 1.0, points)), 0.2)
    controls.pitch += 0.12 * (wander - _slide(wander, 1.5)) / max(1.0, float(np.std(wander)))
    return controls


def _shape(controls: _Controls, syllable: Syllable, rng: np.random.Generator) -> None:
    """One syllable: from its consonant into its vowel, a swell, a late vibrato, a soft end."""
    note = syllable.note
    start, end = seconds_at(note.start) + rng.normal(0.012, 0.008), seconds_at(note.start + note.beats)
    onset = _ONSET_SECONDS[syllable.consonant]
    first, vowel_at, last = (round(at * RATE / _STEP) for at in (start - onset, start, end))
    first, last = max(first, 0), min(last, len(controls.level))
    controls.pitch[first:] = note.pitch
    _set_vowel(controls, slice(first, None), syllable.vowel)
    if syllable.consonant in _GLIDES:
        controls.centres[:3, first:vowel_at] = np.array(_GLIDES[syllable.consonant])[:, None]
        controls.gains[1:, first:vowel_at] *= 0.35
    t = np.arange(last - vowel_at) * _STEP / RATE
    length = end - start
    swell = 0.82 + 0.18 * np.sin(np.pi * np.minimum(1.0, t / max(length, 0.1)))
    controls.level[vowel_at:last] = note.velocity * swell
    controls.level[first:vowel_at] = note.velocity * (0.45 if syllable.consonant in _GLIDES else 0.0)
    controls.breath[first:last] = 0.25
    if syllable.consonant == "h":
        controls.breath[first : 2 * vowel_at - first] = 0.7
    depth = 0.42 * np.clip((t - 0.28) / 0.35, 0.0, 1.0) if length > 0.5 else 0.0 * t
    controls.pitch[vowel_at:last] += depth * np.sin(2 * np.pi * (5.3 + rng.normal(0, 0.15)) * t)
    controls.pitch[last:] = note.pitch


def _set_vowel(controls: _Controls, where: slice, vowel: str) -> None:
    resonances = np.array(_VOWELS[vowel], dtype=float)
    controls.centres[:, where] = resonances[:, :1]
    controls.gains[:, where] = 10.0 ** (resonances[:, 1:] / 20.0)


def _slide(track: Signal, seconds: float) -> Signal:
    """Smoothed over `seconds` with a bell, so that nothing jumps; the ends are held."""
    width = max(3, round(seconds * RATE / _STEP) * 2 + 1)
    bell = np.hanning(width + 2)[1:-1]
    padded = np.concatenate([track[..., :1]] * width + [track] + [track[..., -1:]] * width, axis=-1)
    smooth = signal.fftconvolve(padded, np.broadcast_to(bell / bell.sum(), (*track.shape[:-1], width)), "same", axes=-1)
    return np.asarray(smooth)[..., width:-width]


def _voiced(controls: _Controls, rng: np.random.Generator) -> Signal:
    """The harmonics, summed piece by piece so that a piece stays in the processor's cache; (frame,)."""
    level = controls.level * (1.0 + 0.05 * _slide(rng.normal(0.0, 1.0, len(controls.level)), 0.008))
    frequency = hertz_track(controls.pitch)
    turn = 2 * np.pi * np.cumsum(_between(frequency)) / RATE
    gains = _harmonic_gains(controls, frequency, level)
    voice = np.zeros_like(turn)
    for point in range(0, len(level) - 1, _PIECE):
        frames = slice(point * _STEP, (point + _PIECE) * _STEP)
        if level[point : point + _PIECE + 1].max() > 1e-6:
            voice[frames] = _summed(gains[:, point : point + _PIECE + 1], np.exp(1j * turn[frames]))
    return 0.55 * voice[:FRAMES]


def _harmonic_gains(controls: _Controls, frequency: Signal, level: Signal) -> NDArray[np.complex128]:
    """(harmonic, point): source tilt times formants; each harmonic fades out before it would fold over."""
    count = int(_TOP_HERTZ / frequency.min())
    gains = np.empty((count, len(level)), dtype=np.complex128)
    for index in range(count):
        at = (index + 1) * frequency
        tilt = (index + 1) ** -0.9 * np.clip((_TOP_HERTZ - at) / 1500.0, 0.0, 1.0)
        gains[index] = level * tilt * _resonance(controls, at)
    return gains


def _summed(gains: NDArray[np.complex128], first: NDArray[np.complex128]) -> Signal:
    """The harmonics of a phasor `first` (frame,), each times its gain."""
    wave, total = np.ones_like(first), np.zeros_like(first)
    for gain in gains:
        wave *= first  # the next harmonic's rotation
        total += _between(gain) * wave
    return total.imag


def hertz_track(pitch: Signal) -> Signal:
    """MIDI pitches to frequencies."""
    return np.asarray(hertz(69.0) * 2.0 ** ((pitch - 69.0) / 12.0))


def _resonance(controls: _Controls, frequency: Signal) -> NDArray[np.complex128]:
    """Complex gain of the five resonances in parallel at each control point's frequency."""
    width = _WIDTHS[:, None]
    detune = 2j * (frequency - controls.centres)
    signs = np.array([1, -1, 1, -1, 1])[:, None]  # neighbours in opposite phase leave no hole between them
    gain: NDArray[np.complex128] = (signs * controls.gains * width / (width + detune)).sum(axis=0)
    return gain


def _breath(controls: _Controls, rng: np.random.Generator) -> Signal:
    """Air through the open glottis: soft noise under the voice."""
    noise = band_pass(rng.standard_normal(FRAMES), 1500.0, 5500.0)
    strength: Signal = _between(controls.level * controls.breath)[:FRAMES]
    return 0.022 * noise * strength


def _consonants(syllables: list[Syllable], rng: np.random.Generator) -> Signal:
    """The noises before the vowel: a hiss for s, a tap for d, air for h."""
    track = silence(1)
    for syllable in syllables:
        seconds = _ONSET_SECONDS[syllable.consonant]
        frames = frames_of(seconds * 1.15)
        noise = rng.standard_normal(frames)
        start = seconds_at(syllable.note.start) - seconds
        if syllable.consonant == "s":
            place(track, 0.075 * high_pass(noise, 5200.0, 3) * held(frames, 0.03, 0.035), start)
        elif syllable.consonant == "d":
            tap = band_pass(noise, 1500.0, 5000.0) * np.exp(-times(frames) / 0.008)
            place(track, 0.12 * tap, start + 0.03)
        elif syllable.consonant == "h":
            place(track, 0.03 * band_pass(noise, 800.0, 4000.0) * held(frames, 0.03, 0.03), start)
    (sound,) = track
    return np.asarray(sound)


def _between(points: NDArray[Any]) -> NDArray[Any]:
    """Control points to frames, in straight lines; the last point only ends a line."""
    slopes = np.diff(points)[:, None] * (np.arange(_STEP) / _STEP)
    track: NDArray[Any] = (points[:-1, None] + slopes).reshape(-1)
    return track
