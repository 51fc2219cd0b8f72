"""Small real sessions to mix and bounce, written through the sessions room."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from plugin_host.stems.open_session import HostSession, open_for_host
from separation_core.audio.writing import SongWriter
from separation_core.sessions.manifest import Manifest, ModelRecord, SourceRecord, StemRecord, write_manifest
from separation_core.units import Frames, Hertz

RATE = 16_000
SECONDS = 3

Stems = Mapping[str, np.ndarray]
MakeSession = Callable[[Stems], HostSession]


def four_stems(rate: int = RATE, seconds: float = SECONDS) -> dict[str, np.ndarray]:
    """Four different stereo stems (2, frame), at about -20 dBFS each."""
    frames = round(rate * seconds)
    rng, time = np.random.default_rng(3), np.arange(frames) / rate
    tone = np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2
    beats = rng.standard_normal(frames) * np.exp(-20 * (time % 0.5))
    low = np.sign(np.sin(2 * np.pi * 55 * time))
    wash = rng.standard_normal((2, frames))
    parts = {"vocals": [tone, 0.8 * tone], "drums": [beats, beats], "bass": [low, low], "other": wash}
    return {name: (0.1 * np.asarray(part)).astype(np.float32) for name, part in parts.items()}


def write_session(folder: Path, stems: Stems, rate: int = RATE) -> HostSession:
    """A complete session folder of these stems, whose song is their sum."""
    (folder / "stems").mkdir(parents=True)
    song = np.sum([stem.astype(np.float64) for stem in stems.values()], axis=0).astype(np.float32)
    frames = Frames(song.shape[1])
    for path, samples in {"song.wav": song, **{f"stems/{name}.wav": stem for name, stem in stems.items()}}.items():
        with SongWriter(folder / path, Hertz(rate), 2) as writer:
            writer.write(samples)
    records = tuple(StemRecord(name, f"stems/{name}.wav", frames, -20.0, -20.0, silent=False) for name in stems)
    manifest = Manifest(
        tool="test",
        created=datetime(2024, 1, 1, tzinfo=UTC),
        key="0" * 64,
        rate=Hertz(rate),
        frames=frames,
        source=SourceRecord(str(folder.parent / "song.ogg"), "0" * 64, Hertz(rate), 2, frames, "OGG", "VORBIS", {}),
        model=ModelRecord("truth", "1", {}),
        song=StemRecord("song", "song.wav", frames, -14.0, -6.0, silent=False),
        stems=records,
    )
    write_manifest(folder, manifest)
    return open_for_host(folder)


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Write a session of given stems (name to (2, frame) float32)."""
    return lambda stems: write_session(tmp_path / "made.stemrack", stems)


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> HostSession:
    """A four-stem session of three seconds; read only."""
    return write_session(tmp_path_factory.mktemp("sessions") / "song.stemrack", four_stems())


@pytest.fixture(scope="session")
def stems() -> Stems:
    """The stems of `session`."""
    return four_stems()
