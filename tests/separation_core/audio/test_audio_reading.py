"""Reading what libsndfile reads: every kind gives the right samples, length and place in time, in any block size."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation_core.audio.reading import describe_song, open_song
from separation_core.errors import SongUnreadable, UnsupportedAudio

LOSSLESS = [
    ("WAV", "PCM_U8", 2**-7),
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-23),
    ("WAV", "PCM_32", 2**-24),
    ("WAV", "FLOAT", 0),
    ("WAV", "DOUBLE", 0),
    ("WAVEX", "PCM_24", 2**-23),
    ("RF64", "FLOAT", 0),
    ("W64", "PCM_24", 2**-23),
    ("AIFF", "PCM_16", 2**-15),
    ("AIFF", "PCM_24", 2**-23),
    ("AU", "PCM_16", 2**-15),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-23),
]
LOSSY = [("OGG", "VORBIS", 44_100), ("OGG", "OPUS", 48_000), ("MP3", "MPEG_LAYER_III", 44_100)]


@pytest.mark.parametrize(("container", "encoding", "step"), LOSSLESS)
def test_lossless_files_give_their_samples(
    tmp_path: Path, song: np.ndarray, container: str, encoding: str, step: float, read_song: Callable[..., np.ndarray]
) -> None:
    path = tmp_path / "song.bin"  # the content tells the format, not the name
    soundfile.write(path, song.T, 44_100, encoding, format=container)
    info = describe_song(path)
    assert (info.rate, info.channels, info.frames) == (44_100, 2, song.shape[1])
    assert (info.container, info.encoding) == (container, encoding)
    np.testing.assert_allclose(read_song(path), song, rtol=0, atol=step)


@pytest.mark.parametrize(("container", "encoding", "rate"), LOSSY)
def test_lossy_files_keep_length_and_place(
    tmp_path: Path,
    song: np.ndarray,
    container: str,
    encoding: str,
    rate: int,
    read_song: Callable[..., np.ndarray],
    delay_between: Callable[..., int],
) -> None:
    path = tmp_path / "song.bin"
    soundfile.write(path, song.T, rate, encoding, format=container)
    found = read_song(path)
    assert describe_song(path).frames == found.shape[1] == song.shape[1]
    assert delay_between(song, found) == 0
    assert np.sqrt(np.mean((found - song) ** 2)) < 0.35 * np.sqrt(np.mean(song**2))


@pytest.mark.parametrize(("container", "encoding", "rate"), [("FLAC", "PCM_16", 44_100), *LOSSY])
def test_the_block_size_changes_nothing(
    tmp_path: Path, song: np.ndarray, container: str, encoding: str, rate: int, read_song: Callable[..., np.ndarray]
) -> None:
    path = tmp_path / "song.bin"
    soundfile.write(path, song.T, rate, encoding, format=container)
    whole = read_song(path)
    for frames in (997, song.shape[1] - 11, 1 << 20):  # eleven: where Opus came out otherwise after a seek
        with open_song(path) as reader:
            blocks = list(reader.blocks(frames))
        assert {block.shape[1] for block in blocks[:-1]} <= {frames}
        assert all(block.dtype == np.float32 and block.flags.c_contiguous for block in blocks)
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.integers(1, 100_000))
def test_any_block_size_gives_a_wav_exactly(wav: Path, song: np.ndarray, frames: int) -> None:
    with open_song(wav) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(max(frames, 50))), axis=1), song)


@pytest.mark.parametrize("encoding", ["PCM_16", "VORBIS", "MPEG_LAYER_III"])
def test_a_second_pass_gives_the_same_samples(tmp_path: Path, song: np.ndarray, encoding: str) -> None:
    path = tmp_path / "song.bin"
    soundfile.write(path, song.T, 44_100, encoding, format={"PCM_16": "WAV", "VORBIS": "OGG"}.get(encoding, "MP3"))
    with open_song(path) as reader:
        first = np.concatenate(list(reader.blocks(5_000)), axis=1)
        next(reader.blocks(5_000))
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(5_000)), axis=1), first)


def test_tags_are_read_and_cleaned(tmp_path: Path, song: np.ndarray) -> None:
    path = tmp_path / "song.flac"
    with soundfile.SoundFile(path, "w", 44_100, 2, format="FLAC") as file:
        file.title, file.artist, file.comment = "Vibe\nAce", "Kevin MacLeod", "x" * 5_000
        file.write(song.T)
    tags = describe_song(path).tags
    assert tags["title"] == "Vibe Ace"
    assert tags["artist"] == "Kevin MacLeod"
    assert len(tags["comment"]) == 1_000


@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS", "FLAC"])
def test_six_channels_come_in_wave_order(
    tmp_path: Path, encoding: str, read_song: Callable[..., np.ndarray], encode: Callable[..., Path]
) -> None:
    time = np.arange(48_000) / 48_000
    tones = np.array([0.2 * np.sin(2 * np.pi * 100 * (n + 1) * time) for n in range(6)], np.float32)
    tones[3] = 0.2 * np.sin(2 * np.pi * 50 * time)  # the low-frequency channel holds low tones only
    path = tmp_path / "song.bin"
    if encoding == "OPUS":
        encode(path.with_suffix(".opus"), [tones], 48_000, "libopus").rename(path)
    elif encoding == "VORBIS":  # libsndfile stores channels as they come: Vorbis order makes a proper Vorbis file
        soundfile.write(path, tones[[0, 2, 1, 4, 5, 3]].T, 48_000, "VORBIS", format="OGG")
    else:
        soundfile.write(path, tones.T, 48_000, format="FLAC")
    spectra = np.abs(np.fft.rfft(read_song(path)[:, :48_000]))
    assert spectra.argmax(axis=1).tolist() == [100, 200, 300, 50, 500, 600]


@pytest.mark.parametrize("rate", [8_000, 192_000])
def test_the_outermost_rates_are_taken(tmp_path: Path, rate: int, make_song: Callable[..., np.ndarray]) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, make_song(1_000).T, rate)
    assert describe_song(path).rate == rate


@pytest.mark.parametrize("rate", [7_999, 192_001, 384_000])
def test_rates_outside_are_refused_with_the_rate(
    tmp_path: Path, rate: int, make_song: Callable[..., np.ndarray]
) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, make_song(1_000).T, rate)
    with pytest.raises(UnsupportedAudio, match=f"{rate} Hz"):
        open_song(path)


def test_a_stream_that_is_not_there_is_refused(wav: Path) -> None:
    with pytest.raises(UnsupportedAudio, match="no audio stream 1; it has 1"):
        open_song(wav, stream=1)
    assert describe_song(wav, stream=0).frames == 90_500


@pytest.mark.parametrize("name", ["naïve – 歌.wav", "a:b.wav", "-i.wav", "100%d.wav"])
def test_any_file_name_will_do(tmp_path: Path, wav: Path, name: str) -> None:
    assert describe_song(wav.rename(tmp_path / name)).frames == 90_500


def test_a_wav_from_a_pipe_is_read_to_its_end(
    wav: Path, song: np.ndarray, read_song: Callable[..., np.ndarray]
) -> None:
    content = bytearray(wav.read_bytes())
    content[content.index(b"data") + 4 : content.index(b"data") + 8] = b"\xff" * 4
    content[4:8] = b"\xff" * 4
    wav.write_bytes(content)
    np.testing.assert_array_equal(read_song(wav), song)


def test_a_flac_from_a_pipe_is_read_to_its_end(
    tmp_path: Path, song: np.ndarray, read_song: Callable[..., np.ndarray]
) -> None:
    path = tmp_path / "song.flac"
    soundfile.write(path, song.T, 44_100, "PCM_24")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # STREAMINFO: 36 bits of total samples, zero where a pipe was written to
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert describe_song(path).frames is None
    np.testing.assert_allclose(read_song(path), song, rtol=0, atol=2**-23)


def test_an_mp3_that_counts_a_frame_too_many_ends_in_silence(
    tmp_path: Path, song: np.ndarray, read_song: Callable[..., np.ndarray]
) -> None:
    path = tmp_path / "song.mp3"
    soundfile.write(path, song.T, 44_100, "MPEG_LAYER_III", format="MP3")
    plain, content = read_song(path), bytearray(path.read_bytes())
    at = max(content.find(b"Xing"), content.find(b"Info")) + 8
    content[at : at + 4] = (int.from_bytes(content[at : at + 4]) + 1).to_bytes(4)
    path.write_bytes(content)
    found = read_song(path)
    assert found.shape == (2, song.shape[1] + 1_152) == (2, describe_song(path).frames)
    np.testing.assert_array_equal(found[:, : song.shape[1]], plain)


def test_peak_memory_does_not_grow_with_the_song(tmp_path: Path) -> None:
    """Ten minutes, 200 MB of samples, read by a process that may not have that much more than it starts with."""
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 44_100, 2, "PCM_16") as file:
        for _ in range(10):
            file.write(np.zeros((44_100 * 60, 2), np.int16))
    program = (
        "import resource, sys; from pathlib import Path; from separation_core.audio.reading import open_song\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with open_song(Path(sys.argv[1])) as song:\n"
        "    blocks = song.blocks(); next(blocks); before = peak(); frames = sum(b.shape[1] for b in blocks)\n"
        "print(frames, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    frames, grown = map(int, done.stdout.split())
    assert frames == 44_100 * 600 - 65_536
    assert grown < 20_000  # kilobytes


def test_a_closed_reader_gives_no_more(wav: Path) -> None:
    with open_song(wav) as reader:
        blocks = reader.blocks(1_000)
        next(blocks)
    assert list(blocks) == []


def test_an_unreadable_file_is_an_error_of_the_tree(tmp_path: Path) -> None:
    with pytest.raises(SongUnreadable, match="does not exist"):
        open_song(tmp_path / "none.wav")
