"""Writing: the same samples come back, the file is whole or not there, and every failure is one line."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from separation_core.audio.quantising import Quantiser
from separation_core.audio.wave_header import sample_bytes
from separation_core.audio.wave_writer import WaveWriter
from separation_core.audio.writing import SampleFormat, SongWriter
from separation_core.errors import UnsupportedAudio, WriteFailed
from separation_core.units import Hertz

ALL = list(SampleFormat)
INTEGERS = [SampleFormat.PCM24, SampleFormat.PCM16, SampleFormat.FLAC]
RATE = Hertz(44_100)


def write(path: Path, song: np.ndarray, fmt: SampleFormat, block: int = 10_000, seed: int = 0) -> SongWriter:
    with SongWriter(path, RATE, len(song), fmt, dither_seed=seed) as writer:
        for start in range(0, song.shape[1], block):
            writer.write(song[:, start : start + block])
    return writer


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fmt=st.sampled_from(ALL), channels=st.integers(1, 3), frames=st.integers(1, 4_000), block=st.integers(1, 5_000))
def test_what_was_written_is_read_again(
    tmp_path: Path,
    make_song: Callable[..., np.ndarray],
    read_song: Callable[..., np.ndarray],
    fmt: SampleFormat,
    channels: int,
    frames: int,
    block: int,
) -> None:
    song = make_song(frames, channels, seed=frames)
    path = tmp_path / f"song.{fmt.extension}"
    writer = write(path, song, fmt, block)
    assert (writer.frames_written, writer.clipped_samples) == (frames, 0)
    step = 0 if fmt is SampleFormat.FLOAT32 else 1.5 / 2 ** (fmt.bits - 1)
    np.testing.assert_allclose(read_song(path), song, rtol=0, atol=step)


@pytest.mark.parametrize("fmt", ALL)
def test_same_samples_same_bytes_whatever_the_blocks(tmp_path: Path, song: np.ndarray, fmt: SampleFormat) -> None:
    for name, block, seed in (("a", 10_000, 0), ("b", 777, 0), ("c", 10_000, 1)):
        write(tmp_path / name, song, fmt, block, seed)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    if fmt is SampleFormat.FLAC:  # the encoder's frames may fall otherwise, the samples may not
        np.testing.assert_array_equal(*(soundfile.read(tmp_path / name)[0] for name in "ab"))
    else:
        assert a == b
    assert (a == c) == (fmt is SampleFormat.FLOAT32)


@pytest.mark.parametrize(("fmt", "subtype"), [*zip(ALL, ["FLOAT", "PCM_24", "PCM_16", "PCM_24"], strict=True)])
def test_libsndfile_agrees_on_what_it_is(tmp_path: Path, song: np.ndarray, fmt: SampleFormat, subtype: str) -> None:
    path = tmp_path / "song"
    write(path, song, fmt)
    info = soundfile.info(path)
    assert (info.format, info.subtype) == ("FLAC" if fmt is SampleFormat.FLAC else "WAV", subtype)
    assert (info.samplerate, info.channels, info.frames) == (44_100, 2, 90_500)


def test_float_never_clips_and_keeps_what_is_not_finite(tmp_path: Path, read_song: Callable[..., np.ndarray]) -> None:
    song = np.float32([[3.0, -7.5, np.nan], [np.inf, -np.inf, 1e-30]])
    writer = write(tmp_path / "song.wav", song, SampleFormat.FLOAT32)
    np.testing.assert_array_equal(read_song(tmp_path / "song.wav"), song)
    assert writer.clipped_samples == 0


@pytest.mark.parametrize("fmt", INTEGERS)
def test_integers_clip_and_count(tmp_path: Path, fmt: SampleFormat, read_song: Callable[..., np.ndarray]) -> None:
    song = np.float32([[3.0, -7.5, np.nan, 1.0], [np.inf, -np.inf, 0.0, -1.0]])
    writer = write(tmp_path / "song", song, fmt)
    assert writer.clipped_samples == 5
    np.testing.assert_allclose(read_song(tmp_path / "song"), [[1, -1, 0, 1], [1, -1, 0, -1]], atol=2e-4)


def test_dither_is_triangular_and_makes_the_error_independent_of_the_signal() -> None:
    """A signal far below one step survives as the mean, and the error's power is that of TPDF: 1/4 of a step²."""
    level = 0.3 / 2**15
    found = Quantiser(16, seed=3)(np.full((1, 400_000), level, np.float32))
    assert found.mean() == pytest.approx(0.3, abs=0.01)
    assert np.mean((found - 0.3) ** 2) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("sample_bytes_each", "is_float"), [(2, False), (3, False), (4, True)])
@pytest.mark.parametrize("frames", [0, 1, 501])
def test_past_the_limit_it_is_an_rf64_with_the_same_samples(
    tmp_path: Path, sample_bytes_each: int, is_float: bool, frames: int
) -> None:
    samples = np.random.default_rng(0).integers(0, 60, frames * sample_bytes_each, np.uint8).tobytes()
    decoded = []
    for name, limit in (("short.wav", 1 << 20), ("long.wav", 30)):
        with (tmp_path / name).open("wb") as file:
            wave = WaveWriter(file, 48_000, 1, sample_bytes_each, is_float=is_float, riff_limit=limit)
            wave.write(samples)
            wave.finish()
        decoded.append(soundfile.read(tmp_path / name)[0])
        assert soundfile.info(tmp_path / name).frames == frames
        found = sample_bytes(tmp_path / name)
        assert found is not None
        assert (found.promised, found.missing) == (len(samples), 0)
    assert [soundfile.info(tmp_path / name).format for name in ("short.wav", "long.wav")] == ["WAV", "RF64"]
    np.testing.assert_array_equal(*decoded)


def test_the_limit_is_where_32_bits_end() -> None:
    """Sizes only, without the bytes: one byte more than a RIFF header can name makes an RF64."""

    class Sizes(bytes):
        def __len__(self) -> int:
            return self.pretended

        pretended = 0

    for extra, magic in ((0, b"RIFF"), (2, b"RF64")):
        file, content = io.BytesIO(), Sizes()
        content.pretended = (1 << 32) - 2 - 72 + extra
        wave = WaveWriter(file, 48_000, 1, 2, is_float=False)
        wave.write(content)
        wave.finish()
        assert file.getvalue()[:4] == magic


@pytest.mark.parametrize("fmt", ALL)
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path, song: np.ndarray, fmt: SampleFormat) -> None:
    path = tmp_path / "song"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_and_be_stopped(path, song, fmt)
    assert [entry.name for entry in tmp_path.iterdir()] == ["song"]
    assert path.read_text() == "old"


def write_and_be_stopped(path: Path, song: np.ndarray, fmt: SampleFormat) -> None:
    with SongWriter(path, RATE, 2, fmt) as writer:
        writer.write(song)
        raise KeyboardInterrupt


def test_nothing_stands_at_the_path_until_it_is_whole(tmp_path: Path, song: np.ndarray) -> None:
    path = tmp_path / "song.wav"
    with SongWriter(path, RATE, 2) as writer:
        writer.write(song)
        assert not path.exists()
        assert len(list(tmp_path.iterdir())) == 1  # the temporary file, in the same folder
    assert [entry.name for entry in tmp_path.iterdir()] == ["song.wav"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_song_of_no_frames_is_a_proper_empty_wav(tmp_path: Path) -> None:
    write(tmp_path / "song.wav", np.zeros((2, 0), np.float32), SampleFormat.FLOAT32)
    assert soundfile.info(tmp_path / "song.wav").frames == 0


@pytest.mark.parametrize("fmt", ALL)
def test_folders_that_cannot_be_written(tmp_path: Path, song: np.ndarray, fmt: SampleFormat) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "song.wav", tmp_path / "file" / "song.wav", tmp_path / "folder"):
        with pytest.raises(WriteFailed, match="cannot be written") as caught:
            write(path, song, fmt)
        assert str(path) in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on file sizes")
@pytest.mark.parametrize("fmt", ALL)
@pytest.mark.parametrize("limit", [100, 200_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, fmt: SampleFormat, limit: int) -> None:
    """A process that may not write files above `limit` bytes meets the same refusal as on a full disk."""
    program = (
        "import resource, sys; import numpy as np; from pathlib import Path\n"
        "from separation_core.audio.writing import SampleFormat, SongWriter\n"
        "from separation_core.errors import WriteFailed\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "noise = np.random.default_rng(0).uniform(-1, 1, (2, 100_000)).astype('f4')\n"
        "try:\n"
        "    with SongWriter(Path(sys.argv[1]), 44_100, 2, SampleFormat(sys.argv[2])) as writer:\n"
        "        for _ in range(8): writer.write(noise)\n"
        "except WriteFailed as error: print(error)"
    )
    path = tmp_path / "song.wav"
    done = subprocess.run([sys.executable, "-c", program, str(path), fmt], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert f"{path} cannot be written (File too large)" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk takes root")
@pytest.mark.parametrize("fmt", ALL)
def test_a_really_full_disk(tmp_path: Path, song: np.ndarray, fmt: SampleFormat) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets no disk be mounted")
    try:
        with pytest.raises(WriteFailed, match="No space left"):
            write(disk / "song", song, fmt)
        assert list(disk.iterdir()) == []
        if fmt is not SampleFormat.FLAC:
            with (
                pytest.raises(WriteFailed, match="would take"),
                SongWriter(disk / "song", RATE, 2, fmt, expected_frames=90_500),
            ):
                pytest.fail("was let in")
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="this system has no user ids")
def test_a_folder_of_another_user(tmp_path: Path) -> None:
    """In a process of its own, which gives up root where it has it."""
    program = (
        "import os, sys; from pathlib import Path\n"
        "from separation_core.audio.writing import SongWriter; from separation_core.errors import WriteFailed\n"
        "os.fchdir(os.open(sys.argv[1], os.O_RDONLY))\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: SongWriter(Path('song.wav'), 44_100, 2).__enter__()\n"
        "except WriteFailed as error: print(error)"
    )
    tmp_path.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    tmp_path.chmod(0o755)
    assert "song.wav cannot be written (Permission denied)" in done.stdout


def test_blocks_of_another_shape_and_too_many_flac_channels_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(UnsupportedAudio, match="takes 2 channels"),
        SongWriter(tmp_path / "song.wav", RATE, 2) as writer,
    ):
        writer.write(np.zeros((3, 10), np.float32))
    with pytest.raises(UnsupportedAudio, match="up to 8 channels"):
        SongWriter(tmp_path / "song.flac", RATE, 9, SampleFormat.FLAC)
    with pytest.raises(WriteFailed, match="with block"):
        SongWriter(tmp_path / "song.wav", RATE, 2).write(np.zeros((2, 1), np.float32))
