"""Synthetic singers: a buzzing source and a noise through formants that move, as many voices as one may want.

Recordings of a few singers teach a network those singers; an endless choir of rough ones teaches it what a voice does:
formants that are not the pitch's, glides, vibrato, breath and consonants.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from separation_core.training.corpus import RATE
from separation_core.training.mouth import BEAT, BINS, FADES, HOP, LEAD, WINDOW, Passage, spectra
from separation_core.training.score import Phrase, Score
from separation_core.training.shifting import overlap

Audio = NDArray[np.float32]
Lane = NDArray[np.float64]
TABLE = 4096
VOWELS = np.array(
    [
        (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
        (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
    ],
    dtype=np.float32,
)  # fmt: skip
"""First three formants of ten vowels in Hz, means of men (Peterson & Barney 1952, JASA 24, table II)."""
UPPER = np.array((3400.0, 4300.0), dtype=np.float32)
WIDTHS = np.array((45.0, 60.0, 90.0, 140.0, 200.0), dtype=np.float32)
CONSONANTS, ODDS = ("none", "hiss", "stop", "hum"), (0.4, 0.22, 0.22, 0.16)
VOICED = {"none": 1.0, "hiss": 0.02, "stop": 0.0, "hum": 0.35}
SECONDS = {"none": 0.0, "hiss": 0.1, "stop": 0.06, "hum": 0.08}
SINGERS = (1, 1, 1, 1, 1, 1, 1, 2, 3, 5)
"""How many sing together, each as likely as the next."""
RANGE = 17
"""Semitones that a singer has."""


@dataclass(frozen=True, slots=True)
class Throat:
    """One singer. lowest: MIDI pitch. tract: of the formants, 1 is a man's. slope: of the source's partials. gains: of
    the formants. breath: noise beside the tone. vibrato: Hz and semitones. glide: seconds from note to note. vocalise:
    holds one vowel and long notes."""

    lowest: float
    tract: float
    slope: float
    gains: Audio
    breath: float
    vibrato: tuple[float, float]
    glide: float
    vocalise: bool


@dataclass(frozen=True, slots=True)
class Syllable:
    """start, duration: seconds. degree: of the key. last: whether the singer breathes after it."""

    start: float
    duration: float
    degree: int
    vowel: int
    consonant: str
    loudness: float
    last: bool


def draw_throat(rng: np.random.Generator) -> Throat:
    """A random singer, from bass to child."""
    height = float(rng.uniform(0, 1))
    return Throat(
        lowest=38 + 24 * height + float(rng.normal(0, 2)),
        tract=float(0.92 + 0.32 * height + rng.normal(0, 0.06)),
        slope=float(rng.uniform(0.8, 2.4)),
        gains=(np.array((1.0, 0.5, 0.3, 0.2, 0.08)) * 10 ** (rng.normal(0, 5, 5) / 20)).astype(np.float32),
        breath=float(np.exp(rng.uniform(np.log(0.003), np.log(0.2)))),
        vibrato=(float(rng.uniform(4.5, 6.5)), float(rng.choice([0.0, rng.uniform(0.1, 0.8)], p=[0.3, 0.7]))),
        glide=float(np.exp(rng.uniform(np.log(0.004), np.log(0.09)))),
        vocalise=bool(rng.random() < 0.3),
    )


def hops_of(frames: int) -> int:
    """How many windows a song has."""
    return (frames + WINDOW) // HOP + 2


def sing_from_throat(rng: np.random.Generator, score: Score, frames: int, recorded: Passage | None = None) -> Audio:
    """All phrases of a score, whatever their manner, sung by one synthetic singer or a few: (2, frames).

    recorded: the mouth to sing with, of `hops_of(frames)` windows; otherwise it moves by rule.
    """
    out = np.zeros((2, frames), dtype=np.float32)
    throat = draw_throat(rng)
    if recorded:
        throat = replace(throat, slope=float(rng.uniform(-0.1, 0.3)))  # the recorded spectra fall by themselves
    syllables = [s for phrase in score.phrases for s in syllables_of(rng, throat, score, phrase)]
    syllables = [syllable for syllable in syllables if syllable.start * RATE < frames - HOP]
    if not syllables:
        return out
    for voice in range(int(rng.choice(SINGERS))):
        interval = int(rng.choice([0, 2, 4, -7], p=[0.6, 0.2, 0.1, 0.1])) if voice else 0
        late = int(rng.uniform(0, 0.04) * RATE) if voice else 0
        mono = _one_voice(rng, throat, score, syllables, interval, frames, recorded)
        pan = (rng.uniform(-0.9, 0.9) + 1) * np.pi / 4 if voice else np.pi / 4
        sides = np.array([[np.cos(pan)], [np.sin(pan)]], dtype=np.float32)
        out[:, late:] += sides * mono[: frames - late]
    return out


def syllables_of(rng: np.random.Generator, throat: Throat, score: Score, phrase: Phrase) -> Iterator[Syllable]:
    """A melody for one phrase: steps and small leaps in the key, on the grid's sixteenths."""
    lengths = (4, 8, 8, 16, 32) if throat.vocalise else (1, 2, 2, 2, 3, 4, 4, 8)
    at, end = phrase.start, phrase.start + phrase.room
    degree, vowel = int(rng.integers(0, 8)), int(rng.integers(len(VOWELS)))
    while at < end - 0.08:
        duration = min(score.grid.step * int(rng.choice(lengths)), end - at)
        breathes = at + duration >= end - 0.08 or rng.random() < 0.08
        consonant = str(rng.choice(CONSONANTS, p=ODDS)) if not throat.vocalise else "none"
        yield Syllable(at, duration, degree, vowel, consonant, float(rng.uniform(0.5, 1.0)), breathes)
        at += duration + (score.grid.step * int(rng.integers(1, 4)) if breathes else 0.0)
        degree += int(rng.choice([-4, -2, -1, -1, 0, 0, 1, 1, 2, 4]))
        vowel = vowel if throat.vocalise else int(rng.integers(len(VOWELS)))


@dataclass(frozen=True, slots=True)
class _Lanes:
    """How the throat moves, one value per HOP, the first LEAD of them before the song. pitch: MIDI. vowels: the first
    formants in Hz (hop, 3). tone, hiss: amplitudes. place: of the hiss in Hz. swing: how much of the vibrato."""

    pitch: Lane
    vowels: Lane
    tone: Lane
    hiss: Lane
    place: Lane
    swing: Lane


def _one_voice(
    rng: np.random.Generator,
    throat: Throat,
    score: Score,
    syllables: list[Syllable],
    interval: int,
    frames: int,
    recorded: Passage | None,
) -> Audio:
    count = hops_of(frames)
    lanes = _Lanes(*(np.zeros((count, 3) if lane == "vowels" else count) for lane in _Lanes.__slots__))
    for syllable in syllables:
        pitch = reachable(throat, score.key.pitch(syllable.degree + interval, 4))
        _articulate(rng, lanes, syllable, pitch)
    sung = _intonation(rng, throat, lanes)
    tone, noise = spectra(_pulses(throat, sung, frames)), spectra(rng.standard_normal(frames).astype(np.float32))
    mouth = recorded or _by_rule(throat, lanes, sung)
    pieces = np.fft.irfft(tone * mouth.tone + noise * (throat.breath * mouth.tone + mouth.noise), axis=1)
    return overlap(pieces.astype(np.float32) * FADES, HOP)[WINDOW : WINDOW + frames]


def _articulate(rng: np.random.Generator, lanes: _Lanes, syllable: Syllable, pitch: float) -> None:
    """Write one syllable into the lanes, as steps; its pitch and vowel stay until the next."""
    first = LEAD + int(syllable.start * BEAT)
    sounds = first + int(SECONDS[syllable.consonant] * BEAT)
    breath = 0.05 if syllable.last else 0.0
    end = max(sounds + 3, LEAD + int((syllable.start + syllable.duration - breath) * BEAT))
    lanes.pitch[first:], lanes.vowels[first:] = pitch, VOWELS[syllable.vowel]
    lanes.tone[first:end] = syllable.loudness
    lanes.tone[first:sounds] *= VOICED[syllable.consonant]
    held = lanes.tone[sounds:end]
    held *= np.linspace(1, rng.uniform(0.3, 1.0), held.size)
    if syllable.consonant in ("hiss", "stop"):
        begin = first if syllable.consonant == "hiss" else sounds - 2
        lanes.hiss[begin:sounds], lanes.place[begin:sounds] = rng.uniform(0.2, 1.0), rng.uniform(2500, 8500)
    lanes.swing[sounds:end] = np.clip((np.arange(held.size) / BEAT - 0.25) / 0.3, 0, 1)


def reachable(throat: Throat, pitch: float) -> float:
    """The same note in the nearest octave that this singer has."""
    if pitch < throat.lowest:
        return pitch + 12 * math.ceil((throat.lowest - pitch) / 12)
    return pitch - 12 * max(0, math.ceil((pitch - throat.lowest - RANGE) / 12))


def _intonation(rng: np.random.Generator, throat: Throat, lanes: _Lanes) -> Lane:
    """The pitch (hop,) as it is sung: glides, vibrato and a little uncertainty."""
    pitch = np.where(lanes.pitch == 0, lanes.pitch[np.argmax(lanes.pitch > 0)], lanes.pitch)
    rate, depth = throat.vibrato
    vibrato = depth * lanes.swing * np.sin(2 * np.pi * rate * np.arange(pitch.size) / BEAT)
    drift = _smooth(rng.normal(0, 0.5, pitch.size), 0.05)
    return np.asarray(_smooth(pitch, throat.glide) + vibrato + drift, dtype=np.float64)


def _smooth(lane: Lane, seconds: float) -> Lane:
    """Follow a lane (hop, …) exponentially, from its first value on."""
    keep = float(np.exp(-1 / (BEAT * seconds)))
    followed, _ = lfilter([1 - keep], [1, -keep], lane, axis=0, zi=keep * lane[:1])
    return np.asarray(followed, dtype=np.float64)


def _pulses(throat: Throat, pitch: Lane, frames: int) -> Audio:
    """The source (frame,): partials that fall by the throat's slope, and reach 16 kHz in the middle of its range; what
    higher notes fold back lies 50 dB and more below."""
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    number = np.arange(1, min(TABLE // 2, int(16_000 / np.median(frequency))))
    spectrum = np.zeros(TABLE // 2 + 1, dtype=np.complex128)
    spectrum[number] = -1j * number**-throat.slope
    cycle = np.fft.irfft(spectrum, TABLE)
    cycle = (cycle / np.sqrt(np.mean(cycle**2))).astype(np.float32)
    hops = LEAD + np.arange(frames) / HOP
    cycles = np.cumsum(np.interp(hops, np.arange(frequency.size), frequency) / RATE)
    return np.asarray(cycle[(cycles * TABLE).astype(np.int64) & (TABLE - 1)])


def _by_rule(throat: Throat, lanes: _Lanes, sung: Lane) -> Passage:
    return Passage(_resonance(throat, lanes, sung), _rustle(lanes))


def _resonance(throat: Throat, lanes: _Lanes, sung: Lane) -> Audio:
    """How much of the tone passes, (hop, bin)."""
    low = _smooth(np.where(lanes.vowels == 0, VOWELS[0], lanes.vowels), 0.035)
    formants = throat.tract * np.concatenate([low, np.broadcast_to(UPPER, (len(low), 2))], axis=1)
    # A singer opens the mouth so that the first formant is not below the note.
    formants[:, 0] = np.maximum(formants[:, 0], 440 * 2 ** ((sung - 69) / 12))
    passed = np.full((len(low), BINS.size), 3e-4, dtype=np.float32)
    for place, gain in enumerate(throat.gains):
        middle, width = formants[:, place, None].astype(np.float32), np.float32(WIDTHS[place] * throat.tract)
        passed += np.float32(gain) * middle * width / np.hypot(middle**2 - BINS**2, width * BINS)
    return passed * _smooth(lanes.tone, 0.012).astype(np.float32)[:, None]


def _rustle(lanes: _Lanes) -> Audio:
    """The noise of consonants, (hop, bin)."""
    away = (BINS - lanes.place[:, None].astype(np.float32)) / 1500
    loudness = np.float32(0.02) * _smooth(lanes.hiss, 0.006).astype(np.float32)
    return np.asarray(loudness[:, None] / (1 + away**2), dtype=np.float32)
