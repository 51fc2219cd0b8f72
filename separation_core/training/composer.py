"""Compose a song excerpt: key, tempo, sections, who plays when, and every note.

Stems fall silent as in real songs: whole excerpts without voice, drums or bass are common, and so are sections that
drop some of the band.
"""

from collections.abc import Iterator

import numpy as np

from separation_core.training.grooves import draw_groove, play_groove
from separation_core.training.lines import LINES, bass_line
from separation_core.training.score import Bar, Grid, Part, Phrase, Score
from separation_core.training.theory import draw_key, draw_progression

ABSENT = {"drums": 0.1, "bass": 0.13, "other": 0.04, "vocals": 0.3}
"""How often a stem is silent through a whole excerpt."""
RESTING = {"drums": 0.14, "bass": 0.12, "other": 0.05, "vocals": 0.25}
"""How often a stem that the song has rests through one section."""
MANNERS = ("sung", "speech", "shout", "whisper")
MANNER_ODDS = (0.8, 0.1, 0.08, 0.02)


def compose(rng: np.random.Generator, seconds: float) -> Score:
    """A song excerpt of `seconds`, all of it drawn from `rng`."""
    key, grid = draw_key(rng), _draw_grid(rng)
    bars = tuple(_draw_bars(rng, grid, seconds))
    hits = sorted(play_groove(rng, grid, bars, draw_groove(rng, grid.steps)), key=lambda hit: hit.start)
    parts = [bass_line(rng, key, grid, bars)]
    roles = rng.choice(
        list(LINES), int(rng.choice([1, 2, 3, 4], p=[0.25, 0.4, 0.25, 0.1])), p=[0.3, 0.15, 0.15, 0.2, 0.2]
    )
    parts += [_thinned(rng, LINES[str(role)](rng, key, grid, bars)) for role in roles]
    return Score(key, grid, bars, tuple(hits), tuple(parts), tuple(_draw_phrases(rng, grid, bars)))


def _draw_grid(rng: np.random.Generator) -> Grid:
    tempo = float(np.clip(np.exp(rng.normal(np.log(112), 0.28)), 60, 190))
    steps = int(rng.choice([16, 12], p=[0.9, 0.1]))
    swing = float(rng.choice([0.0, rng.uniform(0.1, 0.5), 2 / 3], p=[0.65, 0.25, 0.1]))
    return Grid(tempo, steps, swing, int(rng.choice([1, 2])))


def _draw_bars(rng: np.random.Generator, grid: Grid, seconds: float) -> Iterator[Bar]:
    """Sections of two to eight bars until the excerpt is full; it may begin in the middle of a bar."""
    cast = {stem for stem, absent in ABSENT.items() if rng.random() >= absent}
    if not cast - {"vocals"}:
        cast.add("other")
    start, progression = -rng.uniform(0, grid.bar), draw_progression(rng)
    slow = int(rng.choice([1, 2], p=[0.8, 0.2]))
    while start < seconds:
        length = int(rng.choice([2, 4, 4, 8]))
        playing = _resting(rng, cast)
        energy = float(rng.uniform(0.55, 1.0))
        if rng.random() < 0.25:
            progression = draw_progression(rng)
        for index in range(length):
            chord = progression[index // slow % len(progression)]
            yield Bar(start, chord, index == 0, index == length - 1, energy, playing)
            start += grid.bar


def _resting(rng: np.random.Generator, cast: set[str]) -> frozenset[str]:
    playing = {stem for stem in sorted(cast) if rng.random() >= RESTING[stem]}
    return frozenset(playing or cast)


def _thinned(rng: np.random.Generator, part: Part) -> Part:
    """Some parts rest for stretches, so that not everything plays all the time."""
    if rng.random() < 0.6 or not part.notes:
        return part
    stretch = float(rng.uniform(2, 8))
    quiet = rng.random(64) < 0.4
    return Part(part.role, tuple(note for note in part.notes if not quiet[int(note.start / stretch) % 64]))


def _draw_phrases(rng: np.random.Generator, grid: Grid, bars: tuple[Bar, ...]) -> Iterator[Phrase]:
    """Slots for the voice: on a beat, some beats long, with breaths between them."""
    manner = str(rng.choice(MANNERS, p=MANNER_ODDS))
    density = rng.uniform(0.45, 1.0)
    busy_until = 0.0
    for bar in bars:
        if "vocals" not in bar.playing or bar.start + grid.bar <= busy_until or rng.random() > density:
            continue
        start = max(busy_until, grid.at(bar.start, int(rng.choice([0, 0, 0, 2, 4, 8, 14]))), 0.0)
        room = grid.bar * float(rng.choice([0.5, 1.0, 2.0, 3.0]))
        busy_until = start + room
        yield Phrase(start, room, manner if rng.random() < 0.85 else str(rng.choice(MANNERS)))
