"""What is played: a song of twelve bars in A minor, 96 beats a minute, so half a minute long.

Intro, verse, chorus, outro over Am9, Fmaj9, C and G; drums with ghost notes and a fill into each section, a bass that
walks towards the next root, chords and an arpeggio, and a tune with syllables to sing.
"""

from dataclasses import dataclass

RATE = 44_100
BEATS_PER_MINUTE = 96.0
BEATS_PER_BAR = 4
BARS = 12
SWING = 0.56
"""Where the second sixteenth of a pair falls: 0.5 is straight, 0.667 is triplets."""
SECONDS = BARS * BEATS_PER_BAR * 60.0 / BEATS_PER_MINUTE
FRAMES = round(SECONDS * RATE)


@dataclass(frozen=True, slots=True)
class Note:
    """A note: start and length in beats from the beginning of the song, MIDI pitch, loudness 0…1."""

    start: float
    beats: float
    pitch: float
    velocity: float = 0.8


@dataclass(frozen=True, slots=True)
class Stroke:
    """A drum stroke: which piece, when (beats), how hard (0…1)."""

    piece: str
    start: float
    velocity: float


@dataclass(frozen=True, slots=True)
class Syllable:
    """A sung note: an opening consonant ("" for none) and a vowel."""

    note: Note
    consonant: str
    vowel: str


@dataclass(frozen=True, slots=True)
class Chord:
    """Bass note and voicing, as MIDI pitches."""

    root: int
    notes: tuple[int, ...]


AM9 = Chord(33, (57, 60, 64, 67, 71))
FMAJ9 = Chord(29, (57, 60, 64, 65, 67))
C_ADD9 = Chord(36, (55, 60, 62, 64, 67))
G6 = Chord(31, (55, 59, 62, 64, 67))
C_OVER_E = Chord(28, (55, 60, 62, 64, 72))

CHORDS = (AM9, FMAJ9, AM9, FMAJ9, C_ADD9, G6, FMAJ9, G6, AM9, C_OVER_E, FMAJ9, AM9)
INTRO, VERSE, CHORUS, OUTRO = range(2), range(2, 6), range(6, 10), range(10, 12)
LAST_BAR = BARS - 1


def seconds_at(beat: float) -> float:
    """When a beat sounds, off-beat sixteenths pushed late by the swing."""
    eighths, inside = divmod(beat, 0.5)
    half = 0.5 * SWING
    swung = inside * SWING / 0.5 if inside < 0.25 else half + (inside - 0.25) * (0.5 - half) / 0.25
    return (eighths * 0.5 + swung) * 60.0 / BEATS_PER_MINUTE


def hertz(pitch: float) -> float:
    """Frequency of a MIDI pitch, A4 = 69 = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def drum_strokes() -> list[Stroke]:
    """The whole drum part."""
    strokes = [Stroke("crash", bar * 4.0, 0.9) for bar in (VERSE[0], CHORUS[0], OUTRO[0], LAST_BAR)]
    for bar in range(BARS - 1):
        strokes += [Stroke(s.piece, bar * 4.0 + s.start, s.velocity) for s in _drum_bar(bar)]
    return [*strokes, Stroke("kick", LAST_BAR * 4.0, 1.0)]


def _drum_bar(bar: int) -> list[Stroke]:
    if bar in INTRO:
        return _hats(bar, 0.45) + (_fill() if bar == INTRO[-1] else [])
    kicks = (0.0, 0.75, 2.5) if bar % 2 == 0 else (0.0, 1.75, 2.5, 3.25)
    if bar in CHORUS:
        kicks = (*kicks, 2.0)
    strokes = [Stroke("kick", at, 1.0 if at == 0.0 else 0.8) for at in kicks]
    strokes += [Stroke("snare", at, 0.95) for at in (1.0, 3.0)]
    strokes += [Stroke("snare", at, 0.16) for at in (1.75, 2.25)]  # ghost notes
    if bar in CHORUS:
        strokes += [Stroke("clap", at, 0.7) for at in (1.0, 3.0)]
    if bar in (VERSE[-1], CHORUS[-1]):
        strokes = [s for s in strokes if s.start < 3.0] + _fill()
    return strokes + _hats(bar, 0.7)


def _hats(bar: int, level: float) -> list[Stroke]:
    accents = (1.0, 0.35, 0.65, 0.4)
    strokes = [Stroke("hat", step * 0.25, level * accents[step % 4]) for step in range(16)]
    if bar in CHORUS:
        strokes[14] = Stroke("open_hat", 3.5, 0.7)
    return strokes


def _fill() -> list[Stroke]:
    toms = ("snare", "high_tom", "high_tom", "low_tom")
    return [Stroke(piece, 3.0 + 0.25 * i, 0.6 + 0.1 * i) for i, piece in enumerate(toms)]


def bass_notes() -> list[Note]:
    """The bass line: root, octave and fifth, walking into the next bar's root."""
    notes: list[Note] = []
    for bar in range(VERSE[0], BARS - 1):
        root, following = CHORDS[bar].root, CHORDS[bar + 1].root
        approach = following + (-1 if following > root else 2)
        figure = [
            (0.0, 0.7, 0, 1.0),
            (0.75, 0.45, 0, 0.7),
            (1.5, 0.4, 12, 0.75),
            (2.0, 0.45, 7, 0.7),
            (2.5, 0.9, 0, 0.9),
        ]
        if bar in CHORUS:
            figure += [(1.25, 0.2, 0, 0.5), (3.0, 0.2, 12, 0.6)]
        notes += [Note(bar * 4 + at, beats, root + step, loud) for at, beats, step, loud in figure]
        notes.append(Note(bar * 4 + 3.5, 0.45, approach, 0.75))
    return [*notes, Note(LAST_BAR * 4.0, 3.5, CHORDS[LAST_BAR].root, 0.9)]


def keys_notes() -> list[Note]:
    """Electric piano: a rolled chord on the one, a push on the and of two; held through the last bar."""
    notes: list[Note] = []
    for bar, chord in enumerate(CHORDS):
        hits = [(0.0, 3.8, 0.85)] if bar in (*INTRO, LAST_BAR) else [(0.0, 1.3, 0.8), (1.5, 1.4, 0.6), (3.25, 0.6, 0.5)]
        for at, beats, loud in hits:
            notes += [Note(bar * 4 + at + 0.02 * i, beats, pitch, loud) for i, pitch in enumerate(chord.notes)]
    return notes


def arpeggio_notes() -> list[Note]:
    """Plucked sixteenths over the chord, an octave up, rising and falling; silent in the last bar."""
    notes: list[Note] = []
    for bar in range(BARS - 1):
        ladder = CHORDS[bar].notes
        up_and_down = (*ladder, *ladder[-2:0:-1])
        level = 0.75 if bar in CHORUS else 0.5
        for step in range(16):
            accent = 1.0 if step % 4 == 0 else 0.7
            pitch = up_and_down[step % len(up_and_down)] + 12
            notes.append(Note(bar * 4 + step * 0.25, 0.25, pitch, level * accent))
    return notes


def pad_notes() -> list[Note]:
    """A held pad: soft at first, full in chorus and outro."""
    levels = {**dict.fromkeys(INTRO, 0.5), **dict.fromkeys(VERSE, 0.35), **dict.fromkeys((*CHORUS, *OUTRO), 1.0)}
    return [Note(bar * 4.0, 4.0, pitch, levels[bar]) for bar, chord in enumerate(CHORDS) for pitch in chord.notes[:4]]


_TUNE: tuple[tuple[int, float, float, int, str, str], ...] = (
    # bar, beat, beats, pitch, consonant, vowel: the verse, one phrase to two bars
    (2, 0.5, 0.5, 52, "s", "o"), (2, 1.0, 0.5, 55, "l", "o"), (2, 1.5, 1.0, 57, "n", "a"), (2, 2.5, 0.5, 55, "d", "e"),
    (2, 3.0, 0.9, 52, "n", "o"), (3, 0.0, 1.0, 60, "h", "a"), (3, 1.0, 0.5, 57, "l", "e"), (3, 1.5, 0.5, 55, "n", "i"),
    (3, 2.0, 1.4, 57, "m", "o"),
    (4, 0.5, 0.5, 55, "s", "e"), (4, 1.0, 0.5, 57, "n", "o"), (4, 1.5, 1.0, 60, "l", "a"), (4, 2.5, 0.5, 62, "d", "o"),
    (4, 3.0, 0.9, 60, "r", "i"), (5, 0.0, 1.0, 59, "n", "a"), (5, 1.0, 0.5, 57, "m", "e"), (5, 1.5, 1.6, 55, "l", "o"),
    # the chorus, higher and longer
    (6, 0.0, 1.5, 60, "h", "o"), (6, 1.5, 0.5, 60, "l", "a"), (6, 2.0, 0.5, 62, "r", "e"), (6, 2.5, 1.4, 64, "m", "a"),
    (7, 0.0, 1.0, 62, "n", "o"), (7, 1.0, 0.5, 59, "d", "e"), (7, 1.5, 0.5, 55, "l", "i"), (7, 2.0, 1.6, 62, "s", "a"),
    (8, 0.0, 1.0, 64, "h", "a"), (8, 1.0, 0.5, 62, "l", "o"), (8, 1.5, 0.5, 60, "n", "e"), (8, 2.0, 1.0, 57, "m", "o"),
    (8, 3.0, 0.9, 60, "r", "a"), (9, 0.0, 1.0, 55, "s", "o"), (9, 1.0, 0.5, 60, "l", "i"), (9, 1.5, 0.5, 62, "n", "o"),
    (9, 2.0, 1.6, 64, "m", "a"),
    # the outro comes home
    (10, 0.0, 1.0, 60, "h", "o"), (10, 1.0, 0.5, 57, "l", "e"), (10, 1.5, 0.5, 55, "n", "i"),
    (10, 2.0, 1.6, 59, "m", "o"),
    (11, 0.0, 2.8, 57, "l", "a"),
)  # fmt: skip

_THIRD_ABOVE = {52: 55, 55: 60, 57: 60, 59: 62, 60: 64, 62: 67, 64: 67}


def melody() -> list[Syllable]:
    """The lead voice's notes and syllables."""
    return [
        Syllable(Note(bar * 4 + beat, beats, pitch, 0.9 if bar in CHORUS else 0.75), consonant, vowel)
        for bar, beat, beats, pitch, consonant, vowel in _TUNE
    ]


def harmony() -> list[Syllable]:
    """The second voice: the chorus a third (or the chord's next note) above, no sibilants, softer."""
    chorus = [syllable for syllable in melody() if syllable.note.start // BEATS_PER_BAR in CHORUS]
    return [
        Syllable(
            Note(s.note.start, s.note.beats, _THIRD_ABOVE[round(s.note.pitch)], 0.6),
            "" if s.consonant in ("s", "h", "d") else s.consonant,
            s.vowel,
        )
        for s in chorus
    ]
