"""Bad input: each is one error line that names the file, or is read for what it is."""

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.audio.frames import WavSource
from separation_core.audio.loudness import LevelMeter
from separation_core.audio.reading import open_song
from separation_core.errors import AudioError, SongUnreadable, UnsupportedAudio
from separation_core.units import Hertz

ReadSong = Callable[..., np.ndarray]
CUT = r"cut short: it promises 0:02\.05\d min and holds 0:0[01]\.\d{3} min; copy it again"


def bare_wav(channels: int, rate: int, samples: bytes = bytes(200)) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def refusal(path: Path, read_song: ReadSong) -> str:
    with pytest.raises(AudioError) as caught:
        read_song(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"Just some words, no song.\n" * 50, "not audio"),
        (b"RIFF", "not audio|cannot be read|libsndfile"),
        (bare_wav(0, 44_100), "Channel count is zero"),
        (bare_wav(1, 0), "cannot be read"),
        (bare_wav(2, 44_100, b""), "no samples"),
        (b"#EXTM3U\n#EXTINF:5,\nsong.wav\n#EXT-X-ENDLIST\n", "not audio"),
        (np.random.default_rng(1).bytes(5_000), "not audio|cannot be read"),
    ],
    ids=["empty", "text", "four bytes", "no channels", "rate 0", "no samples", "playlist", "noise"],
)
def test_files_that_are_no_songs(tmp_path: Path, content: bytes, says: str, read_song: ReadSong) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'stemrack[media]'")
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    assert any(word in refusal(path, read_song) for word in says.split("|"))


@pytest.mark.parametrize(
    ("container", "encoding"),
    [
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("RF64", "PCM_24"),
        ("W64", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("AU", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("MP3", "MPEG_LAYER_III"),
    ],
)
@pytest.mark.parametrize("share", [0.25, 0.9])
def test_a_cut_file_is_refused_when_opened_and_both_lengths_are_named(
    tmp_path: Path, song: np.ndarray, container: str, encoding: str, share: float
) -> None:
    path = tmp_path / "song.bin"
    soundfile.write(path, song.T, 44_100, encoding, format=container)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SongUnreadable, match=CUT):
        open_song(path)


def test_a_song_missing_one_frame_is_not_let_through(wav: Path) -> None:
    wav.write_bytes(wav.read_bytes()[:-8])
    with pytest.raises(SongUnreadable, match="cut short"):
        open_song(wav)
    with pytest.raises(SongUnreadable, match="cut short"):
        WavSource(wav)


@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS"])
def test_an_ogg_without_its_end_is_read_with_a_warning(
    tmp_path: Path, make_song: Callable[..., np.ndarray], encoding: str
) -> None:
    path = tmp_path / "song.ogg"
    soundfile.write(path, make_song(480_000).T, 48_000, encoding, format="OGG")
    with open_song(path) as whole:
        assert whole.warnings == ()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with open_song(path) as cut:
        assert 0 < sum(block.shape[1] for block in cut.blocks()) < 480_000
        assert str(path) in cut.warnings[0]


def test_a_flac_damaged_inside_is_an_error_not_a_shorter_song(
    tmp_path: Path, song: np.ndarray, read_song: ReadSong
) -> None:
    path = tmp_path / "song.flac"
    soundfile.write(path, song.T, 44_100, "PCM_16")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 30_000] = bytes(30_000)
    path.write_bytes(content)
    assert "damaged" in (text := refusal(path, read_song)) or "cut short" in text


def test_an_mp3_damaged_inside_is_an_error_not_a_shorter_song(
    tmp_path: Path, song: np.ndarray, read_song: ReadSong
) -> None:
    path = tmp_path / "song.mp3"
    soundfile.write(path, song.T, 44_100, "MPEG_LAYER_III", format="MP3")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8_000] = bytes(8_000)
    path.write_bytes(content)
    assert "damaged" in (text := refusal(path, read_song)) or "cut short" in text


def test_a_wav_longer_than_its_header_can_say_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(bare_wav(2, 44_100))
    with path.open("r+b") as file:
        file.truncate((1 << 32) + 244)  # a hole: takes no room on the disk
    with pytest.raises(SongUnreadable, match="4 GiB"):
        open_song(path)


def test_a_folder_and_a_missing_file(tmp_path: Path, wav: Path, read_song: ReadSong) -> None:
    assert "is a folder" in refusal(tmp_path, read_song)
    assert "does not exist" in refusal(tmp_path / "none.wav", read_song)
    assert "cannot be opened" in refusal(wav / "below.wav", read_song)
    assert "cannot be opened" in refusal(tmp_path / ("n" * 300), read_song)
    with pytest.raises(SongUnreadable, match="cannot name a file"):
        open_song(tmp_path / "nul\0.wav")


@pytest.mark.timeout(20)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_and_devices_are_refused_and_never_waited_for(tmp_path: Path, read_song: ReadSong) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "pipe, socket or device" in refusal(tmp_path / "pipe.wav", read_song)
    assert "pipe, socket or device" in refusal(Path(os.devnull), read_song)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="this system has no user ids")
def test_a_file_of_another_user_is_refused(wav: Path) -> None:
    """In a process of its own, which gives up root where it has it."""
    program = (
        "import os, sys; from pathlib import Path\n"
        "from separation_core.audio.reading import open_song; from separation_core.errors import AudioError\n"
        "folder = os.open(sys.argv[1], os.O_RDONLY); os.fchdir(folder)\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: open_song(Path('song.wav'))\n"
        "except AudioError as error: print(error)"
    )
    wav.parent.chmod(0o755)
    wav.chmod(0)
    done = subprocess.run([sys.executable, "-c", program, str(wav.parent)], capture_output=True, text=True, check=True)
    assert "may not be read by this user" in done.stdout


def test_raw_samples_are_refused(tmp_path: Path, read_song: ReadSong) -> None:
    path = tmp_path / "song.raw"
    path.write_bytes(bytes(1_000))
    assert "without a header" in refusal(path, read_song)


@pytest.mark.parametrize(
    "samples",
    [
        np.full((2, 1), 0.25, np.float32),
        np.zeros((2, 10_000), np.float32),
        np.full((2, 10_000), 0.5, np.float32),
        np.tile(np.float32([1, 1, -1, -1]), (2, 2_500)),
        np.where(np.arange(20_000).reshape(2, -1) % 7 == 0, np.nan, 0.1).astype(np.float32),
        np.where(np.arange(20_000).reshape(2, -1) % 7 == 0, np.inf, 0.1).astype(np.float32),
        np.zeros((12, 1_000), np.float32),
    ],
    ids=["one sample", "silence", "DC", "square", "NaN", "infinite", "12 channels"],
)
def test_strange_but_proper_audio_comes_as_it_is(tmp_path: Path, samples: np.ndarray, read_song: ReadSong) -> None:
    path = tmp_path / "song.wav"
    soundfile.write(path, samples.T, 192_000, "FLOAT")
    np.testing.assert_array_equal(read_song(path), samples)
    with WavSource(path) as source:
        np.testing.assert_array_equal(source.read(0, source.frames), samples)
    meter = LevelMeter(Hertz(192_000), len(samples))
    meter.add(samples)
    assert meter.levels().non_finite == np.count_nonzero(~np.isfinite(samples))


def test_without_pyav_the_error_says_how_to_get_it(
    tmp_path: Path, song: np.ndarray, encode: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "song.m4a", [song], 44_100, "aac")
    monkeypatch.setitem(sys.modules, "av", None)  # what Python itself does for a module that cannot be imported
    with pytest.raises(UnsupportedAudio, match=r"pip install 'stemrack\[media\]'"):
        open_song(path)
