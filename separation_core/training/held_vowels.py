"""Held notes for a sampler, out of sung phrases: the longest steady vowel of each, played on and on."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from separation_core.errors import SongUnreadable
from separation_core.training.corpus import RATE, read_clip
from separation_core.training.libraries import HeldVowels
from separation_core.training.material import FEWEST_SINGERS

Audio = NDArray[np.float32]
Record = dict[str, Any]

FRAME = 2048
HOP = RATE // 100
LOWEST, HIGHEST = 90, 900
"""Hertz between which a singer's pitch is looked for."""

PERIODIC = 0.9
STEADY = 0.7
SHORTEST = 29
"""A vowel is held while its autocorrelation is above PERIODIC and its pitch stays within STEADY semitones, for at
least SHORTEST hops."""

QUIET = 0.05
LONGEST_TAKE = 30 * RATE
"""Only the beginning of a longer recording is searched."""


def held_vowels(
    corpus: Path, records: Sequence[Record], plan: HeldVowels, unreadable: Counter[str]
) -> Iterator[tuple[Record, Audio]]:
    """The new records, without paths, and their audio: of each singer that has none yet, at most `plan.most`.

    The singer that training never hears (see `material`) is left out. Recordings that cannot be read are counted.
    """
    done = {record.get("singer") for record in records if record.get("kind") == "held"}
    for singer, takes in _heard(records).items():
        if singer in done:
            continue
        held = 0
        for take in takes:
            found = _vowel_of(corpus, take, unreadable) if held < plan.most else None
            if found is not None:
                yield _record(take, singer, f"{held // plan.together}", found[0]), sustain(found[1], plan.seconds)
                held += 1


def _heard(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The sung recordings by singer, without the singer that `material` holds out."""
    singers: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["stem"] == "vocals" and record.get("midi") is None and (record.get("kind") or "sung") == "sung":
            singers[record.get("singer") or "unknown"].append(record)
    if len(singers) >= FEWEST_SINGERS:
        del singers[min(singers, key=lambda name: (len(singers[name]), name))]
    return singers


def _record(take: Record, singer: str, number: str, pitch: float) -> Record:
    name = "held_" + re.sub(r"[^\w.-]", "_", f"{singer}_{number}")
    origin = {"source": take.get("source", ""), "license": take.get("license", "")}
    return {"stem": "vocals", **origin, "midi": round(pitch), "inst": name, "kind": "held", "singer": singer}


def _vowel_of(corpus: Path, take: Record, unreadable: Counter[str]) -> tuple[float, Audio] | None:
    try:
        clip = read_clip(corpus / take["path"])
    except SongUnreadable:
        unreadable[take.get("source", "")] += 1
        return None
    start = take.get("start") or 0
    end = start + take["frames"] if take.get("frames") else clip.shape[1]
    end = min(end, start + LONGEST_TAKE)
    return longest_vowel(np.asarray(clip[:, start:end].mean(axis=0), dtype=np.float32))


def longest_vowel(mono: Audio) -> tuple[float, Audio] | None:
    """The longest stretch of `mono` (frame,) with a steady pitch, and that pitch as a MIDI number; None without one."""
    pitch, strength = _pitches(mono)
    best = (0, 0)
    begin = 0
    while begin < pitch.size:
        end = begin
        while end < pitch.size and strength[end] > PERIODIC and np.ptp(pitch[begin : end + 1]) < STEADY:
            end += 1
        best = max(best, (begin, end), key=lambda span: span[1] - span[0])
        begin = max(end, begin + 1)
    begin, end = best
    vowel = mono[begin * HOP : (end - 1) * HOP + FRAME]
    if end - begin < SHORTEST or np.abs(vowel).max() < QUIET:
        return None
    return float(np.median(pitch[begin:end])), vowel


def _pitches(mono: Audio) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """MIDI pitch and strength (0 to about 1) of each hop, by autocorrelation with the window's own divided out."""
    if mono.size < FRAME:
        return np.zeros(0), np.zeros(0)
    window = np.hanning(FRAME)
    frames = sliding_window_view(mono, FRAME)[::HOP] * window
    alike = np.fft.irfft(np.abs(np.fft.rfft(frames, 2 * FRAME)) ** 2)[:, :FRAME]
    itself = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * FRAME)) ** 2)[:FRAME]
    shortest, longest = RATE // HIGHEST, RATE // LOWEST
    lags = slice(shortest, longest + 1)
    curve = alike[:, lags] / (alike[:, :1] + 1e-12) / (itself[lags] / itself[0])
    middle = curve[:, 1:-1]
    peaks = (middle >= curve[:, :-2]) & (middle > curve[:, 2:])
    # The shortest period that is nearly as good as the best one: its multiples fit as well.
    good = peaks & (middle > 0.92 * middle.max(axis=1, keepdims=True))
    at = np.where(good.any(axis=1), good.argmax(axis=1), middle.argmax(axis=1))
    rows = np.arange(len(curve))
    before, here, after = curve[rows, at], middle[rows, at], curve[rows, at + 2]
    bend = before - 2 * here + after
    offset = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend == 0, 1, bend), 0.0)
    period = at + 1 + shortest + np.clip(offset, -0.5, 0.5)
    strength = np.where((frames**2).sum(axis=1) < 1e-5 * FRAME, 0.0, here)
    return 69 + 12 * np.log2(RATE / period / 440), strength


def sustain(vowel: Audio, seconds: float) -> Audio:
    """(1, frame): the vowel with its middle half again and again, each time faded into the next, and a soft start."""
    loop = vowel[vowel.size // 4 : 3 * vowel.size // 4]
    held = vowel[: 3 * vowel.size // 4].copy()
    fade = min(2000, loop.size // 3)
    rise = np.sqrt(np.linspace(0, 1, fade, dtype=np.float32))
    while held.size < seconds * RATE:
        held[-fade:] = held[-fade:] * rise[::-1] + loop[:fade] * rise
        held = np.concatenate([held, loop[fade:]])
    held[:800] *= np.linspace(0, 1, held[:800].size, dtype=np.float32)
    return held[None]
