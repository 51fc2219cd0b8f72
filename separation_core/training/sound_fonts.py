"""Notes of a SoundFont, played by the `fluidsynth` program (fluidsynth.org)."""

import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from separation_core.errors import ModelError, SongUnreadable
from separation_core.training.corpus import RATE, read_clip

FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"), Path("/usr/share/soundfonts"))
"""Where systems keep the SoundFonts that their packages bring."""

LEAD_IN = 0.5
REST = 0.5
"""Seconds before the first note, and from the end of a note's time to the next note."""

PLAIN = ("-ni", "-g", "0.6", "-r", str(RATE), "-R", "0", "-C", "0", "-o", "synth.dynamic-sample-loading=1",
         "-o", "synth.default-soundfont=")  # fmt: skip
"""No reverb and chorus; only those samples loaded that are played; no other SoundFont where this one is damaged."""

DRUM_CHANNEL = 9
TICKS_PER_BEAT = 500
"""At the 120 beats a minute that a MIDI file has unless it says otherwise, so a tick is a millisecond."""


def find_sound_font(name: str, folder: Path) -> Path | None:
    """The SoundFont `name` in `folder`, or where systems keep theirs; None where it is in none of them."""
    return next((place / name for place in (folder, *FOLDERS) if (place / name).is_file()), None)


def require_fluidsynth(font: Path) -> str:
    """The program's path. ModelError where it is not installed."""
    program = shutil.which("fluidsynth")
    if program is None:
        raise ModelError(f"fluidsynth, which plays {font.name}, is not installed: install it or leave that library out")
    return program


def render_notes(
    font: Path, program: int, notes: Sequence[tuple[int, int]], *, seconds: float, drums: bool = False
) -> list[NDArray[np.float32]]:
    """Each (key, velocity) as (2, frame) float32 at 44.1 kHz, `seconds` and the rest long, dry.

    program: General MIDI's, from 0; with `drums` it is that of a kit. Keys are released half a second before
    `seconds` have passed. Raises ModelError where fluidsynth is not installed or cannot play the SoundFont.
    """
    fluidsynth = require_fluidsynth(font)
    with TemporaryDirectory() as folder:
        song, sound = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        song.write_bytes(_midi_file(program, notes, seconds, DRUM_CHANNEL if drums else 0))
        command = [fluidsynth, *PLAIN, "-F", str(sound), str(font), str(song)]
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603  # a list, so no shell reads it
        played = _played(sound, font)
    length = round((seconds + REST) * RATE)
    starts = [round(LEAD_IN * RATE) + number * length for number in range(len(notes))]
    # What follows a note's time is the silence before the next one, which may begin a buffer too early.
    return [played[:, start : start + length - RATE // 10] for start in starts]


def _played(sound: Path, font: Path) -> NDArray[np.float32]:
    """What fluidsynth wrote, which says nothing where it could not read the SoundFont, and ends as if all were well."""
    try:
        played = read_clip(sound)
    except SongUnreadable:
        played = np.zeros((2, 0), np.float32)
    if not played.any():
        raise ModelError(f"fluidsynth plays nothing from {font}: restore it, or leave it out")
    return played


def _midi_file(program: int, notes: Sequence[tuple[int, int]], seconds: float, channel: int) -> bytes:
    hold, rest = seconds - 0.5, REST + 0.5
    events, wait = bytes((0, 0xC0 | channel, program)), LEAD_IN
    for key, velocity in notes:
        events += _after(wait) + bytes((0x90 | channel, key, velocity))
        events += _after(hold) + bytes((0x80 | channel, key, 0))
        wait = rest
    events += _after(wait) + b"\xff\x2f\x00"
    header = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS_PER_BEAT)
    return header + b"MTrk" + struct.pack(">I", len(events)) + events


def _after(seconds: float) -> bytes:
    """A time between two MIDI events: seven bits a byte, all but the last with the eighth bit set."""
    ticks = round(seconds * 1000)
    parts = [ticks & 127]
    while ticks := ticks >> 7:
        parts.insert(0, 128 | ticks & 127)
    return bytes(parts)
