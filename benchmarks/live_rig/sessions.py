"""Sessions to play: as many stems as wanted, as long as wanted, at 48 kHz."""

import struct
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from plugin_host.mix.state import Effect, Master, Mix, Track
from plugin_host.stems.open_session import HostSession, open_for_host
from separation_core.sessions.manifest import Manifest, ModelRecord, SourceRecord, StemRecord, write_manifest
from separation_core.units import Frames, Hertz

RATE = Hertz(48_000)
STEMS = ("vocals", "drums", "bass", "guitar", "piano", "other")
CHAIN = (
    Effect("highpass_filter", {"cutoff_frequency_hz": 80.0}),
    Effect("compressor", {"threshold_db": -24.0, "ratio": 3.0, "attack_ms": 2.0, "release_ms": 50.0}),
    Effect("lowpass_filter", {"cutoff_frequency_hz": 12_000.0}),
    Effect("reverb", {"room_size": 0.5, "damping": 0.5, "wet_level": 0.2, "dry_level": 0.8, "width": 1.0}),
)
HIGHPASS, COMPRESSOR, LOWPASS, REVERB = range(4)
"""Slots of `CHAIN`."""

Block = np.ndarray
Sound = Callable[[int, int, int], Block]
"""Number of the stem, first frame and count to (2, frame)."""

_PIECE = 1 << 18
_FLOAT_WAV = 3


def music(number: int, first: int, count: int) -> Block:
    """A tone and noise that swell at a pace of their own, about -26 dBFS."""
    seconds = (first + np.arange(count)) / RATE
    noise = np.random.default_rng((number, first)).standard_normal((2, count))
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * (0.3 + 0.2 * number) * seconds)
    return 0.04 * swell * (np.sin(2 * np.pi * 110 * (number + 1) * seconds) + 0.5 * noise)


def write_session(
    folder: Path, seconds: float, *, stems: Sequence[str] = STEMS, sound: Sound = music, sounding: float | None = None
) -> HostSession:
    """A session of float32 stems that sound for `sounding` seconds (all along where None) and are silent after that.

    The silence is a hole in the files: hours of it take no room on the disk.
    """
    (folder / "stems").mkdir(parents=True)
    frames = round(seconds * RATE)
    loud = frames if sounding is None else min(frames, round(sounding * RATE))
    names = ["song.wav", *(f"stems/{name}.wav" for name in stems)]
    for number, name in enumerate(names):
        _write_wav(folder / name, _pieces(sound, number, loud), frames)
    records = [StemRecord(Path(name).stem, name, Frames(frames), -26.0, -10.0, silent=False) for name in names]
    manifest = Manifest(
        tool="benchmark",
        created=datetime.now(UTC),
        key="0" * 64,
        rate=RATE,
        frames=Frames(frames),
        source=SourceRecord("benchmark.wav", "0" * 64, RATE, 2, Frames(frames), "WAV", "FLOAT", {}),
        model=ModelRecord("benchmark", "1", {}),
        song=records[0],
        stems=tuple(records[1:]),
    )
    write_manifest(folder, manifest)
    return open_for_host(folder)


def rack(tracks: int, *, chain: tuple[Effect, ...] = CHAIN, limiter: bool = True) -> Mix:
    """A mix of so many tracks with that chain; the six stems over and over."""
    names = (f"{STEMS[n % len(STEMS)]} {n // len(STEMS) + 1}" for n in range(tracks))
    made = (Track(name, name.rpartition(" ")[0], chain, gain_db=-6.0) for name in names)
    return Mix(tuple(made), Master(limiter=limiter))


def _pieces(sound: Sound, number: int, frames: int) -> Iterator[Block]:
    for first in range(0, frames, _PIECE):
        yield sound(number, first, min(_PIECE, frames - first))


def _write_wav(path: Path, pieces: Iterator[Block], frames: int) -> None:
    """Float32 stereo; what the pieces leave of the frames is a hole."""
    size = frames * 8
    form = struct.pack("<HHIIHH", _FLOAT_WAV, 2, RATE, RATE * 8, 8, 32)
    head = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(head) + size) + head)
        for piece in pieces:
            file.write(piece.astype("<f4").T.tobytes())
        file.truncate(8 + len(head) + size)
