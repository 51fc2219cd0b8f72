"""Turn a score's hits and notes into stereo stems with recorded and synthetic instruments."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from separation_core.training.corpus import RATE
from separation_core.training.effects import compression, draw_equaliser, equalise, place, saturate
from separation_core.training.material import Material, kit_takes
from separation_core.training.score import Hit, Note, Part
from separation_core.training.shifting import resample
from separation_core.training.synthesis import draw_patch, drum_machine, play_patch

Audio = NDArray[np.float32]
Player = Callable[[Note], Audio]

SYNTHETIC = 0.4
"""Share of melodic parts and of drum pieces that a synthesiser plays."""
SKINS = ("kick", "tom_hi", "tom_mid", "tom_lo")
WHOLE_KIT = 8
"""Pieces from which on a kit is as good as any."""
LAYERED, HELD, SHORTENED = 0.4, 0.25, 0.3
"""How often a skin has a synthetic one under it, a piece rings on, or is cut short."""
PIECE_PAN = {
    "hat_closed": 0.3,
    "hat_open": 0.3,
    "ride": -0.4,
    "crash": -0.3,
    "tom_hi": 0.3,
    "tom_lo": -0.4,
    "perc": 0.5,
}


def play_drums(rng: np.random.Generator, material: Material, hits: Iterable[Hit], frames: int) -> Audio:
    """All hits on one kit, as (2, frames)."""
    out = np.zeros((2, frames), dtype=np.float32)
    strokes: dict[str, list[Audio]] = {}
    kit = _draw_kit(rng, material)
    machine = rng.random() < SYNTHETIC / 2
    for hit in hits:
        if hit.piece not in strokes:
            strokes[hit.piece] = _draw_strokes(rng, material, kit, hit.piece, machine)
        takes = strokes[hit.piece]
        stroke = takes[int(rng.integers(len(takes)))]
        add_at(out, stroke, int(hit.start * RATE), hit.velocity**1.4)
    return out


def _draw_kit(rng: np.random.Generator, material: Material) -> str:
    """A kit's name: the more pieces it has, the likelier, as a lone kick is not much of a kit."""
    sizes = np.array([min(len(pieces), WHOLE_KIT) for pieces in material.drums.values()])
    return list(material.drums)[int(rng.choice(sizes.size, p=sizes / sizes.sum()))]


def _draw_strokes(rng: np.random.Generator, material: Material, kit: str, piece: str, machine: bool) -> list[Audio]:
    """A few takes of one piece, all tuned, layered, held or shortened, equalised and placed alike."""
    pitch, gain = 2 ** (rng.normal(0, 3.0) / 12), 10 ** (rng.normal(0, 3) / 20)
    pan = float(np.clip(PIECE_PAN.get(piece, 0.0) * rng.choice([-1, 1]) * rng.uniform(0, 1.5), -0.9, 0.9))
    bands = draw_equaliser(rng, 10)
    under = drum_machine(rng, piece)[None] if piece in SKINS and rng.random() < LAYERED else None
    ratio = float(rng.uniform(1.5, 4)) if rng.random() < HELD else 1.0
    decay = float(rng.uniform(0.08, 0.6)) if rng.random() < SHORTENED else 8.0
    synthetic = machine or rng.random() < SYNTHETIC / 4
    kit = kit if rng.random() < 0.8 else _draw_kit(rng, material)
    recorded = kit_takes(rng, material, kit, piece)
    takes = []
    for _ in range(1 if synthetic else 3):
        raw = drum_machine(rng, piece)[None] if synthetic else material.corpus.audio(int(rng.choice(recorded)))
        stroke = resample(raw, pitch)
        if under is not None:
            stroke = _layered(stroke, under)
        # Compressed, a stroke's tail comes up.
        stroke = equalise(stroke * compression(stroke, -30.0, ratio, 0.05), bands) * np.float32(gain)
        stroke = stroke * np.exp(-np.arange(stroke.shape[1], dtype=np.float32) / np.float32(decay * RATE))
        takes.append(place(stroke[0], pan) if stroke.shape[0] == 1 else stroke)
    return takes


def _layered(stroke: Audio, under: Audio) -> Audio:
    """A stroke (1 or 2, frame) with another one (1, frame) under it, about as loud."""
    out = np.pad(stroke, ((0, 0), (0, max(0, under.shape[1] - stroke.shape[1]))))
    level = np.abs(stroke).max() / max(float(np.abs(under).max()), 1e-6)
    out[:, : under.shape[1]] += np.float32(0.7 * level) * under
    return out


def play_loop(rng: np.random.Generator, material: Material, frames: int) -> Audio:
    """A recorded drum loop, repeated at a random speed, as (2, frames)."""
    clip = material.corpus.audio(material.loops[int(rng.integers(len(material.loops)))])
    clip = resample(clip, float(rng.uniform(0.8, 1.3)))
    turns = -(-frames // clip.shape[1])
    return np.broadcast_to(np.tile(clip, turns)[:, :frames], (2, frames)).copy()


def play_part(rng: np.random.Generator, material: Material, part: Part, frames: int) -> Audio:
    """One melodic part on one instrument, recorded or synthetic, as (2, frames)."""
    player = _draw_player(rng, material, part.role)
    out = np.zeros((2, frames), dtype=np.float32)
    pan = 0.0 if part.role == "bass" else float(np.clip(rng.normal(0, 0.4), -1, 1))
    centre = place(np.ones(1, dtype=np.float32), pan)
    cache: dict[tuple[int, int], Audio] = {}
    for note in part.notes:
        key = (note.pitch, round(note.duration * 16))
        if key not in cache:
            cache[key] = player(note)
        add_at(out, cache[key], int(note.start * RATE), note.velocity)
    out *= centre
    if out.any():
        out *= np.float32(0.3) / max(float(np.abs(out).max()), 1e-6)
    return _character(rng, out, part.role)


def _draw_player(rng: np.random.Generator, material: Material, role: str) -> Player:
    if rng.random() < SYNTHETIC:
        patch = draw_patch(rng, role)
        return lambda note: play_patch(rng, patch, note.pitch, note.duration)[None]
    return draw_sampler(rng, material, "bass" if role == "bass" else "other")


def draw_sampler(rng: np.random.Generator, material: Material, stem: str) -> Player:
    """One of a stem's recorded instruments, for any note: what it plays is (channel, frame)."""
    instruments = material.melodic[stem]
    names = list(instruments)
    return _Sampler(rng, material, instruments[names[int(rng.integers(len(names)))]]).play


class _Sampler:
    """A recorded instrument: the nearest recorded note, replayed faster or slower, cut to the note's length."""

    def __init__(self, rng: np.random.Generator, material: Material, indices: list[int]) -> None:
        self._rng, self._material = rng, material
        self._indices = indices
        self._pitches = np.array([material.corpus.samples[index].midi for index in indices])
        self._tune, self._release = float(rng.normal(0, 0.06)), float(rng.uniform(0.03, 0.3))

    def play(self, note: Note) -> Audio:
        """One note as (channel, frame)."""
        away = np.abs(self._pitches - note.pitch)
        near = np.flatnonzero(away <= away.min())
        pick = int(near[int(self._rng.integers(near.size))])
        ratio = 2 ** ((note.pitch + self._tune - self._pitches[pick]) / 12)
        keep = int((note.duration + self._release) * RATE)
        clip = self._material.corpus.audio(self._indices[pick])[:, : int(keep * ratio) + 2]
        clip = resample(clip, ratio)
        fade = min(int(self._release * RATE), clip.shape[1])
        if fade and clip.shape[1] >= keep - 2:
            clip[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        return clip


def _character(rng: np.random.Generator, audio: Audio, role: str) -> Audio:
    """What makes a part a part: equaliser, overdrive, tremolo, doubling."""
    audio = equalise(audio, draw_equaliser(rng, 10))
    if rng.random() < (0.25 if role == "riff" else 0.1):
        audio = saturate(audio, float(np.exp(rng.uniform(np.log(1.5), np.log(20)))))
    if role != "bass" and rng.random() < 0.2:
        delay = int(rng.uniform(0.008, 0.03) * RATE)
        audio[1, delay:] = audio[1, :-delay].copy()
    if role != "bass" and rng.random() < 0.1:
        time = np.arange(audio.shape[1], dtype=np.float32) / RATE
        depth, wave = np.float32(rng.uniform(0.1, 0.4)), np.sin(np.float32(2 * np.pi * rng.uniform(3, 8)) * time)
        audio *= 1 - depth * (1 + wave)
    return audio


def add_at(out: Audio, sound: Audio, start: int, gain: float) -> None:
    """Add (1 or 2, frame) into (2, frame) from frame `start`, cut at both ends."""
    skip = max(0, -start)
    length = min(sound.shape[1] - skip, out.shape[1] - max(0, start))
    if length > 0:
        out[:, max(0, start) : max(0, start) + length] += np.float32(gain) * sound[:, skip : skip + length]
