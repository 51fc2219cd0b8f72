"""Synthetic voices beside the recorded ones: oscillators, FM, basses and drum machines.

Every draw of a patch is a new instrument, so that the network hears far more timbres than the corpus holds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from separation_core.training.corpus import RATE

Audio = NDArray[np.float32]
TABLE = 2048
RINGING = 0.35
"""Share of synthetic skins that ring on."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One synthetic instrument. slope, odd: the partials; cutoff in partials; decay of the filter and of the tone."""

    slope: float
    odd: bool
    cutoff: float
    sweep: float
    fm_ratio: float
    fm_depth: float
    voices: int
    detune: float
    attack: float
    decay: float
    sub: float
    glide: float


def draw_patch(rng: np.random.Generator, role: str) -> Patch:
    """A random patch that suits a role ("bass", "pad", "chords", "riff", "arpeggio", "lead")."""
    slow = role == "pad"
    plucked = role in ("arpeggio", "chords", "bass") and rng.random() < 0.6
    return Patch(
        slope=float(rng.uniform(0.6, 2.0)),
        odd=bool(rng.random() < 0.35),
        cutoff=float(np.exp(rng.uniform(np.log(1.5), np.log(60)))),
        sweep=float(np.exp(rng.uniform(np.log(0.05), np.log(2)))),
        fm_ratio=float(rng.choice([0.5, 1, 2, 3, 4, 1.414, 7])),
        fm_depth=float(rng.choice([0.0, rng.uniform(0.3, 4.0)], p=[0.7, 0.3])),
        voices=int(rng.choice([1, 2, 3, 5], p=[0.5, 0.25, 0.15, 0.1])) if role != "bass" else 1,
        detune=float(rng.uniform(0.02, 0.2)),
        attack=float(rng.uniform(0.05, 0.6) if slow else rng.choice([0.002, 0.01, 0.04])),
        decay=float(rng.uniform(0.12, 1.0) if plucked else 30.0),
        sub=float(rng.choice([0.0, 0.6]) if role == "bass" else 0.0),
        glide=float(rng.choice([0.0, 12.0, 24.0], p=[0.9, 0.06, 0.04])) if role == "bass" else 0.0,
    )


def play_patch(rng: np.random.Generator, patch: Patch, pitch: float, seconds: float) -> Audio:
    """One note (frame,) of a patch at a MIDI pitch, including a short release."""
    frames = int((seconds + 0.08) * RATE)
    time = np.arange(frames, dtype=np.float32) / np.float32(RATE)
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    bright, dark = _table(rng, patch, frequency, patch.cutoff), _table(rng, patch, frequency, patch.cutoff / 6)
    sweep = np.exp(-time / np.float32(patch.sweep))
    out = np.zeros(frames, dtype=np.float32)
    for _ in range(patch.voices):
        cycles = _cycles(rng, patch, frequency, time)
        index = (cycles * TABLE).astype(np.int64) & (TABLE - 1)
        out += dark[index] + sweep * (bright[index] - dark[index])
    if patch.sub:
        out += np.float32(patch.sub) * np.sin(2 * np.pi * frequency * time).astype(np.float32)
    return np.asarray(out * _envelope(patch, time, seconds), dtype=np.float32)


def _cycles(rng: np.random.Generator, patch: Patch, frequency: float, time: Audio) -> NDArray[np.float64]:
    detuned = frequency * 2 ** (rng.normal(0, patch.detune) / 12 if patch.voices > 1 else 0.0)
    cycles = detuned * time.astype(np.float64) + rng.random()
    if patch.glide:
        cycles += detuned * 0.02 * (2 ** (patch.glide / 12) - 1) * (1 - np.exp(-time / 0.02))
    if patch.fm_depth:
        cycles += patch.fm_depth / (2 * np.pi) * np.exp(-time * 2) * np.sin(2 * np.pi * patch.fm_ratio * detuned * time)
    return np.asarray(cycles)


def _table(rng: np.random.Generator, patch: Patch, frequency: float, cutoff: float) -> Audio:
    """One cycle with only the partials that fit under 18 kHz."""
    count = int(np.clip(18000 / frequency, 1, TABLE // 2 - 1))
    number = np.arange(1, count + 1)
    size = number**-patch.slope / (1 + (number / max(1.0, cutoff)) ** 3)
    if patch.odd:
        size = np.where(number % 2 == 1, size, 0)
    spectrum = np.zeros(TABLE // 2 + 1, dtype=np.complex128)
    spectrum[1 : count + 1] = size * np.exp(1j * rng.uniform(0, 2 * np.pi))
    cycle = np.fft.irfft(spectrum, TABLE)
    return np.asarray(cycle / max(float(np.sqrt(np.mean(cycle**2))), 1e-9), dtype=np.float32)


def _envelope(patch: Patch, time: Audio, seconds: float) -> Audio:
    rise = np.minimum(1.0, time / patch.attack)
    fall = np.clip(1 - (time - seconds) / 0.08, 0.0, 1.0)
    return np.asarray(rise * fall * np.exp(-time / patch.decay), dtype=np.float32)


def drum_machine(rng: np.random.Generator, piece: str) -> Audio:
    """One synthetic stroke (frame,): a falling sine for skins, filtered noise for metal and snares."""
    if piece in ("kick", "tom_hi", "tom_mid", "tom_lo"):
        return _skin(rng, piece)
    seconds = {"crash": 1.2, "ride": 0.8, "hat_open": 0.4, "snare": 0.25, "clap": 0.2}.get(piece, 0.08)
    noise = _noise(rng, seconds * float(rng.uniform(0.6, 1.5)), snappy=piece in ("snare", "clap"))
    if piece == "snare":
        skin = _skin(rng, "tom_hi")[: noise.size]
        noise[: skin.size] += np.float32(rng.uniform(0.3, 1.2)) * skin
    return noise


def _skin(rng: np.random.Generator, piece: str) -> Audio:
    base = {"kick": 46, "tom_lo": 85, "tom_mid": 120, "tom_hi": 170}[piece] * rng.uniform(0.65, 1.45)
    time = np.arange(int(rng.uniform(0.15, 0.9) * RATE), dtype=np.float32) / RATE
    fall = float(rng.uniform(0.008, 0.05))
    phase = 2 * np.pi * base * (time + rng.uniform(1, 5) * fall * (1 - np.exp(-time / fall)))
    body = np.sin(phase) * np.exp(-5 * time / time[-1])
    if rng.random() < RINGING:
        body = _ringing(rng, base, body)
        time = np.arange(body.size, dtype=np.float32) / RATE
    click = rng.standard_normal(time.size) * np.exp(-time / 0.003) * rng.uniform(0, 0.4)
    return np.asarray(body + click, dtype=np.float32)


def _ringing(rng: np.random.Generator, base: float, body: Audio) -> Audio:
    """A skin's body with its fundamental ringing on, as long as a bass note but without overtones."""
    time = np.arange(int(rng.uniform(0.5, 1.6) * RATE), dtype=np.float32) / RATE
    out = np.sin(2 * np.pi * base * time) * np.exp(-rng.uniform(3, 6) * time / time[-1]) * rng.uniform(0.15, 0.8)
    out[: body.size] += body[: out.size]
    return np.asarray(out, dtype=np.float32)


def _noise(rng: np.random.Generator, seconds: float, *, snappy: bool) -> Audio:
    frames = int(seconds * RATE)
    noise = rng.standard_normal(frames).astype(np.float32)
    for _ in range(1 if snappy else int(rng.integers(2, 4))):
        noise[1:] -= noise[:-1]
    noise *= np.exp(-5 * np.arange(frames, dtype=np.float32) / frames)
    return np.asarray(noise / np.abs(noise).max(), dtype=np.float32)
