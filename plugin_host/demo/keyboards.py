"""Electric piano, plucked arpeggio and pad: the song's `other`."""

import numpy as np
from scipy import signal

from plugin_host.demo.score import (
    BEATS_PER_MINUTE,
    RATE,
    SECONDS,
    Note,
    arpeggio_notes,
    hertz,
    keys_notes,
    pad_notes,
    seconds_at,
)
from plugin_host.demo.shaping import (
    Signal,
    decay,
    frames_of,
    held,
    high_pass,
    low_pass,
    panned,
    ping_pong,
    place,
    room,
    silence,
    times,
)


def play_other(rng: np.random.Generator) -> Signal:
    """Chords, arpeggio and pad in one hall, (2, frame)."""
    piano, plucks, pad = _electric_piano(), _arpeggio(rng), _pad(rng)
    hall = room(0.5 * piano + 0.6 * plucks + 0.9 * pad, 2.2, 2.5, rng, pre_delay=0.025)
    return high_pass(piano + plucks + pad + 0.4 * hall, 110.0)


def _length(note: Note, ring: float) -> int:
    return frames_of(seconds_at(note.start + note.beats) - seconds_at(note.start) + ring)


def _electric_piano() -> Signal:
    """Two-operator FM, a bell on the stroke, swaying between the speakers as the old suitcase amplifier did."""
    track = silence(1)
    for note in keys_notes():
        place(track, _tine(note), seconds_at(note.start))
    sway = 0.45 * np.sin(2 * np.pi * 4.1 * times(track.shape[-1]))
    return np.stack([track[0] * np.sqrt(1.0 - sway), track[0] * np.sqrt(1.0 + sway)])


def _tine(note: Note) -> Signal:
    frames = _length(note, 0.25)
    turn = 2 * np.pi * hertz(note.pitch) * times(frames)
    body = np.sin(turn + 1.4 * note.velocity * decay(frames, 1.6) * np.sin(turn))
    bell = np.sin(turn + 0.9 * note.velocity * decay(frames, 0.35) * np.sin(13.98 * turn))
    return 0.062 * note.velocity * (body + 0.45 * bell) * decay(frames, 4.0) * held(frames, 0.004, 0.2)


def _arpeggio(rng: np.random.Generator) -> Signal:
    """Bright plucks, left and right in turn, with echoes of a dotted eighth."""
    track, sent = silence(2), silence(1)
    for index, note in enumerate(arpeggio_notes()):
        sound = _pluck(note, rng)
        place(track, panned(sound, 0.55 if index % 2 else -0.55), seconds_at(note.start))
        place(sent, sound, seconds_at(note.start))
    return track + ping_pong(sent[0], 0.75 * 60.0 / BEATS_PER_MINUTE, 0.45, 3)


def _pluck(note: Note, rng: np.random.Generator) -> Signal:
    frames = frames_of(0.42)
    k = np.arange(1, 11)[:, None]
    t = times(frames)
    brightness = 0.9 + rng.uniform(0.0, 0.3)
    partials = np.exp(-t * (5.0 + 2.2 * k)) / k**brightness * np.sin(2 * np.pi * hertz(note.pitch) * k * t)
    string: Signal = partials.sum(axis=0)
    return 0.15 * note.velocity * string * held(frames, 0.002, 0.05)


def _pad(rng: np.random.Generator) -> Signal:
    """Detuned saws, three to a side, behind a filter that opens and closes once in four bars."""
    track = silence(2)
    for note in pad_notes():
        place(track, _saws(note, rng), seconds_at(note.start) - 0.1)
    dark, bright = low_pass(track, 700.0), low_pass(track, 4200.0)
    opening = 0.5 - 0.5 * np.cos(2 * np.pi * times(track.shape[-1]) / (SECONDS / 3.0))
    return dark + opening * (bright - dark)


def _saws(note: Note, rng: np.random.Generator) -> Signal:
    frames = _length(note, 0.5)
    t = times(frames)
    detune = 2.0 ** (rng.uniform(-9.0, 9.0, (2, 3, 1)) / 1200.0)
    turns = hertz(note.pitch) * detune * t + rng.uniform(0.0, 1.0, (2, 3, 1))
    sides: Signal = _smooth_saw(turns).sum(axis=1)
    return 0.014 * note.velocity * sides * held(frames, 0.25, 0.5)


def _smooth_saw(turns: Signal) -> Signal:
    """A saw by its phase in turns, lightly smoothed so that its corner folds nothing audible back."""
    return np.asarray(signal.sosfilt(signal.butter(2, 9000.0, fs=RATE, output="sos"), 2.0 * (turns % 1.0) - 1.0))
