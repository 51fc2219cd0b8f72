"""The mixture of a song whose true stems are known, as a file for a separator."""

from pathlib import Path

from separation_core.audio.writing import SampleFormat, SongWriter
from separation_core.evaluation.aligned_stems import AlignedStems
from separation_core.evaluation.stem_folders import SongCase, TrueSong

_BLOCK = 1 << 16


def mixture_file(song: TrueSong, folder: Path) -> Path:
    """The song's own mixture, or else the sum of its true stems, written into `folder` as float32 WAV."""
    if song.mixture:
        return song.mixture
    stems = {stem: (path,) for stem, path in song.stems.items()}
    aligned = AlignedStems(SongCase(song.name, stems, stems, tuple(song.stems.values())))
    path = folder / f"{Path(song.name).name}.wav"
    with SongWriter(path, aligned.rate, aligned.channels, SampleFormat.FLOAT32, expected_frames=aligned.frames) as file:
        for block in aligned.blocks(_BLOCK):
            file.write(block.mixture)
    return path
