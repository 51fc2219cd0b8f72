"""A plucked bass: a string's harmonics, each dying at its own pace, a finger's noise, an amplifier."""

import numpy as np

from plugin_host.demo.score import RATE, Note, bass_notes, hertz, seconds_at
from plugin_host.demo.shaping import Signal, frames_of, held, low_pass, panned, place, saturate, silence, times

_HARMONICS = 18
_PLUCKED_AT = 0.19
"""Where the finger meets the string, as part of its length: harmonics with a node there are missing."""


def play_bass(rng: np.random.Generator) -> Signal:
    """The bass part, (2, frame), in the middle."""
    track = silence(1)
    for note in bass_notes():
        place(track, _plucked(note, rng), seconds_at(note.start) + rng.normal(0.004, 0.002))
    return panned(saturate(low_pass(track[0], 3200.0), 1.6), 0.0)


def _plucked(note: Note, rng: np.random.Generator) -> Signal:
    frames = frames_of(seconds_at(note.start + note.beats) - seconds_at(note.start) + 0.06)
    t = times(frames)
    k = np.arange(1, _HARMONICS + 1)[:, None]
    stiff = k * np.sqrt(1.0 + 9e-5 * k**2)  # a real string's partials are a little sharp
    strength = np.sin(np.pi * k * _PLUCKED_AT) / k ** (1.7 - 0.5 * note.velocity)
    dying = np.exp(-t * (0.9 + 0.75 * k))
    glide = 1.0 + 0.006 * np.exp(-t / 0.03)
    turn = 2 * np.pi * hertz(note.pitch) * np.cumsum(glide) / RATE
    string: Signal = (strength * dying * np.sin(stiff * turn)).sum(axis=0)
    finger = low_pass(rng.standard_normal(frames), 1500.0) * np.exp(-t / 0.012)
    return note.velocity * (0.55 * string + 0.12 * finger) * held(frames, 0.003, 0.05)
