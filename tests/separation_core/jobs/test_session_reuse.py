"""Sessions are found again at once, redone on request, gone on with after a stop, and never put over others' files."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from separation_core.audio.writing import SampleFormat
from separation_core.errors import (
    Cancelled,
    NotASession,
    SessionBusy,
    SessionError,
)
from separation_core.inference.consistency import SumMode
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.part import Part
from separation_core.jobs.prepare_session import prepare_session
from separation_core.models.contract import Separator
from separation_core.sessions.index import CACHE_VARIABLE
from separation_core.sessions.locking import writer_lock
from separation_core.sessions.store import Session, open_session

MakeSong = Callable[..., Path]


def _stages(steps: list[tuple[str, int, int]]) -> list[str]:
    return list(dict.fromkeys(stage for stage, _, _ in steps))


def _no_progress(stage: str, done: int, total: int) -> None:
    assert stage == "hash", f"{stage} ran although the session was there"


def test_the_same_song_is_found_again_at_once(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song = make_song()
    first = prepare_session(song, tmp_path / "a.stemrack", separator=separator)
    again = prepare_session(song, tmp_path / "a.stemrack", separator=separator, progress=_no_progress)
    assert again == first


def test_it_is_found_in_another_folder_under_another_name(
    make_song: MakeSong, separator: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_session(make_song(), tmp_path / "a.stemrack", separator=separator)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    shutil.copy(tmp_path / "song.wav", "other name.wav")
    assert prepare_session(Path("other name.wav"), separator=separator, progress=_no_progress) == first
    assert list(Path().iterdir()) == [Path("other name.wav")]


def test_an_explicit_folder_gets_a_copy(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song, steps = make_song(), []
    first = prepare_session(song, tmp_path / "a.stemrack", separator=separator)
    (first.folder / "mix.toml").write_text("mine", encoding="ascii")
    copy = prepare_session(
        song, tmp_path / "b.stemrack", separator=separator, progress=lambda *step: steps.append(step)
    )
    assert _stages(steps) == ["hash", "copy"]
    assert copy.manifest == first.manifest
    assert copy.folder != first.folder
    assert sorted(path.name for path in copy.folder.iterdir()) == ["session.toml", "song.wav", "stems"]


@pytest.mark.parametrize("change", ["model", "sum", "overlap", "format", "part", "augment", "song"])
def test_anything_else_is_another_session(
    make_song: MakeSong, make_separator: Callable[..., Separator], tmp_path: Path, change: str
) -> None:
    song, plain = make_song(), SessionOptions()
    first = prepare_session(song, tmp_path / "a.stemrack", separator=make_separator())
    changed = {
        "sum": replace(plain, sum_mode=SumMode.OFF),
        "overlap": replace(plain, separation=replace(plain.separation, overlap=0.5)),
        "format": replace(plain, sample_format=SampleFormat.PCM24),
        "part": replace(plain, part=Part(1.0, 2.0)),
        "augment": replace(plain, separation=replace(plain.separation, augment=True)),
    }
    if change == "song":
        samples, rate = soundfile.read(song, dtype="float32")
        samples[-1] = 0
        soundfile.write(song, samples, rate, subtype="FLOAT")
    separator = make_separator(version="2" if change == "model" else "1")
    with pytest.raises(SessionError, match="holds a session of another song"):
        prepare_session(song, first.folder, options=changed.get(change, plain), separator=separator)
    assert open_session(first.folder) == first


def test_device_and_batch_size_find_the_same_session(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song, plain = make_song(), SessionOptions()
    first = prepare_session(song, tmp_path / "a.stemrack", options=plain, separator=separator)
    faster = replace(plain, separation=replace(plain.separation, batch_size=4, device="cpu"))
    assert prepare_session(song, first.folder, options=faster, separator=separator) == first


def test_without_a_folder_it_is_named_after_the_song(
    make_song: MakeSong, separator: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare_session(make_song("My song.wav"), separator=separator).folder == tmp_path / "My song.stemrack"


def test_force_replaces_and_keeps_the_mix(
    make_song: MakeSong, make_separator: Callable[..., Separator], tmp_path: Path
) -> None:
    song, folder = make_song(), tmp_path / "a.stemrack"
    prepare_session(song, folder, separator=make_separator())
    (folder / "mix.toml").write_text("mine", encoding="ascii")
    session = prepare_session(song, folder, separator=make_separator(version="2"), force=True)
    assert session.manifest.model.version == "2"
    assert (folder / "mix.toml").read_text(encoding="ascii") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.stemrack", "cache", "song.wav"]


def test_force_does_it_again(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    song, folder = make_song(rate=11_025), tmp_path / "a.stemrack"
    for force in (False, True):
        steps.clear()
        prepare_session(song, folder, separator=separator, force=force, progress=lambda *step: steps.append(step))
        assert _stages(steps) == ["hash", "decode", "resample", "separate", "write"]
        assert all(0 < done <= total for _, done, total in steps)


@pytest.mark.parametrize("force", [False, True])
def test_somebodys_files_are_never_touched(
    make_song: MakeSong, separator: Separator, tmp_path: Path, *, force: bool
) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").write_text("mine", encoding="ascii")
    for target in (tmp_path / "holiday", tmp_path / "holiday" / "photo.jpg"):
        with pytest.raises(NotASession, match="choose another folder"):
            prepare_session(make_song(), target, separator=separator, force=force)
    assert (tmp_path / "holiday" / "photo.jpg").read_text(encoding="ascii") == "mine"


def test_a_session_being_written_is_busy(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    with writer_lock(tmp_path / "a.stemrack"), pytest.raises(SessionBusy, match=f"process {os.getpid()}"):
        prepare_session(make_song(), tmp_path / "a.stemrack", separator=separator)


@pytest.fixture(scope="module")
def shared_song(make_shared_song: MakeSong) -> Path:
    return make_shared_song(frames=100_000, rate=11_025)


@pytest.fixture(scope="module")
def undisturbed(
    shared_song: Path, make_separator: Callable[..., Separator], tmp_path_factory: pytest.TempPathFactory
) -> Session:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        return prepare_session(shared_song, shared_song.with_name("whole.stemrack"), separator=make_separator())


@pytest.mark.parametrize("stage", ["hash", "decode", "resample", "separate", "write"])
@pytest.mark.parametrize("stop", ["cancelled", "interrupt"])
def test_a_stopped_job_goes_on_with_the_same_samples(
    shared_song: Path, undisturbed: Session, separator: Separator, tmp_path: Path, stage: str, stop: str
) -> None:
    song, seen = shared_song, []

    def progress(now: str, done: int, total: int) -> None:
        seen.append(now)
        if stop == "interrupt" and now == stage:
            raise KeyboardInterrupt

    with pytest.raises(Cancelled if stop == "cancelled" else KeyboardInterrupt):
        prepare_session(
            song,
            tmp_path / "a.stemrack",
            separator=separator,
            progress=progress,
            cancelled=lambda: stop == "cancelled" and stage in seen,
        )
    assert not (tmp_path / "a.stemrack").exists()
    resumed = prepare_session(song, tmp_path / "a.stemrack", separator=separator)
    for name in undisturbed.stem_names:
        assert resumed.stem_path(name).read_bytes() == undisturbed.stem_path(name).read_bytes()


def test_separation_goes_on_where_it_was_recorded(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    def stop_late(stage: str, done: int, total: int) -> None:
        if stage == "separate" and done > 0.9 * total:
            raise KeyboardInterrupt

    song, folder = make_song(frames=100_000, rate=11_025), tmp_path / "a.stemrack"
    with pytest.raises(KeyboardInterrupt):
        prepare_session(song, folder, separator=separator, progress=stop_late)
    steps: list[tuple[str, int, int]] = []
    prepare_session(song, folder, separator=separator, progress=lambda *step: steps.append(step))
    assert _stages(steps) == ["hash", "separate", "write"]
    first = next(done / total for stage, done, total in steps if stage == "separate")
    assert first > 5 * 11_025 / 100_000  # recorded every 5 seconds


def test_what_was_left_of_other_settings_is_not_used(
    make_song: MakeSong, make_separator: Callable[..., Separator], tmp_path: Path
) -> None:
    def stop_at_write(stage: str, done: int, total: int) -> None:
        if stage == "write":
            raise KeyboardInterrupt

    song, folder = make_song(), tmp_path / "a.stemrack"
    with pytest.raises(KeyboardInterrupt):
        prepare_session(song, folder, separator=make_separator(version="2"), progress=stop_at_write)
    steps: list[tuple[str, int, int]] = []
    prepare_session(song, folder, separator=make_separator(), progress=lambda *step: steps.append(step))
    assert "separate" in _stages(steps)
