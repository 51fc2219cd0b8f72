"""Sessions written sample by sample, so that what a check should find is known."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.sessions.manifest import Manifest, ModelRecord, SourceRecord, StemRecord, write_manifest
from separation_core.units import Frames, Hertz

RATE = Hertz(16000)
SUBTYPES = {"float32": "FLOAT", "pcm16": "PCM_16", "pcm24": "PCM_24"}

Stems = Mapping[str, np.ndarray]


def _record(name: str, file: str, samples: np.ndarray) -> StemRecord:
    peak = float(20 * np.log10(max(np.abs(np.nan_to_num(samples)).max(), 1e-30)))
    return StemRecord(name, file, Frames(samples.shape[1]), -20.0, peak, silent=False)


@pytest.fixture
def make_session(tmp_path: Path) -> Callable[..., Path]:
    def make(song: np.ndarray, stems: Stems, *, sum_mode: str = "residual", sample_format: str = "float32") -> Path:
        folder = tmp_path / "a.stemrack"
        (folder / "stems").mkdir(parents=True)
        soundfile.write(folder / "song.wav", song.T, RATE, subtype="FLOAT")
        for name, samples in stems.items():
            soundfile.write(folder / f"stems/{name}.wav", samples.T, RATE, subtype=SUBTYPES[sample_format])
        frames = Frames(song.shape[1])
        manifest = Manifest(
            tool="test",
            created=datetime(2025, 1, 31, tzinfo=UTC),
            key="ab" * 32,
            rate=RATE,
            frames=frames,
            source=SourceRecord("a.wav", "ab" * 32, RATE, 2, frames, "WAV", "FLOAT", {}),
            model=ModelRecord("test", "1", {"sum": sum_mode, "format": sample_format}),
            song=_record("song", "song.wav", song),
            stems=tuple(_record(name, f"stems/{name}.wav", samples) for name, samples in stems.items()),
        )
        write_manifest(folder, manifest)
        return folder

    return make


def _tone(frames: int, hertz: float, pulses: int) -> np.ndarray:
    time = np.arange(frames) / RATE
    envelope = np.exp(-3 * ((time * pulses) % 1))
    return np.asarray(0.2 * envelope * np.sin(2 * np.pi * hertz * time))


@pytest.fixture
def four_stems() -> dict[str, np.ndarray]:
    """Eight seconds: noise bursts, a low tone, a chord of pulses and a gliding voice; each (2, frame) float32."""
    frames, random = 8 * RATE, np.random.default_rng(5)
    time = np.arange(frames) / RATE
    drums = random.normal(0, 0.1, frames) * np.exp(-20 * (time % 0.37))
    bass = _tone(frames, 82.4, 2)
    other = _tone(frames, 330, 3) + _tone(frames, 415.3, 3)
    vocals = 0.2 * np.sin(2 * np.pi * (440 * time + 30 * np.sin(time * 5))) * (np.sin(time * 1.7) > -0.3)
    voices = {"drums": drums, "bass": bass, "other": other, "vocals": vocals}
    return {name: np.stack([voice, 0.7 * voice]).astype(np.float32) for name, voice in voices.items()}
