"""Put voices into a song: in its key and tempo, as other singers than the corpus has, doubled and harmonised."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from separation_core.training.corpus import RATE
from separation_core.training.effects import place
from separation_core.training.instruments import add_at, draw_sampler
from separation_core.training.material import Material, sung_key
from separation_core.training.mouth import recorded_passage
from separation_core.training.score import Note, Phrase, Score
from separation_core.training.shifting import shift_voice
from separation_core.training.throat import draw_throat, hops_of, reachable, sing_from_throat, syllables_of

Audio = NDArray[np.float32]
FADE = RATE // 50
KINDS, KIND_ODDS = ("recorded", "recorded mouth", "synthetic", "sampled"), (0.36, 0.26, 0.24, 0.14)
"""Who sings a song: a recorded voice, a synthetic source through a recorded mouth, a wholly synthetic singer, a sampler
that plays held notes of a voice (a synthetic singer where the corpus has none)."""
CHOPPED = 0.08
"""Share of songs whose voice is cut into slices."""


@dataclass(frozen=True, slots=True)
class Singer:
    """One voice of a song: how far below the recorded one, with which formants, doubled or harmonised how."""

    low: bool
    formant: float
    doubled: bool
    harmony: int


def draw_singer(rng: np.random.Generator) -> Singer:
    """A random singer; nearly half sing low with a longer vocal tract, as the corpus has few men."""
    low = bool(rng.random() < 0.45)
    formant = rng.uniform(0.76, 0.92) if low else rng.uniform(0.9, 1.15)
    harmony = int(rng.choice([0, 3, 4, 7, -5, 12], p=[0.75, 0.06, 0.06, 0.04, 0.04, 0.05]))
    return Singer(low, float(formant), bool(rng.random() < 0.25), harmony)


def sing(rng: np.random.Generator, material: Material, score: Score, frames: int) -> Audio:
    """All phrases of a score as (2, frames)."""
    kind = str(rng.choice(KINDS, p=KIND_ODDS))
    if kind == "recorded":
        voice = _recorded(rng, material, score, frames)
    elif kind == "sampled" and material.melodic["vocals"]:
        voice = _sampled(rng, material, score, frames)
    else:
        mouth = recorded_passage(rng, material, score, hops_of(frames)) if kind == "recorded mouth" else None
        voice = sing_from_throat(rng, score, frames, mouth)
    return _stage(rng, _chop(rng, score, voice) if rng.random() < CHOPPED else voice)


def _chop(rng: np.random.Generator, score: Score, voice: Audio) -> Audio:
    """A few slices of the voice on sixteenths or eighths, over and over in a pattern, as samplers play it."""
    length = int(score.grid.step * int(rng.choice([1, 2])) * RATE)
    slots = voice.shape[1] // length
    sounding = [at for at in range(slots) if np.abs(voice[:, at * length : (at + 1) * length]).max() > 0.01]
    if not sounding:
        return voice
    sources = rng.choice(sounding, 4)
    pattern = rng.integers(-2, 4, 8)  # below 0: a rest
    fade = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 100).astype(np.float32)
    out = np.zeros_like(voice)
    for slot in sounding:
        chosen = pattern[slot % pattern.size]
        if chosen >= 0:
            source = sources[chosen] * length
            out[:, slot * length : (slot + 1) * length] = voice[:, source : source + length] * fade
    return out


def _stage(rng: np.random.Generator, voice: Audio) -> Audio:
    """Where the voice stands: mostly in the middle, else beside it or wide, as delays between the sides make it."""
    where = rng.random()
    if where < 0.5:
        return voice
    if where < 0.65:
        return voice * place(np.ones(1, dtype=np.float32), float(np.clip(rng.normal(0, 0.4), -0.9, 0.9)))
    return voice + _late(rng, voice) * np.float32(rng.uniform(0.4, 1.0))


def _late(rng: np.random.Generator, voice: Audio) -> Audio:
    """The voice again, some milliseconds later: on one side only, or on both with opposite signs and wavering."""
    frames = np.arange(voice.shape[1], dtype=np.float32)
    delay = float(rng.uniform(0.008, 0.03)) * RATE
    if rng.random() < 0.4:
        return np.stack([np.interp(frames - delay, frames, voice[0], left=0), np.zeros_like(frames)]).astype(np.float32)
    waver = rng.uniform(0, 0.004) * RATE * np.sin(2 * np.pi * rng.uniform(0.1, 1.5) / RATE * frames)
    sides = [
        np.interp(frames - delay + sign * waver, frames, side, left=0)
        for sign, side in zip((1, -1), voice, strict=True)
    ]
    return np.stack([sides[0], -sides[1]]).astype(np.float32)


def _recorded(rng: np.random.Generator, material: Material, score: Score, frames: int) -> Audio:
    out = np.zeros((2, frames), dtype=np.float32)
    singer = draw_singer(rng)
    chosen: dict[str, list[int]] = {}
    for phrase in score.phrases:
        if phrase.manner not in chosen:
            chosen[phrase.manner] = _draw_voice(rng, material, phrase.manner)
        _fill(rng, material, score, singer, phrase, chosen[phrase.manner], out)
    return out


def _sampled(rng: np.random.Generator, material: Material, score: Score, frames: int) -> Audio:
    """A melody on one voice's held notes, some of it in two or three parts."""
    out = np.zeros((2, frames), dtype=np.float32)
    throat = draw_throat(rng)
    player = draw_sampler(rng, material, "vocals")
    parts = ((0,), (0,), (0,), (0, 2), (0, 2, 4))[int(rng.integers(5))]
    rise = int(rng.uniform(0.003, 0.08) * RATE)
    for phrase in score.phrases:
        for syllable in syllables_of(rng, throat, score, phrase):
            for part in parts:
                pitch = int(reachable(throat, score.key.pitch(syllable.degree + part, 4)))
                sound = player(Note(syllable.start, syllable.duration, pitch, syllable.loudness)).copy()
                sound[:, :rise] *= np.linspace(0, 1, rise, dtype=np.float32)[: sound.shape[1]]
                add_at(out, sound, int(syllable.start * RATE), syllable.loudness)
    return out


def _draw_voice(rng: np.random.Generator, material: Material, manner: str) -> list[int]:
    singers = material.voices.get(manner) or next(iter(material.voices.values()))
    names = list(singers)
    return singers[names[int(rng.integers(len(names)))]]


def _fill(
    rng: np.random.Generator,
    material: Material,
    score: Score,
    singer: Singer,
    phrase: Phrase,
    takes: list[int],
    out: Audio,
) -> None:
    """Fill a phrase's room with one long take or several short ones, each starting on an eighth."""
    at, eighth = phrase.start, 2 * score.grid.step
    longer = [take for take in takes if material.corpus.duration(take) > 1.0] or takes
    for _ in range(12):
        if at >= min(phrase.start + phrase.room, out.shape[1] / RATE):
            return
        pool = longer if rng.random() < 0.75 else takes
        take = pool[int(rng.integers(len(pool)))]
        room = phrase.start + phrase.room - at + 0.3
        sounds = _take(rng, material, score, singer, take, room)
        loudness = float(rng.uniform(0.7, 1.0))
        for sound in sounds:
            add_at(out, sound, int(at * RATE), loudness)
        at += max(1.0, np.ceil(sounds[0].shape[1] / RATE / eighth)) * eighth
        at += eighth * int(rng.choice([0, 0, 1, 2, 4]))


def _take(
    rng: np.random.Generator, material: Material, score: Score, singer: Singer, take: int, room: float
) -> list[Audio]:
    """A take as this singer would sing it, with its doubles and harmonies, each as (2, frame)."""
    semitones, tempo = _fit(rng, material, score, singer, take)
    raw = material.corpus.mono(take)[: int(room * tempo * RATE)]
    main = _faded(shift_voice(raw, semitones, singer.formant, tempo))
    voices = [place(main, 0.0)]
    if singer.doubled:
        for side in (-1, 1):
            double = shift_voice(raw, semitones + rng.normal(0, 0.12), singer.formant * rng.uniform(0.97, 1.03), tempo)
            voices.append(
                place(np.pad(_faded(double), (int(rng.uniform(0.01, 0.035) * RATE), 0)), 0.8 * side) * np.float32(0.5)
            )
    if singer.harmony:
        above = shift_voice(raw, semitones + singer.harmony, singer.formant, tempo)
        voices.append(place(_faded(above), float(rng.uniform(-0.7, 0.7))) * np.float32(0.5))
    return voices


def _fit(rng: np.random.Generator, material: Material, score: Score, singer: Singer, take: int) -> tuple[float, float]:
    """(semitones, speed) that bring a take into the song's key and tempo."""
    sample = material.corpus.samples[take]
    key = sung_key(sample)
    if key is None:
        return float(rng.uniform(-8, -3) if singer.low else rng.uniform(-3, 3)), float(rng.uniform(0.88, 1.15))
    tonic, minor = key
    # A phrase in minor fits a major song through its relative major, three semitones up, and the other way round.
    relative = tonic + 3 * (int(minor) - int(score.key.is_minor))
    up = (score.key.tonic - relative + 6) % 12 - 6
    if singer.low and up > -4:
        up -= 12
    speed = score.grid.tempo / (sample.bpm or score.grid.tempo)
    while speed > 1.42:
        speed /= 2
    while speed < 0.71:
        speed *= 2
    return float(up), float(speed)


def _faded(mono: Audio) -> Audio:
    fade = min(FADE, mono.size)
    if fade:
        mono[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return mono
