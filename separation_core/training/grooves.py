"""Drum grooves of many styles with swing, ghost notes, fills and human timing."""

from collections.abc import Iterator

import numpy as np

from separation_core.training.score import Bar, Grid, Hit

STRENGTH = {"X": 1.0, "x": 0.78, "o": 0.55, "g": 0.28}

# Sixteen sixteenths a bar: X accent, x stroke, o soft, g ghost. Shorter ones repeat.
GROOVES: dict[str, dict[str, str]] = {
    "rock": {"kick": "X.......X.x.....", "snare": "....X.......X..g", "hat_closed": "x.o.x.o.x.o.x.o."},
    "rock ride": {"kick": "X..x....X.x.....", "snare": "....X.......X...", "ride": "x.o.x.o.x.o.x.o."},
    "pop": {"kick": "X.....x.X.......", "snare": "....X.......X...", "hat_closed": "x.x.x.x.x.x.x.x."},
    "four on the floor": {"kick": "X...X...X...X...", "clap": "....X.......X...", "hat_open": "..x...x...x...x."},
    "house": {
        "kick": "X...X...X...X...",
        "snare": "....x.......x..g",
        "hat_closed": "o.x.o.x.o.x.o.xo",
        "perc": "...x..x....x..x.",
    },
    "techno": {
        "kick": "X...X...X...X...",
        "hat_closed": "oooooooooooooooo",
        "hat_open": "..x...x...x...x.",
        "perc": "......x...x.....",
    },
    "hip hop": {"kick": "X..x......x.....", "snare": "....X.......X...", "hat_closed": "x.x.x.xxx.x.x.x."},
    "boom bap": {"kick": "X.....xx..x.....", "snare": "....X..g.g..X...", "hat_closed": "x.x.x.x.x.x.x.x."},
    "trap": {
        "kick": "X.....x...x..x..",
        "snare": "........X.......",
        "clap": "........x.......",
        "hat_closed": "xoxoxoxoxoxoxoxx",
    },
    "half time": {"kick": "X.........x.....", "snare": "........X.......", "hat_closed": "x...x...x...x..."},
    "funk": {"kick": "X..x..x...x..x..", "snare": "....X..g.g.gX..g", "hat_closed": "xoxoxoxoxoxoxoxo"},
    "breakbeat": {"kick": "X.x.......xx....", "snare": "....X..g.g..X..g", "hat_closed": "x.x.x.x.x.x.x.x."},
    "drum and bass": {"kick": "X.........x.....", "snare": "....X..g....X..g", "ride": "x.x.x.x.x.x.x.x."},
    "disco": {
        "kick": "X...X...X...X...",
        "snare": "....X.......X...",
        "hat_closed": "x.o.x.o.x.o.x.o.",
        "hat_open": "..x...x...x...x.",
    },
    "motown": {"kick": "X.....x.X.....x.", "snare": "X...X...X...X...", "hat_closed": "x.x.x.x.x.x.x.x."},
    "shuffle": {"kick": "X.......X.....x.", "snare": "....X..g....X..g", "hat_closed": "x..ox..ox..ox..o"},
    "one drop": {
        "kick": "........X.......",
        "snare": "........x.......",
        "hat_closed": "..x...x...x...x.",
        "stick": "......o.........",
    },
    "steppers": {"kick": "X...X...X...X...", "stick": "....x..x....x...", "hat_closed": "..x...x...x...xo"},
    "bossa": {"kick": "X..xX..xX..xX..x", "stick": "x..x..x...x..x..", "hat_closed": "oooooooooooooooo"},
    "samba": {"kick": "x..xX..xx..xX..x", "snare": "xoxxoxoxxoxxoxox", "perc": "xooxxooxxooxxoox"},
    "reggaeton": {"kick": "X...X...X...X...", "snare": "...x..x....x..x.", "hat_closed": "x.o.x.o.x.o.x.o."},
    "jazz": {
        "ride": "x...x..xx...x..x",
        "hat_closed": "....x.......x...",
        "snare": ".......g......g.",
        "kick": "o.......o.......",
    },
    "train": {"kick": "X...x...X...x...", "snare": "ggxgggxgggxgggxg"},
    "punk": {"kick": "X.x.X.x.X.x.X.x.", "snare": "..X...X...X...X.", "hat_open": "x.x.x.x.x.x.x.x."},
    "metal": {"kick": "XxXxXxXxXxXxXxXx", "snare": "....X.......X...", "crash": "X.......x......."},
    "ballad": {"kick": "X.......x.......", "stick": "....x.......x...", "hat_closed": "x.o.x.o.x.o.x.o."},
    "toms": {"kick": "X...X...X...X...", "tom_lo": "x..x..x.x..x..x.", "tom_mid": "......x.......x."},
    "electro": {
        "kick": "X..x..x.........",
        "snare": "....X.......X...",
        "perc": "x.xx.x.xx.xx.x.x",
        "hat_closed": "..x...x...x...x.",
    },
    "percussion": {"perc": "x.xox.xox.xox.xo", "kick": "x.......x......."},
    "hats only": {"hat_closed": "x.o.x.o.x.o.x.oo"},
    "kick only": {"kick": "X...X...X...X..."},
    "waltz": {"kick": "X...........", "snare": "....x...x...", "hat_closed": "x.o.x.o.x.o."},
    "six eight": {"kick": "X.....x.....", "snare": "......X.....", "hat_closed": "x.o.o.x.o.o."},
}
THREES = ("waltz", "six eight")
FILL_PIECES = ("snare", "tom_hi", "tom_mid", "tom_lo", "snare", "kick")
TIMEKEEPERS = ("hat_closed", "ride", "hat_open", "perc")
BARE = 0.25
"""Share of grooves that nothing keeps the time of: a kick has to be known without a hat over it."""


def draw_groove(rng: np.random.Generator, steps: int) -> dict[str, str]:
    """A style for bars of `steps` sixteenths, varied: another timekeeper, strokes added and left out."""
    names = [name for name in GROOVES if (name in THREES) == (steps == 12)]
    groove = dict(GROOVES[names[rng.integers(len(names))]])
    if rng.random() < 0.3 and "hat_closed" in groove:
        groove[str(rng.choice(TIMEKEEPERS))] = groove.pop("hat_closed")
    if rng.random() < 0.25:
        groove["perc"] = "".join(rng.choice(list("....xog"), steps))
    if rng.random() < BARE:
        groove = {piece: line for piece, line in groove.items() if piece not in TIMEKEEPERS} or groove
    return {piece: _vary(rng, line) for piece, line in groove.items()}


def _vary(rng: np.random.Generator, line: str, amount: float = 0.04) -> str:
    dropped = "".join("." if stroke != "X" and rng.random() < amount else stroke for stroke in line)
    return "".join("g" if stroke == "." and rng.random() < amount / 2 else stroke for stroke in dropped)


def play_groove(rng: np.random.Generator, grid: Grid, bars: tuple[Bar, ...], groove: dict[str, str]) -> Iterator[Hit]:
    """All strokes of one groove over the bars in which drums play, with fills before section ends."""
    looseness = rng.choice([0.0, 0.002, 0.006, 0.012])
    machine = looseness == 0.0
    for bar in bars:
        if "drums" not in bar.playing:
            continue
        fill_from = (
            grid.steps - int(rng.choice([4, 8, grid.steps])) if bar.last_of_section and rng.random() < 0.7 else 99
        )
        hits = list(_bar_hits(rng, grid, bar, groove, fill_from, machine))
        for hit in hits:
            yield Hit(max(0.0, hit.start + rng.normal(0, looseness)), hit.piece, hit.velocity)


def _bar_hits(
    rng: np.random.Generator, grid: Grid, bar: Bar, groove: dict[str, str], fill_from: int, machine: bool
) -> Iterator[Hit]:
    if bar.first_of_section and rng.random() < 0.6:
        yield Hit(bar.start, "crash", 0.9)
    for piece, line in groove.items():
        line = line if machine else _vary(rng, line)
        for step in range(min(grid.steps, fill_from)):
            strength = STRENGTH.get(line[step % len(line)], 0.0)
            if strength:
                yield Hit(grid.at(bar.start, step), piece, _human(rng, strength * bar.energy, machine))
                yield from _roll(rng, grid, bar, piece, step)
    yield from _fill(rng, grid, bar, fill_from)


def _human(rng: np.random.Generator, strength: float, machine: bool) -> float:
    return float(np.clip(strength * (1.0 if machine else rng.normal(1.0, 0.12)), 0.05, 1.0))


def _roll(rng: np.random.Generator, grid: Grid, bar: Bar, piece: str, step: int) -> Iterator[Hit]:
    """Now and then a hat stroke becomes a fast roll (thirty-seconds or triplets)."""
    if piece == "hat_closed" and rng.random() < 0.03:
        parts = int(rng.choice([2, 3, 4]))
        for part in range(1, parts):
            yield Hit(grid.at(bar.start, step) + grid.step * part / parts, piece, 0.5)


def _fill(rng: np.random.Generator, grid: Grid, bar: Bar, fill_from: int) -> Iterator[Hit]:
    density = rng.uniform(0.4, 0.95)
    for step in range(fill_from, grid.steps):
        if rng.random() < density:
            reached = (step - fill_from) / max(1, grid.steps - fill_from)
            piece = FILL_PIECES[min(len(FILL_PIECES) - 1, int(reached * 4 + rng.random() * 2))]
            yield Hit(grid.at(bar.start, step), piece, float(np.clip(rng.normal(0.5 + 0.4 * reached, 0.15), 0.1, 1)))
