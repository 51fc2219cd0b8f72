"""A complete little session on disk, written without the job that normally makes one."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.sessions.manifest import Manifest, ModelRecord, SourceRecord, StemRecord, write_manifest
from separation_core.units import Frames, Hertz

RATE, FRAMES, KEY = Hertz(8000), Frames(4000), "ab" * 32


def _record(name: str, file: str) -> StemRecord:
    return StemRecord(name, file, FRAMES, -23.0, -6.0, silent=False)


def _write(path: Path, seed: int) -> None:
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (FRAMES, 2)).astype(np.float32)
    soundfile.write(path, noise, RATE, subtype="FLOAT")


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        tool="stemrack 0.1.0",
        created=datetime(2025, 1, 31, 12, tzinfo=UTC),
        key=KEY,
        rate=RATE,
        frames=FRAMES,
        source=SourceRecord("/music/a.flac", "cd" * 32, RATE, 2, FRAMES, "FLAC", "PCM_24", {"title": 'A "song"\n'}),
        model=ModelRecord("dsp", "1", {"overlap": 0.25, "shifts": 1, "sum": "residual", "two_stems": ""}),
        song=_record("song", "song.wav"),
        stems=(_record("vocals", "stems/vocals.wav"), _record("other", "stems/other.wav")),
        warnings=("3 samples became 0",),
    )


@pytest.fixture
def make_session(manifest: Manifest) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "stems").mkdir(parents=True)
        for seed, record in enumerate((manifest.song, *manifest.stems)):
            _write(folder / record.file, seed)
        write_manifest(folder, manifest)
        return folder

    return make


@pytest.fixture
def session_folder(tmp_path: Path, make_session: Callable[[Path], Path]) -> Path:
    return make_session(tmp_path / "a.stemrack")
