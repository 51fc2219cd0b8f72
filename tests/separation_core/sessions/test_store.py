"""Opening sessions: files are checked, nothing leaves the folder, replacements cut short are recovered."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from separation_core.errors import ManifestInvalid, NotASession
from separation_core.sessions.locking import lock_path
from separation_core.sessions.manifest import MANIFEST_NAME, Manifest, write_manifest
from separation_core.sessions.store import (
    open_session,
    partial_path,
    previous_path,
    put_in_place,
    recover,
)

MakeSession = Callable[[Path], Path]


def test_a_session_knows_its_files(session_folder: Path) -> None:
    session = open_session(session_folder)
    assert session.stem_names == ("vocals", "other")
    assert session.song_path.is_file()
    assert session.stem_path("other") == session_folder / "stems/other.wav"
    with pytest.raises(NotASession, match="there are vocals, other"):
        session.stem_path("drums")


def test_a_missing_stem_is_told(session_folder: Path) -> None:
    (session_folder / "stems/other.wav").unlink()
    with pytest.raises(ManifestInvalid, match=r"stems/other\.wav is missing"):
        open_session(session_folder)


@pytest.mark.parametrize(("frames", "channels", "rate"), [(3999, 2, 8000), (4000, 1, 8000), (4000, 2, 16000)])
def test_a_stem_unlike_its_record_is_told(session_folder: Path, frames: int, channels: int, rate: int) -> None:
    path = session_folder / "stems/other.wav"
    samples, _ = soundfile.read(path, dtype="float32")
    soundfile.write(path, samples[:frames, :channels], rate, subtype="FLOAT")
    with pytest.raises(ManifestInvalid, match=r"stems/other\.wav has"):
        open_session(session_folder)


def test_a_stem_that_is_no_audio_is_told(session_folder: Path) -> None:
    (session_folder / "stems/other.wav").write_text("text", encoding="ascii")
    with pytest.raises(ManifestInvalid, match="cannot be read"):
        open_session(session_folder)


def test_a_link_out_of_the_folder_is_refused(session_folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.wav"
    (session_folder / "stems/other.wav").rename(outside)
    (session_folder / "stems/other.wav").symlink_to(outside)
    with pytest.raises(ManifestInvalid, match="leads out of the session folder"):
        open_session(session_folder)


def test_a_linked_stems_folder_is_refused(session_folder: Path, tmp_path: Path) -> None:
    (session_folder / "stems").rename(tmp_path / "elsewhere")
    (session_folder / "stems").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ManifestInvalid, match="leads out of the session folder"):
        open_session(session_folder)


def test_a_session_reached_by_a_link_is_a_session(session_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(session_folder)
    assert open_session(tmp_path / "link").stem_names == ("vocals", "other")


def test_an_unfinished_session_is_no_session(tmp_path: Path) -> None:
    folder = tmp_path / "a.stemrack"
    partial_path(folder).mkdir()
    with pytest.raises(NotASession, match="is not finished"):
        open_session(folder)


def _replacement(folder: Path, make: MakeSession, manifest: Manifest) -> None:
    (folder / "mix.toml").write_text("mine", encoding="ascii")
    (folder / "bounces").mkdir()
    write_manifest(make(partial_path(folder)), replace(manifest, tool="new"))


def test_a_replacement_keeps_what_users_added(
    session_folder: Path, make_session: MakeSession, manifest: Manifest
) -> None:
    _replacement(session_folder, make_session, manifest)
    put_in_place(session_folder)
    assert open_session(session_folder).manifest.tool == "new"
    assert (session_folder / "mix.toml").read_text(encoding="ascii") == "mine"
    assert (session_folder / "bounces").is_dir()
    assert [path.name for path in session_folder.parent.iterdir()] == [session_folder.name]


def test_a_replacement_cut_short_before_the_new_one_is_there_leaves_the_old(
    session_folder: Path, make_session: MakeSession, manifest: Manifest
) -> None:
    _replacement(session_folder, make_session, manifest)
    session_folder.rename(previous_path(session_folder))
    assert open_session(session_folder).manifest.tool == manifest.tool
    assert (session_folder / "mix.toml").exists()
    assert not lock_path(session_folder).exists()


def test_a_replacement_cut_short_after_the_new_one_is_there_is_finished(
    session_folder: Path, make_session: MakeSession, manifest: Manifest
) -> None:
    _replacement(session_folder, make_session, manifest)
    session_folder.rename(previous_path(session_folder))
    partial_path(session_folder).rename(session_folder)
    assert open_session(session_folder).manifest.tool == "new"
    assert (session_folder / "mix.toml").read_text(encoding="ascii") == "mine"
    assert not previous_path(session_folder).exists()


def test_recovery_never_overwrites_what_is_newer(session_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(session_folder, previous_path(session_folder))
    (previous_path(session_folder) / "mix.toml").write_text("old", encoding="ascii")
    (session_folder / "mix.toml").write_text("new", encoding="ascii")
    recover(session_folder)
    assert (session_folder / "mix.toml").read_text(encoding="ascii") == "new"


def test_an_empty_folder_may_be_filled(tmp_path: Path, make_session: MakeSession) -> None:
    folder = tmp_path / "b.stemrack"
    folder.mkdir()
    make_session(partial_path(folder))
    put_in_place(folder)
    assert (folder / MANIFEST_NAME).is_file()
