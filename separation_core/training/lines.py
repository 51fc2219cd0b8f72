"""Bass lines, chords, pads, riffs, arpeggios and leads over a chord progression."""

from collections.abc import Callable, Iterator

import numpy as np

from separation_core.training.score import Bar, Grid, Note, Part
from separation_core.training.theory import Key

Line = Callable[[np.random.Generator, Key, Grid, Bar], Iterator[Note]]

BASS_RHYTHMS = (
    "x...............",
    "x.......x.......",
    "x...x...x...x...",
    "x.x.x.x.x.x.x.x.",
    "x..x..x.x..x..x.",
    "x.....x.x.....x.",
    "xxxxxxxxxxxxxxxx",
    "..x...x...x...x.",
    "x..x....x.x.....",
    "x......xx....x..",
    "x..x..x...x.x...",
)
CHORD_RHYTHMS = (
    "x...............",
    "x.......x.......",
    "x...x...x...x...",
    "....x.......x...",
    "..x...x...x...x.",
    "x..x..x...x..x..",
    "x.x.x.x.x.x.x.x.",
    "x.....x.........",
    "x.xxx.x.x.xxx.x.",
    "....x..x....x...",
)


def bass_line(rng: np.random.Generator, key: Key, grid: Grid, bars: tuple[Bar, ...]) -> Part:
    """A bass part in one manner: roots on a rhythm, octaves, a walking bass or a repeated riff."""
    manner = str(
        rng.choice(["roots", "octaves", "fifths", "walking", "riff", "long"], p=[0.3, 0.14, 0.16, 0.14, 0.16, 0.1])
    )
    rhythm = _rhythm(rng, {"walking": "x...x...x...x...", "long": "x..............."}.get(manner), BASS_RHYTHMS)
    octave = int(rng.choice([2, 3], p=[0.65, 0.35]))
    riff = [int(step) for step in rng.choice([0, 0, 0, 4, 7, 2, 6, -1], 16)]
    length, damped = rng.choice([0.3, 0.5, 0.85, 1.0]), rng.choice([0.0, 0.25])
    notes: list[Note] = []
    for bar in _playing(bars, "bass"):
        strokes = _strokes(rhythm, grid)
        for count, (step, steps) in enumerate(strokes):
            degree = bar.chord.degree + _bass_step(rng, manner, count, riff)
            pitch = _fold(key.pitch(degree, octave), 26, 55)
            sounds = 0.4 if rng.random() < damped else steps * length
            notes.append(_note(rng, grid, bar, step, sounds, pitch))
    return Part("bass", tuple(notes))


def _bass_step(rng: np.random.Generator, manner: str, count: int, riff: list[int]) -> int:
    if manner == "octaves":
        return 7 * (count % 2)
    if manner == "fifths":
        return 4 if count % 2 and rng.random() < 0.7 else 0
    if manner == "walking":
        return (0, 2, 4, int(rng.choice([5, 3, 1])))[count % 4]
    return riff[count % len(riff)] if manner == "riff" and count else 0


def chords(rng: np.random.Generator, key: Key, grid: Grid, bars: tuple[Bar, ...]) -> Part:
    """Comped or strummed chords: every chord tone at once, or some milliseconds apart."""
    rhythm = _rhythm(rng, None, CHORD_RHYTHMS)
    octave, length = int(rng.choice([4, 5], p=[0.6, 0.4])), rng.choice([0.4, 0.8, 1.0])
    strum = rng.choice([0.0, 0.004, 0.012, 0.025])
    notes = [
        _note(rng, grid, bar, step, steps * length, _fold(key.pitch(tone, octave), 45, 84), late=strum * place)
        for bar in _playing(bars, "other")
        for step, steps in _strokes(rhythm, grid)
        for place, tone in enumerate(bar.chord.tones)
    ]
    return Part("chords", tuple(notes))


def pad(rng: np.random.Generator, key: Key, grid: Grid, bars: tuple[Bar, ...]) -> Part:
    """Held chords, one a bar."""
    octave = int(rng.choice([4, 5]))
    notes = [
        _note(rng, grid, bar, 0, grid.steps, _fold(key.pitch(tone, octave), 43, 86))
        for bar in _playing(bars, "other")
        for tone in bar.chord.tones
    ]
    return Part("pad", tuple(notes))


def arpeggio(rng: np.random.Generator, key: Key, grid: Grid, bars: tuple[Bar, ...]) -> Part:
    """Chord tones one after another, up, down or in a fixed random order."""
    every, octave = int(rng.choice([1, 2, 4], p=[0.35, 0.5, 0.15])), int(rng.choice([4, 5, 6], p=[0.3, 0.5, 0.2]))
    order = rng.permutation(8)
    rising = rng.random() < 0.5
    notes: list[Note] = []
    for bar in _playing(bars, "other"):
        tones = [*bar.chord.tones, *(tone + 7 for tone in bar.chord.tones)]
        for count, step in enumerate(range(0, grid.steps, every)):
            tone = tones[(count if rising else int(order[count % 8])) % len(tones)]
            notes.append(_note(rng, grid, bar, step, every * 1.2, _fold(key.pitch(tone, octave), 48, 96)))
    return Part("arpeggio", tuple(notes))


def riff(rng: np.random.Generator, key: Key, grid: Grid, bars: tuple[Bar, ...]) -> Part:
    """A figure of one or two bars, repeated and moved with the chord."""
    octave = int(rng.choice([3, 4, 5], p=[0.3, 0.4, 0.3]))
    figures = [_figure(rng, grid) for _ in range(int(rng.choice([1, 2])))]
    follows = rng.random() < 0.6
    power = rng.random() < 0.3
    notes: list[Note] = []
    for index, bar in enumerate(_playing(bars, "other")):
        for step, steps, degree in figures[index % len(figures)]:
            pitch = _fold(key.pitch(degree + (bar.chord.degree if follows else 0), octave), 38, 88)
            notes.append(_note(rng, grid, bar, step, steps, pitch))
            if power:
                notes.append(_note(rng, grid, bar, step, steps, pitch + 7))
    return Part("riff", tuple(notes))


def lead(rng: np.random.Generator, key: Key, grid: Grid, bars: tuple[Bar, ...]) -> Part:
    """A wandering melody with rests, drawn to chord tones on strong beats."""
    octave, degree = int(rng.choice([5, 6], p=[0.7, 0.3])), int(rng.integers(0, 7))
    notes: list[Note] = []
    for bar in _playing(bars, "other"):
        step = int(rng.choice([0, 0, 2, 4]))
        while step < grid.steps and rng.random() < 0.93:
            steps = int(rng.choice([1, 2, 2, 3, 4, 6, 8]))
            degree = int(np.clip(degree + rng.choice([-2, -1, -1, 0, 1, 1, 2, 3]), -3, 10))
            if step % 4 == 0:
                degree = min(bar.chord.tones, key=lambda tone: abs(tone - degree))
            if rng.random() < 0.85:
                notes.append(_note(rng, grid, bar, step, steps, _fold(key.pitch(degree, octave), 55, 98)))
            step += steps
    return Part("lead", tuple(notes))


LINES: dict[str, Callable[[np.random.Generator, Key, Grid, tuple[Bar, ...]], Part]] = {
    "chords": chords,
    "pad": pad,
    "arpeggio": arpeggio,
    "riff": riff,
    "lead": lead,
}


def _figure(rng: np.random.Generator, grid: Grid) -> list[tuple[int, float, int]]:
    figure, step = [], 0
    while step < grid.steps:
        steps = int(rng.choice([1, 2, 2, 3, 4]))
        if rng.random() < 0.75:
            figure.append((step, steps * 0.9, int(rng.choice([0, 0, 1, 2, 3, 4, 4, 6, 7, -1, -3]))))
        step += steps
    return figure


def _rhythm(rng: np.random.Generator, fixed: str | None, rhythms: tuple[str, ...]) -> str:
    rhythm = fixed or rhythms[rng.integers(len(rhythms))]
    return rhythm if rng.random() < 0.7 else "".join(mark if rng.random() < 0.9 else "." for mark in rhythm)


def _strokes(rhythm: str, grid: Grid) -> list[tuple[int, int]]:
    """(step, steps until the next stroke or the bar's end) of a rhythm."""
    steps = [step for step in range(grid.steps) if rhythm[step % len(rhythm)] == "x"]
    return [(step, end - step) for step, end in zip(steps, [*steps[1:], grid.steps], strict=False)]


def _playing(bars: tuple[Bar, ...], stem: str) -> Iterator[Bar]:
    return (bar for bar in bars if stem in bar.playing)


def _note(
    rng: np.random.Generator, grid: Grid, bar: Bar, step: float, steps: float, pitch: int, late: float = 0.0
) -> Note:
    start = max(0.0, grid.at(bar.start, step) + late + rng.normal(0, 0.004))
    velocity = float(np.clip(rng.normal(0.75, 0.12) * bar.energy + (0.08 if step == 0 else 0.0), 0.1, 1.0))
    return Note(start, max(0.04, steps * grid.step), pitch, velocity)


def _fold(pitch: int, low: int, high: int) -> int:
    """Move a pitch by octaves into [low, high]."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch
