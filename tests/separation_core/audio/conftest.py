"""Songs made on the spot: nothing is checked in, nothing downloaded. Tools come as fixtures that are functions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import soundfile

from separation_core.audio.reading import open_song


def _make_song(frames: int, channels: int = 2, seed: int = 0, peak: float = 0.5) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((channels, frames))
    soft = scipy.signal.sosfilt(scipy.signal.butter(4, 0.15, output="sos"), noise, axis=1)
    return (soft * (peak / max(1e-9, np.abs(soft).max(initial=0)))).astype(np.float32)


def _encode(path: Path, songs: list[np.ndarray], rate: int, codec: str, **muxer: str) -> Path:
    """One audio stream per song, encoded with PyAV; delay and padding are noted as its muxers do."""
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'stemrack[media]'")
    with av.open(str(path), "w", options=muxer) as container:
        container.metadata["title"] = "A Song"
        layouts = [{1: "mono", 2: "stereo", 6: "5.1"}[len(song)] for song in songs]
        streams = [container.add_stream(codec, rate=rate, layout=layout) for layout in layouts]
        for stream, song in zip(streams, songs, strict=True):
            stream.bit_rate = 96_000 * len(song)
            _send(av, container, stream, song)
    return path


def _send(av: Any, container: Any, stream: Any, song: np.ndarray) -> None:
    codec = stream.codec_context
    if not codec.is_open:  # the first packet of one stream opens the others
        codec.open()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(song), format="fltp", layout=codec.layout.name)
    frame.sample_rate, frame.pts = codec.sample_rate, 0
    resampler = av.AudioResampler(codec.format, codec.layout, codec.sample_rate, frame_size=codec.frame_size or 1024)
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def _read(path: Path, frames: int = 65_536, stream: int | None = None) -> np.ndarray:
    with open_song(path, stream=stream) as reader:
        return np.concatenate(list(reader.blocks(frames)), axis=1)


def _delay(song: np.ndarray, other: np.ndarray) -> int:
    size = min(song.shape[1], other.shape[1])
    found = scipy.signal.correlate(other[0, :size], song[0, :size], method="fft")
    return int(scipy.signal.correlation_lags(size, size)[np.argmax(found)])


@pytest.fixture(scope="session")
def make_song() -> Callable[..., np.ndarray]:
    """make_song(frames, channels=2, seed=0, peak=0.5): noise that lossy codecs keep, no two stretches alike."""
    return _make_song


@pytest.fixture(scope="session")
def encode() -> Callable[..., Path]:
    """encode(path, [song, …], rate, codec, **muxer options): a file with one audio stream per song."""
    return _encode


@pytest.fixture(scope="session")
def read_song() -> Callable[..., np.ndarray]:
    """read_song(path, frames=65536, stream=None): the whole song, (channel, frame)."""
    return _read


@pytest.fixture(scope="session")
def delay_between() -> Callable[[np.ndarray, np.ndarray], int]:
    """delay_between(song, other): frames by which `other` lags, by cross-correlation of the first channels."""
    return _delay


@pytest.fixture(scope="session")
def song() -> np.ndarray:
    """Two seconds and a bit, stereo; the length is a multiple of no codec's frame."""
    return _make_song(90_500)


@pytest.fixture
def wav(tmp_path: Path, song: np.ndarray) -> Path:
    path = tmp_path / "song.wav"
    soundfile.write(path, song.T, 44_100, "FLOAT")
    return path
