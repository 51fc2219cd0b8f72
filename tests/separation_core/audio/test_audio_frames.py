"""Any stretch of a source, also beyond its ends."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation_core.audio.frames import ArraySource, FrameSource, WavSource
from separation_core.errors import SongUnreadable, UnsupportedAudio
from separation_core.units import Hertz


def expected(song: np.ndarray, start: int, count: int) -> np.ndarray:
    wide = np.pad(song, ((0, 0), (200_000, 200_000)))
    return wide[:, 200_000 + start : 200_000 + start + count]


def _sources(path: Path, song: np.ndarray) -> tuple[FrameSource, FrameSource]:
    return WavSource(path), ArraySource(song, Hertz(44_100))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reads=st.lists(st.tuples(st.integers(-100_000, 190_000), st.integers(0, 100_000)), min_size=1, max_size=6))
def test_any_order_of_reads_gives_the_samples(wav: Path, song: np.ndarray, reads: list[tuple[int, int]]) -> None:
    for source in _sources(wav, song):
        assert (source.rate, source.channels, source.frames) == (44_100, 2, 90_500)
        for start, count in reads:
            found = source.read(start, count)
            assert found.shape == (2, count)
            assert found.dtype == np.float32
            assert found.flags.c_contiguous
            np.testing.assert_array_equal(found, expected(song, start, count))


@pytest.mark.parametrize(
    ("container", "encoding"), [("FLAC", "PCM_24"), ("RF64", "FLOAT"), ("W64", "PCM_16"), ("AIFF", "PCM_24")]
)
def test_every_uncompressed_or_lossless_kind_will_do(
    tmp_path: Path, song: np.ndarray, container: str, encoding: str
) -> None:
    path = tmp_path / "song.bin"
    soundfile.write(path, song.T, 44_100, encoding, format=container)
    with WavSource(path) as source:
        for start in (50_000, 10, 90_000, 50_512, 0):
            np.testing.assert_allclose(source.read(start, 512), expected(song, start, 512), rtol=0, atol=2**-15)


def test_what_is_given_out_belongs_to_the_caller(song: np.ndarray) -> None:
    source = ArraySource(song, Hertz(44_100))
    source.read(0, 100)[:] = 9
    assert np.abs(source.read(0, 100)).max() < 1


@pytest.mark.parametrize(("container", "encoding"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
def test_inexact_kinds_are_refused(tmp_path: Path, song: np.ndarray, container: str, encoding: str) -> None:
    path = tmp_path / "song.bin"
    soundfile.write(path, song.T, 48_000, encoding, format=container)
    with pytest.raises(UnsupportedAudio, match="ffmpeg"):
        WavSource(path)


def test_what_is_no_wav_is_refused(tmp_path: Path, song: np.ndarray, encode: Callable[..., Path]) -> None:
    with pytest.raises(SongUnreadable, match="does not exist"):
        WavSource(tmp_path / "none.wav")
    with pytest.raises(SongUnreadable, match="not a WAV or FLAC"):
        WavSource(encode(tmp_path / "song.m4a", [song], 44_100, "aac"))


def test_a_file_that_shrinks_while_open_is_an_error(wav: Path) -> None:
    with WavSource(wav) as source:
        wav.write_bytes(wav.read_bytes()[: wav.stat().st_size // 2])
        with pytest.raises(SongUnreadable, match="restore it"):
            source.read(40_000, 40_000)
