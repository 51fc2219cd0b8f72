"""A drum kit from sines and filtered noise."""

from collections.abc import Callable

import numpy as np

from plugin_host.demo.score import RATE, Stroke, drum_strokes, seconds_at
from plugin_host.demo.shaping import (
    Signal,
    band_pass,
    decay,
    frames_of,
    high_pass,
    low_pass,
    panned,
    place,
    room,
    saturate,
    silence,
    times,
)

_PAN = {"hat": 0.3, "open_hat": 0.3, "crash": -0.4, "high_tom": 0.35, "low_tom": -0.35, "clap": 0.1}
_METAL = (2.0, 3.0, 4.16, 5.43, 6.79, 8.21)
"""Ratios of a struck metal sheet's partials, none a multiple of another."""


def play_drums(rng: np.random.Generator) -> Signal:
    """The drum part, (2, frame): no two strokes alike, a small room behind, the bus lightly saturated."""
    dry, sent = silence(2), silence(2)
    for stroke in drum_strokes():
        sound = panned(_struck(stroke, rng), _PAN.get(stroke.piece, 0.0))
        late = seconds_at(stroke.start) + rng.normal(0.0, 0.0025)
        place(dry, sound, late)
        if stroke.piece != "kick":
            place(sent, sound, late)
    return saturate(dry + 0.28 * room(sent, 0.7, 2.0, rng, pre_delay=0.008), 1.1)


def _struck(stroke: Stroke, rng: np.random.Generator) -> Signal:
    velocity = float(np.clip(stroke.velocity * rng.normal(1.0, 0.06), 0.05, 1.1))
    return _PIECES[stroke.piece](velocity, rng) * velocity


def _kick(velocity: float, rng: np.random.Generator) -> Signal:
    frames = frames_of(0.45)
    t = times(frames)
    pitch = 47.0 + 95.0 * np.exp(-t / 0.028) * velocity
    body = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * decay(frames, 0.42)
    click = band_pass(rng.standard_normal(frames), 1800.0, 6500.0) * decay(frames, 0.025)
    return saturate(1.25 * body, 1.4) + 0.35 * click


def _snare(velocity: float, rng: np.random.Generator) -> Signal:
    frames = frames_of(0.32)
    t = times(frames)
    pitch = 1.0 + 0.25 * np.exp(-t / 0.012)
    turn = 2 * np.pi * np.cumsum(pitch) / RATE
    shell = (np.sin(186.0 * turn) + 0.6 * np.sin(331.0 * turn)) * decay(frames, 0.16)
    wires = high_pass(rng.standard_normal(frames), 1400.0 + 900.0 * velocity) * decay(frames, 0.26)
    crack = band_pass(rng.standard_normal(frames), 2500.0, 7000.0) * decay(frames, 0.05)
    return 0.42 * shell + 0.2 * wires + 0.38 * velocity * crack


def _clap(velocity: float, rng: np.random.Generator) -> Signal:
    frames = frames_of(0.3)
    hands = np.zeros(frames)
    for at, length in ((0.0, 0.02), (0.011, 0.02), (0.023, 0.2)):
        start = frames_of(at)
        hands[start:] += decay(frames - start, length)
    return 0.42 * band_pass(rng.standard_normal(frames), 900.0, 2600.0) * hands


def _metal(seconds: float, base: float, rng: np.random.Generator) -> Signal:
    """Square waves at inharmonic ratios and noise: cymbals."""
    frames = frames_of(seconds * 1.2)
    t = times(frames)
    phases = rng.uniform(0.0, 1.0, len(_METAL))
    turns = base * np.array(_METAL)[:, None] * t + phases[:, None]
    squares: Signal = np.sign(np.sin(2 * np.pi * turns)).sum(axis=0)
    return (0.12 * squares + 0.5 * rng.standard_normal(frames)) * decay(frames, seconds)


def _hat(velocity: float, rng: np.random.Generator) -> Signal:
    return 0.36 * high_pass(_metal(0.05 + 0.06 * velocity, 1370.0, rng), 7000.0, 3)


def _open_hat(velocity: float, rng: np.random.Generator) -> Signal:
    return 0.3 * high_pass(_metal(0.42, 1370.0, rng), 6500.0, 3)


def _crash(velocity: float, rng: np.random.Generator) -> Signal:
    cymbal = high_pass(_metal(2.2, 870.0, rng), 2800.0)
    return 0.19 * (cymbal + 0.6 * low_pass(cymbal, 6000.0) * decay(len(cymbal), 0.8))


def _tom(hertz: float) -> Callable[[float, np.random.Generator], Signal]:
    def struck(velocity: float, rng: np.random.Generator) -> Signal:
        frames = frames_of(0.5)
        t = times(frames)
        pitch = hertz * (1.0 + 0.5 * np.exp(-t / 0.035))
        skin = low_pass(rng.standard_normal(frames), 2500.0) * decay(frames, 0.06)
        return 0.75 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * decay(frames, 0.45) + 0.25 * skin

    return struck


_PIECES: dict[str, Callable[[float, np.random.Generator], Signal]] = {
    "kick": _kick,
    "snare": _snare,
    "clap": _clap,
    "hat": _hat,
    "open_hat": _open_hat,
    "crash": _crash,
    "high_tom": _tom(148.0),
    "low_tom": _tom(92.0),
}
