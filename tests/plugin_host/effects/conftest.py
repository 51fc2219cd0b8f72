from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

Block = npt.NDArray[np.float32]
RATE = 44_100
AUDIO = Path(__file__).resolve().parents[3].parent / "shared" / "audio"
VST3_FOLDERS = (Path("/usr/lib/vst3"), Path("/usr/local/lib/vst3"), Path.home() / ".vst3")


@pytest.fixture(scope="session")
def noise() -> Block:
    return (np.random.default_rng(7).standard_normal((2, 30_000)) * 0.2).astype(np.float32)


@pytest.fixture(scope="session")
def response_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A stereo impulse response whose loudest sample is its first, so that it keeps an impulse in place."""
    decay = np.exp(-np.arange(3000) / 400)[:, None]
    response = np.random.default_rng(3).standard_normal((3000, 2)) * decay * 0.02
    response[0] = 1.0
    path = tmp_path_factory.mktemp("responses") / "room.wav"
    soundfile.write(path, response.astype(np.float32), RATE, subtype="FLOAT")
    return str(path)


@pytest.fixture(scope="session")
def song() -> tuple[Block, int]:
    """Twelve seconds of real music, stereo, and its rate."""
    songs = sorted((AUDIO / "songs").glob("*.ogg"))
    if not songs:
        pytest.skip("no songs in ../shared/audio/songs")
    with soundfile.SoundFile(songs[0]) as file:
        file.seek(20 * file.samplerate)
        frames = file.read(12 * file.samplerate, dtype="float32", always_2d=True)
        return np.ascontiguousarray(np.broadcast_to(frames.T, (2, len(frames)))), file.samplerate


@pytest.fixture(scope="session")
def vst3() -> Callable[[str], str]:
    """Path of a plugin of Debian's zam-plugins; the test is skipped where it is not installed."""

    def find(name: str) -> str:
        for folder in VST3_FOLDERS:
            if (folder / f"{name}.vst3").exists():
                return str(folder / f"{name}.vst3")
        pytest.skip(f"{name}.vst3 is not installed (apt install zam-plugins)")

    return find


@pytest.fixture(scope="session")
def in_blocks() -> Callable[[Block, list[int]], Iterator[Block]]:
    """Cut a signal into blocks, their sizes taken in turn."""

    def cut(signal: Block, sizes: list[int]) -> Iterator[Block]:
        start = turn = 0
        while start < signal.shape[1]:
            size = sizes[turn % len(sizes)]
            yield signal[:, start : start + size]
            start, turn = start + size, turn + 1

    return cut
