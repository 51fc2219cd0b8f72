"""What a composed song is, before any sound: hits, notes, phrases, and when which stem plays."""

from dataclasses import dataclass, field

from separation_core.training.theory import Chord, Key


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke on a drum kit; start in seconds, velocity 0..1."""

    start: float
    piece: str
    velocity: float


@dataclass(frozen=True, slots=True)
class Note:
    """One note; start and duration in seconds, MIDI pitch, velocity 0..1, glide in semitones towards the end."""

    start: float
    duration: float
    pitch: int
    velocity: float


@dataclass(frozen=True, slots=True)
class Phrase:
    """A slot for a voice; start and room in seconds; manner is "sung", "speech", "shout" or "whisper"."""

    start: float
    room: float
    manner: str


@dataclass(frozen=True, slots=True)
class Part:
    """The notes of one melodic instrument and its role: "bass", "chords", "pad", "riff", "arpeggio" or "lead"."""

    role: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: start in seconds, its chord, whether it ends a section, and which stems play in it."""

    start: float
    chord: Chord
    first_of_section: bool
    last_of_section: bool
    energy: float
    playing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Grid:
    """Time: tempo in beats a minute, sixteenths a bar, swing 0..0.67 (how late every second sixteenth or eighth is)."""

    tempo: float
    steps: int
    swing: float
    swung: int

    @property
    def step(self) -> float:
        """Seconds of one sixteenth."""
        return 15.0 / self.tempo

    @property
    def bar(self) -> float:
        """Seconds of one bar."""
        return self.step * self.steps

    def at(self, bar_start: float, step: float) -> float:
        """Seconds at which a step of a bar falls, swing included; `swung` is 1 for sixteenths, 2 for eighths."""
        offbeat = int(step) % (2 * self.swung) == self.swung
        return bar_start + self.step * (step + (self.swing * self.swung / 2 if offbeat else 0.0))


@dataclass(frozen=True, slots=True)
class Score:
    """A whole composed excerpt."""

    key: Key
    grid: Grid
    bars: tuple[Bar, ...]
    hits: tuple[Hit, ...] = ()
    parts: tuple[Part, ...] = ()
    phrases: tuple[Phrase, ...] = field(default=())
