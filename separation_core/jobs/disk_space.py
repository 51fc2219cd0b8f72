"""Whether a session fits on the disk, asked before hours of work rather than after."""

import shutil
from pathlib import Path

from separation_core.audio.writing import SampleFormat
from separation_core.errors import WriteFailed
from separation_core.jobs.cover import Cover, model_frames
from separation_core.models.contract import ModelSpec
from separation_core.sessions.durable import write_errors
from separation_core.units import Hertz

_CHANNELS = 2
_FLOAT = 4
_HEADROOM = 1 << 20
_SAMPLE_BYTES = {SampleFormat.FLOAT32: 4, SampleFormat.PCM24: 3, SampleFormat.PCM16: 2, SampleFormat.FLAC: 3}


def needed_bytes(
    frames: int, rate: Hertz, spec: ModelSpec, work: Cover, stems: int, sample_format: SampleFormat
) -> int:
    """Bytes a job holds at most: all `frames` of the decoded song, work files, the part and its `stems` stems."""
    part = work.part.frames
    song = (frames if part == frames else frames + part) * _CHANNELS * _FLOAT
    resampled = 0 if rate == spec.rate else model_frames(frames, rate, spec.rate) * _CHANNELS * _FLOAT
    raw = work.model.frames * _CHANNELS * _FLOAT * len(spec.stems)
    return song + resampled + raw + part * _CHANNELS * _SAMPLE_BYTES[sample_format] * stems + _HEADROOM


def check_space(folder: Path, needed: int) -> None:
    """`WriteFailed` naming both figures where the disk that holds `folder` has less than `needed` bytes free."""
    with write_errors(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise WriteFailed(
            f"not enough disk space for {folder}: {_spelled(needed)} needed, {_spelled(free)} free: "
            "free some space or choose another folder with -o"
        )


def _spelled(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
