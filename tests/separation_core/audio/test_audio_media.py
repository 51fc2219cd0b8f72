"""What FFmpeg reads through PyAV: length, place, streams, and files that break off."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.audio.reading import describe_song, open_song
from separation_core.errors import SongUnreadable, UnsupportedAudio

pytest.importorskip("av", reason="PyAV is not installed: pip install 'stemrack[media]'")

Encode = Callable[..., Path]
ReadSong = Callable[..., np.ndarray]
Delay = Callable[[np.ndarray, np.ndarray], int]

# name, codec, rate, and whether the container tells the exact start and end
KINDS = [
    ("song.m4a", "aac", 44_100, True),
    ("song.mp4", "aac", 48_000, True),
    ("song.m4a", "alac", 44_100, True),
    ("song.webm", "libopus", 48_000, True),
    ("song.mkv", "libopus", 48_000, True),
    ("song.mkv", "flac", 44_100, True),
    ("song.mkv", "aac", 44_100, False),
    ("song.aac", "aac", 44_100, False),
]


@pytest.mark.parametrize(("name", "codec", "rate", "exact"), KINDS)
def test_length_and_place_are_right(
    tmp_path: Path,
    song: np.ndarray,
    name: str,
    codec: str,
    rate: int,
    exact: bool,
    encode: Encode,
    read_song: ReadSong,
    delay_between: Delay,
) -> None:
    path = encode(tmp_path / name, [song], rate, codec)
    info, found = describe_song(path), read_song(path)
    assert (info.rate, info.channels, info.frames) == (rate, 2, None)
    if exact:
        assert found.shape == song.shape
        assert delay_between(song, found) == 0
        assert abs((info.estimated_frames or 0) - song.shape[1]) < 0.05 * rate
    else:
        assert 0 <= found.shape[1] - song.shape[1] < 0.06 * rate
        assert 0 <= delay_between(song, found) < 0.03 * rate


def test_the_block_size_changes_nothing(tmp_path: Path, song: np.ndarray, encode: Encode, read_song: ReadSong) -> None:
    path = encode(tmp_path / "song.m4a", [song], 44_100, "aac")
    with open_song(path) as reader:
        blocks = list(reader.blocks(1_000))
        assert {block.shape for block in blocks[:-1]} == {(2, 1_000)}
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), read_song(path))
        next(reader.blocks(1_000))
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(1_000)), axis=1), read_song(path))


@pytest.mark.parametrize("name", ["song.mp4", "song.mkv"])
def test_the_stream_can_be_chosen(
    tmp_path: Path,
    song: np.ndarray,
    make_song: Callable[..., np.ndarray],
    name: str,
    encode: Encode,
    read_song: ReadSong,
) -> None:
    other = make_song(60_000, channels=1, seed=5)
    path = encode(tmp_path / name, [song, other], 44_100, "aac")
    assert describe_song(path).channels == 2
    assert describe_song(path, stream=1).channels == 1
    assert abs(read_song(path, stream=1).shape[1] - 60_000) < 3_000
    with pytest.raises(UnsupportedAudio, match="no audio stream 2; it has 2"):
        open_song(path, stream=2)
    with pytest.raises(UnsupportedAudio, match="no audio stream -1"):
        open_song(path, stream=-1)


def test_tags_and_names_are_for_people(tmp_path: Path, song: np.ndarray, encode: Encode) -> None:
    info = describe_song(encode(tmp_path / "song.m4a", [song], 44_100, "aac"))
    assert (info.container, info.encoding, info.tags) == ("MP4", "AAC", {"title": "A Song"})


@pytest.mark.parametrize(
    ("name", "codec", "rate", "muxer"),
    [("song.m4a", "aac", 44_100, {"movflags": "faststart"}), ("song.webm", "libopus", 48_000, {})],
)
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_cut_file_is_refused_at_its_end(
    tmp_path: Path,
    make_song: Callable[..., np.ndarray],
    name: str,
    codec: str,
    rate: int,
    muxer: dict[str, str],
    share: float,
    encode: Encode,
    read_song: ReadSong,
) -> None:
    path = encode(tmp_path / name, [make_song(480_000)], rate, codec, **muxer)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SongUnreadable, match=r"cut short: it promises 0:1\d\.\d+ min and holds"):
        read_song(path)


def test_an_m4a_without_its_index_is_refused(
    tmp_path: Path, song: np.ndarray, encode: Encode, read_song: ReadSong
) -> None:
    path = encode(tmp_path / "song.m4a", [song], 44_100, "aac")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"moov") - 4])
    with pytest.raises(SongUnreadable, match="not audio in a form that can be read"):
        read_song(path)


def test_the_itunes_tag_tells_the_length(tmp_path: Path, song: np.ndarray, encode: Encode, read_song: ReadSong) -> None:
    path = encode(tmp_path / "song.m4a", [song], 44_100, "aac")
    assert b"iTunSMPB" not in path.read_bytes()
    path.write_bytes(with_itunes_length(path.read_bytes(), 90_000))
    found = read_song(path)
    assert found.shape == (2, 90_000)


def with_itunes_length(content: bytes, frames: int) -> bytes:
    """Add the iTunSMPB tag to an M4A whose moov box comes last."""
    text = f" 00000000 00000400 000002B5 {frames:016X} 00000000".encode()
    parts = (
        b"mean" + bytes(4) + b"com.apple.iTunes",
        b"name" + bytes(4) + b"iTunSMPB",
        b"data" + b"\0\0\0\1" + bytes(4) + text,
    )
    tag = box(b"----" + b"".join(box(part) for part in parts))
    changed = bytearray(content)
    for name in (b"moov", b"udta", b"meta", b"ilst"):
        at = changed.rindex(name) - 4
        changed[at : at + 4] = (int.from_bytes(changed[at : at + 4]) + len(tag)).to_bytes(4)
    end = content.rindex(b"ilst") - 4 + int.from_bytes(content[content.rindex(b"ilst") - 4 :][:4])
    return bytes(changed[:end]) + tag + bytes(changed[end:])


def box(content: bytes) -> bytes:
    return (len(content) + 4).to_bytes(4) + content


def test_a_video_file_gives_its_sound(tmp_path: Path, song: np.ndarray, encode: Encode, read_song: ReadSong) -> None:
    import av

    sound = encode(tmp_path / "sound.mkv", [song], 48_000, "libopus")
    path = tmp_path / "film.mkv"
    with av.open(str(sound)) as source, av.open(str(path), "w") as film:
        video = film.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        audio = film.add_stream_from_template(source.streams.audio[0])
        for number in range(75):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number, np.uint8), format="rgb24")
            picture.pts = number
            film.mux(video.encode(picture))
        film.mux(video.encode(None))
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = audio
                film.mux(packet)
    np.testing.assert_array_equal(read_song(path), read_song(sound))


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as film:
        video = film.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        film.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        film.mux(video.encode(None))
    with pytest.raises(SongUnreadable, match="no audio stream"):
        open_song(path)


def test_an_mp3_without_a_length_tag_is_read_in_full(tmp_path: Path, encode: Encode, read_song: ReadSong) -> None:
    """Loud first, then silent: from its first frames libsndfile would take it for a third of its length."""
    loud = np.random.default_rng(2).uniform(-0.3, 0.3, (2, 44_100)).astype(np.float32)
    song = np.concatenate([loud, np.zeros((2, 441_000), np.float32)], axis=1)
    path = encode(tmp_path / "song.mp3", [song], 44_100, "libmp3lame", write_xing="0")
    assert describe_song(path).frames is None
    assert 0 <= read_song(path).shape[1] - song.shape[1] < 4 * 1_152


def test_joined_files_are_read_to_the_last(tmp_path: Path, song: np.ndarray, read_song: ReadSong) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for container, encoding in (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS")):
        soundfile.write(one, song.T, 44_100, encoding, format=container)
        soundfile.write(two, song.T, 44_100, encoding, format=container)
        joined = tmp_path / "joined"
        joined.write_bytes(one.read_bytes() + two.read_bytes())
        assert abs(read_song(joined).shape[1] - 2 * song.shape[1]) < 4 * 1_152
