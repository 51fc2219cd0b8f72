"""Keys, modes, chords and progressions, as numbers a composer can draw from."""

from dataclasses import dataclass

import numpy as np

MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
}
MODE_ODDS = (0.3, 0.34, 0.12, 0.12, 0.04, 0.08)

PROGRESSIONS: tuple[tuple[int, ...], ...] = (
    (0, 4, 5, 3),
    (0, 5, 3, 4),
    (5, 3, 0, 4),
    (0, 3, 4, 3),
    (0, 0, 3, 4),
    (0, 6, 5, 4),
    (0, 5, 1, 4),
    (0, 3, 0, 4),
    (1, 4, 0, 0),
    (0, 2, 3, 4),
    (0, 6, 3, 0),
    (0, 0, 0, 0),
    (0, 3),
    (0, 5),
    (0, 6),
    (0, 4),
    (3, 4, 2, 5),
    (0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4),
    (0, 2, 5, 3),
    (5, 4, 3, 4),
    (0, 1),
    (2, 5, 1, 4),
)
"""Degrees of the mode, one chord a bar (or half, or two)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (0..11, C = 0) with the semitones of its mode."""

    tonic: int
    mode: str

    @property
    def is_minor(self) -> bool:
        """Whether the third above the tonic is minor."""
        return MODES[self.mode][2] == 3

    def pitch(self, degree: int, octave: int = 0) -> int:
        """MIDI number of a degree counted from the tonic (any integer); octave 0 starts at MIDI 0."""
        turns, step = divmod(degree, 7)
        return 12 * (octave + turns) + self.tonic + MODES[self.mode][step]


def draw_key(rng: np.random.Generator) -> Key:
    """A random key."""
    return Key(int(rng.integers(12)), str(rng.choice(list(MODES), p=MODE_ODDS)))


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord on a degree: its tones are degrees of the key, stacked in thirds."""

    degree: int
    tones: tuple[int, ...]


SHAPES = ((0, 2, 4), (0, 2, 4, 6), (0, 4), (0, 3, 4), (0, 1, 4), (0, 2, 4, 8))
SHAPE_ODDS = (0.5, 0.24, 0.1, 0.05, 0.05, 0.06)


def draw_progression(rng: np.random.Generator) -> tuple[Chord, ...]:
    """A progression of two to twelve chords with one leaning towards triads, sevenths, fifths or suspensions."""
    degrees = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    if rng.random() < 0.15:
        degrees = tuple(int(degree) for degree in rng.integers(0, 7, 4))
    leaning = SHAPES[rng.choice(len(SHAPES), p=SHAPE_ODDS)]
    shapes = [leaning if rng.random() < 0.8 else SHAPES[rng.choice(len(SHAPES), p=SHAPE_ODDS)] for _ in degrees]
    return tuple(
        Chord(degree, tuple(degree + tone for tone in shape)) for degree, shape in zip(degrees, shapes, strict=True)
    )
