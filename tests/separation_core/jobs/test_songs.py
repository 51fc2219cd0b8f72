"""Files and folders mean songs, each once and in order; their sessions never get the same name."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from separation_core.errors import SongUnreadable
from separation_core.jobs.songs import distinct_names, find_songs

ALBUM = ("b.flac", "A.MP3", "c.wav", "cover.jpg", ".hidden.flac", "cd2/a.ogg", "cd2/deep/z.m4a", "x.stemrack/song.wav")


def make_bottomless(folder: Path) -> None:
    """A folder so deep that what is below cannot be opened by its path, by whomever it is, root too."""
    folder.mkdir()
    at = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=at)
        below = os.open("x" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ALBUM:
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "album"


def _found(*paths: Path, recursive: bool = False, within: Path) -> list[str]:
    return [song.relative_to(within).as_posix() for song in find_songs(paths, recursive=recursive)]


def test_a_folder_is_its_audio_files_sorted(album: Path) -> None:
    assert _found(album, within=album) == ["A.MP3", "b.flac", "c.wav"]


def test_recursive_looks_into_folders_but_not_into_sessions_and_links(album: Path) -> None:
    (album / "loop").symlink_to(album)
    wanted = ["A.MP3", "b.flac", "c.wav", "cd2/a.ogg", "cd2/deep/z.m4a"]
    assert _found(album, recursive=True, within=album) == wanted


def test_a_link_in_a_circle_is_a_song_that_will_fail_and_no_crash(album: Path) -> None:
    (album / "cd2" / "b.ogg").symlink_to("b.ogg")
    assert _found(album / "cd2", within=album) == ["cd2/a.ogg", "cd2/b.ogg"]


def test_files_keep_their_order_and_come_once(album: Path) -> None:
    (album / "same.flac").symlink_to(album / "b.flac")
    paths = [album / "missing.xyz", album / "c.wav", album, album / "cd2" / ".." / "b.flac"]
    assert _found(*paths, within=album) == ["missing.xyz", "c.wav", "A.MP3", "b.flac"]


@pytest.mark.parametrize(("folder", "told"), [("empty", "--recursive"), ("x.stemrack", "is a session")])
def test_a_folder_that_holds_no_songs_is_told(album: Path, folder: str, told: str) -> None:
    (album / "empty").mkdir()
    (album / "x.stemrack" / "session.toml").write_text("", encoding="ascii")
    with pytest.raises(SongUnreadable, match=f"{folder}.*{told}"):
        find_songs([album / "c.wav", album / folder])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_told(album: Path) -> None:
    (album / "cd2").chmod(0)
    with pytest.raises(SongUnreadable, match="cd2"):
        find_songs([album], recursive=True)
    (album / "cd2").chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="paths too long to be opened are made with Unix calls")
def test_a_folder_below_that_cannot_be_read_is_left_out_and_named(album: Path) -> None:
    make_bottomless(album / "a1")
    left_out: list[str] = []
    songs = find_songs([album], recursive=True, leave_out=lambda folder, why: left_out.append(f"{folder} {why}"))
    assert [song.name for song in songs] == ["A.MP3", "b.flac", "c.wav", "a.ogg", "z.m4a"]
    assert len(left_out) == 1
    assert str(album / "a1") in left_out[0]
    with pytest.raises(SongUnreadable, match="name too long"):
        find_songs([album], recursive=True)


@pytest.mark.parametrize(
    ("songs", "names"),
    [
        (["a.flac", "b.mp3"], ["a", "b"]),
        (["a.flac", "a.mp3", "b.mp3"], ["a.flac", "a.mp3", "b"]),
        (["x/cd1/a.flac", "x/cd2/a.flac"], ["cd1-a", "cd2-a"]),
        (["x/cd1/A.flac", "y/cd1/a.flac"], ["x-cd1-A", "y-cd1-a"]),
        (["a.flac", "a.mp3", "a.flac.wav"], ["music-a", "a.mp3", "a.flac.wav"]),
    ],
)
def test_names_say_as_much_as_they_need_to(songs: list[str], names: list[str]) -> None:
    found = distinct_names([Path("/music") / song for song in songs])
    assert list(found) == names


parts = st.sampled_from(["a", "A", "a-b", "b", "a.flac"])
paths = st.builds(
    lambda folders, stem, end: Path("/", *folders, f"{stem}.{end}"),
    st.lists(parts, max_size=3),
    parts,
    st.sampled_from(["flac", "mp3"]),
)


@given(st.lists(paths, unique=True, max_size=8))
def test_no_two_names_are_alike_whatever_the_songs(songs: list[Path]) -> None:
    names = distinct_names(songs)
    assert len({name.casefold() for name in names}) == len(songs)
    assert not any(set(name) & {"/", "\\"} for name in names)
    assert distinct_names(songs) == names
