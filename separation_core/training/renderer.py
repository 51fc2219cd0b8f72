"""Render a composed song to four stems that sum to its mix: play, process each stem's bus, balance, master.

The mastering chain keeps the sum exact: its equaliser is linear and its gain curves, computed from the mix, scale all
stems alike.
"""

import numpy as np
from numpy.typing import NDArray

from separation_core.training.composer import compose
from separation_core.training.corpus import RATE, STEMS
from separation_core.training.effects import (
    compression,
    cut,
    draw_equaliser,
    echo,
    edge,
    equalise,
    limiting,
    peaking,
    reverberate,
    saturate,
    widen,
)
from separation_core.training.instruments import add_at, play_drums, play_loop, play_part
from separation_core.training.material import Material
from separation_core.training.score import Score
from separation_core.training.voices import sing

Audio = NDArray[np.float32]
LEAD_IN = RATE // 2
"""Rendered before the excerpt and cut off, so that it starts in full sound."""
LEVELS = {"drums": (-18.0, 3.5), "bass": (-20.0, 3.5), "other": (-20.0, 4.5), "vocals": (-18.5, 4.0)}
"""Mean and spread of a stem's level while it plays, dB RMS."""
LOW_CUTS = {"drums": (0.5, 25, 60), "bass": (0.35, 25, 80), "other": (0.6, 60, 180), "vocals": (0.6, 60, 180)}
"""How often a stem's lows are cut, and between which frequencies (Hz) that begins."""
HIGH_CUTS = {
    "drums": (0.3, 400, 9000),
    "bass": (0.2, 300, 9000),
    "other": (0.15, 1500, 12000),
    "vocals": (0.1, 3000, 12000),
}
"""The same of a stem's highs."""

NO_TREBLE, NO_LOWS, NARROW_LOWS, HOLE = 0.3, 0.12, 0.3, 0.2
"""How often a finished song lacks these, or has a hole in its spectrum, as records and their copies do."""


def render_song(rng: np.random.Generator, material: Material, seconds: float) -> Audio:
    """Compose and render one excerpt as (stem, 2, frame) float32, stems in the order of `STEMS`, |mix| ≤ 1."""
    frames = int(seconds * RATE) + LEAD_IN
    score = compose(rng, frames / RATE)
    dry = {
        "drums": _drums(rng, material, score, frames),
        "bass": _parts(rng, material, score, frames, bass=True),
        "other": _parts(rng, material, score, frames, bass=False),
        "vocals": sing(rng, material, score, frames),
    }
    stems = np.stack([_balance(rng, _bus(rng, dry[stem], stem), stem) for stem in STEMS])
    _duck(rng, score, stems)
    return np.ascontiguousarray(master(rng, stems)[..., LEAD_IN:])


def _drums(rng: np.random.Generator, material: Material, score: Score, frames: int) -> Audio:
    drums = play_drums(rng, material, score.hits, frames)
    if material.loops and score.hits and rng.random() < 0.08:
        add_at(drums, play_loop(rng, material, frames), 0, float(rng.uniform(0.2, 1.0)))
    return drums


def _parts(rng: np.random.Generator, material: Material, score: Score, frames: int, *, bass: bool) -> Audio:
    out = np.zeros((2, frames), dtype=np.float32)
    for part in score.parts:
        if (part.role == "bass") == bass and part.notes:
            out += play_part(rng, material, part, frames) * np.float32(10 ** (rng.normal(0, 3) / 20))
    if material.textures and not bass and out.any() and rng.random() < 0.06:
        texture = material.corpus.audio(material.textures[int(rng.integers(len(material.textures)))])
        add_at(out, texture, int(rng.uniform(0, frames)), 0.3)
    return out


def _bus(rng: np.random.Generator, audio: Audio, stem: str) -> Audio:
    """One stem's channel strip: filter and equaliser, saturation, compressor, echo, room, width."""
    if not audio.any():
        return audio
    bands = draw_equaliser(rng, 8)
    if rng.random() < LOW_CUTS[stem][0]:
        bands.append(cut(float(rng.uniform(*LOW_CUTS[stem][1:])), high=False))
    if stem in ("drums", "bass") and rng.random() < 0.5:
        bands.append(peaking(float(rng.uniform(35, 110)), rng.normal(0, 5), 0.9))  # who has the lowest octave
    if rng.random() < HIGH_CUTS[stem][0]:
        bands.append(cut(float(np.exp(rng.uniform(*np.log(HIGH_CUTS[stem][1:])))), high=True))
    audio = equalise(audio, bands)
    if rng.random() < 0.25:
        audio = saturate(audio, float(rng.uniform(0.5, 3.0)))
    if rng.random() < 0.6:
        audio = audio * compression(
            audio, float(rng.uniform(-24, -6)), float(rng.uniform(1.5, 6)), rng.uniform(0.05, 0.3)
        )
    return _space(rng, audio, stem)


def _space(rng: np.random.Generator, audio: Audio, stem: str) -> Audio:
    if stem in ("vocals", "other") and rng.random() < 0.2:
        audio = echo(audio, float(rng.uniform(0.08, 0.5)), float(rng.uniform(0.2, 0.6)), float(rng.uniform(0.05, 0.35)))
    if rng.random() < {"bass": 0.12, "drums": 0.6, "other": 0.7, "vocals": 0.85}[stem]:
        audio = reverberate(audio, int(rng.integers(1 << 20)), float(np.exp(rng.uniform(np.log(0.03), np.log(0.5)))))
    if rng.random() < 0.3:
        audio = widen(audio, float(rng.uniform(0.0, 1.6)))
    return audio


def _balance(rng: np.random.Generator, audio: Audio, stem: str) -> Audio:
    """Bring a stem to a random level, measured while it plays."""
    mean, spread = LEVELS[stem]
    blocks = audio[:, : audio.shape[1] // 4096 * 4096].reshape(2, -1, 4096)
    power = (blocks**2).mean(axis=(0, 2))
    if not power.size or power.max() <= 1e-12:
        return np.zeros_like(audio)
    level = float(np.sqrt(power[power > power.max() * 1e-3].mean()))
    return np.asarray(audio * np.float32(10 ** ((mean + rng.normal(0, spread)) / 20) / level), dtype=np.float32)


def _duck(rng: np.random.Generator, score: Score, stems: Audio) -> None:
    """Now and then the kick pushes bass and other down, as dance music does."""
    kicks = [hit.start for hit in score.hits if hit.piece == "kick"]
    if not kicks or rng.random() > 0.12:
        return
    curve = np.ones(stems.shape[-1], dtype=np.float32)
    length = int(rng.uniform(0.12, 0.35) * RATE)
    dip = 1 - np.float32(rng.uniform(0.3, 0.9)) * np.linspace(1, 0, length, dtype=np.float32)
    for kick in kicks:
        stretch = curve[int(kick * RATE) : int(kick * RATE) + length]
        np.minimum(stretch, dip[: stretch.size], out=stretch)
    stems[1:3] *= curve


def master(rng: np.random.Generator, stems: Audio) -> Audio:
    """The same equaliser and gain curves for all stems, so that they still sum to the mix."""
    if rng.random() < 0.4:
        bands = draw_equaliser(rng, 4)
        stems = equalise(stems.reshape(-1, stems.shape[-1]), bands).reshape(stems.shape)
    if rng.random() < 0.5:
        gain = compression(
            stems.sum(axis=0), float(rng.uniform(-12, -3)), float(rng.uniform(1.2, 3)), rng.uniform(0.1, 0.4)
        )
        stems = stems * gain
    stems = _carry(rng, stems)
    mix = stems.sum(axis=0)
    peak = float(np.abs(mix).max())
    if peak == 0.0:
        return stems
    ceiling = 10 ** (-rng.uniform(0.1, 9) / 20)
    push = 10 ** (rng.choice([0.0, rng.uniform(1, 8)], p=[0.5, 0.5]) / 20)
    gain = limiting(mix * np.float32(push * ceiling / peak), ceiling) * np.float32(push * ceiling / peak)
    mastered = stems * gain
    return np.asarray(
        mastered / max(1.0, float(np.abs(mastered).max()), float(np.abs(mix * gain).max())), dtype=np.float32
    )


def _carry(rng: np.random.Generator, stems: Audio) -> Audio:
    """What tape, vinyl, radio and codecs leave of a song (stem, 2, frame): linear, and the same for all stems.

    Without it a network comes to rely on the treble of a kit or the width of its lows, and gives kicks that lack them
    to the bass.
    """
    bands = []
    if rng.random() < NO_TREBLE:
        bands.append(edge(float(np.exp(rng.uniform(np.log(3000), np.log(18000)))), high=True))
    if rng.random() < NO_LOWS:
        bands.append(edge(float(rng.uniform(40, 250)), high=False))
    if rng.random() < HOLE:
        centre = float(np.exp(rng.uniform(np.log(100), np.log(8000))))
        bands.append(peaking(centre, -float(rng.uniform(8, 24)), float(rng.uniform(0.5, 2))))
    stems = equalise(stems, bands)
    return _lows_in_middle(stems, float(rng.uniform(80, 400))) if rng.random() < NARROW_LOWS else stems


def _lows_in_middle(stems: Audio, top: float) -> Audio:
    """Stems (stem, 2, frame) that are mono below `top` Hz, as lacquer needs and many mixes have it."""
    side = (stems[:, 0] - stems[:, 1]) * np.float32(0.5)
    kept = equalise(side, [edge(top, high=False)])
    middle = stems.mean(axis=1)
    return np.stack([middle + kept, middle - kept], axis=1)
