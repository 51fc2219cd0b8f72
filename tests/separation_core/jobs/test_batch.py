"""Many songs: each gets its session, one that fails stops no other, nothing is overwritten."""

from collections.abc import Callable
from pathlib import Path

import pytest

from separation_core.errors import Cancelled, ModelError, NotASession, SeparationError, SessionError, SongUnreadable
from separation_core.jobs.batch import Outcome, prepare_sessions
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.part import Part
from separation_core.models.contract import Separator
from separation_core.sessions.store import open_session, partial_path

MakeSong = Callable[..., Path]


@pytest.fixture
def songs(make_song: MakeSong, tmp_path: Path) -> list[Path]:
    """Two songs, and between them a file that is none."""
    (tmp_path / "text.wav").write_text("la la la", encoding="ascii")
    return [make_song("a.wav", 9000), tmp_path / "text.wav", make_song("b.wav", 8000)]


def _names(outcomes: list[Outcome]) -> list[str]:
    return [outcome.session.folder.name if outcome.session else "" for outcome in outcomes]


def test_a_bad_song_stops_no_other(songs: list[Path], separator: Separator, tmp_path: Path) -> None:
    outcomes = list(prepare_sessions(songs, tmp_path / "out", separator=separator))
    assert [outcome.song for outcome in outcomes] == songs
    assert _names(outcomes) == ["a.stemrack", "", "b.stemrack"]
    assert isinstance(outcomes[1].error, SongUnreadable)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.stemrack", "b.stemrack"]
    assert open_session(tmp_path / "out" / "b.stemrack").manifest.frames == 8000


def test_songs_of_one_name_get_sessions_of_their_own(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    (tmp_path / "cd1").mkdir()
    (tmp_path / "cd2").mkdir()
    songs = [make_song(name, 8000 + place) for place, name in enumerate(("a.wav", "a.aiff", "cd1/b.wav", "cd2/b.wav"))]
    outcomes = list(prepare_sessions(songs, tmp_path / "out", separator=separator))
    assert _names(outcomes) == ["a.wav.stemrack", "a.aiff.stemrack", "cd1-b.stemrack", "cd2-b.stemrack"]
    assert [outcome.session.manifest.frames for outcome in outcomes if outcome.session] == [8000, 8001, 8002, 8003]


def test_a_session_of_another_song_is_not_overwritten(
    make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (first,) = prepare_sessions([make_song("a.wav", 8000)], tmp_path / "out", separator=separator)
    (second,) = prepare_sessions([make_song("other/a.wav", 9000)], tmp_path / "out", separator=separator)
    assert isinstance(second.error, SessionError)
    assert first.session == open_session(tmp_path / "out" / "a.stemrack")


def test_without_a_folder_they_are_made_here_and_found_anywhere(
    songs: list[Path], separator: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        outcomes = list(prepare_sessions(songs, separator=separator))
        found = [outcome.session.folder.parent.name for outcome in outcomes if outcome.session]
        assert found == ["here", "here"]
        assert [outcome.found_again for outcome in outcomes] == [folder == "there", False, folder == "there"]
    assert list((tmp_path / "there").iterdir()) == []


def test_the_part_is_that_of_every_song_that_is_long_enough(
    make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    songs = [make_song("long.wav", 40_000), make_song("short.wav", 8000)]
    options = SessionOptions(part=Part(2.0, 3.0))
    outcomes = list(prepare_sessions(songs, tmp_path / "out", options=options, separator=separator))
    assert _names(outcomes) == ["long-2s-3s.stemrack", ""]
    assert "is 1.000 s long" in str(outcomes[1].error)


def test_progress_names_the_song(songs: list[Path], separator: Separator, tmp_path: Path) -> None:
    steps: list[tuple[int, str]] = []

    def show(place: int, stage: str, done: int, total: int) -> None:
        steps.append((place, stage))

    list(prepare_sessions(songs, tmp_path / "out", separator=separator, progress=show))
    assert [place for place, _ in dict.fromkeys(steps)] == sorted(place for place, _ in dict.fromkeys(steps))
    assert {place for place, stage in steps if stage == "separate"} == {0, 2}


def test_asked_to_stop_it_stops_and_goes_on_later(songs: list[Path], separator: Separator, tmp_path: Path) -> None:
    asked: list[str] = []

    def show(place: int, stage: str, done: int, total: int) -> None:
        asked.extend([stage] * (place == 2 and stage == "write"))

    batch = prepare_sessions(songs, tmp_path / "out", separator=separator, progress=show, cancelled=lambda: bool(asked))
    assert next(batch).session
    assert next(batch).error
    with pytest.raises(Cancelled):
        next(batch)
    assert partial_path(tmp_path / "out" / "b.stemrack").is_dir()
    again = list(prepare_sessions(songs, tmp_path / "out", separator=separator))
    assert [outcome.found_again for outcome in again] == [True, False, False]


@pytest.mark.parametrize(("place", "error"), [("file", NotASession), ("session", SessionError), ("model", ModelError)])
def test_what_fails_for_every_song_is_told_before_the_first(
    songs: list[Path], separator: Separator, tmp_path: Path, place: str, error: type[SeparationError]
) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "session.toml").write_text("", encoding="ascii")
    options = SessionOptions(model="nonesuch" if place == "model" else "dsp")
    with pytest.raises(error):
        prepare_sessions(songs, tmp_path / place, options=options, separator=None if place == "model" else separator)
    assert not (tmp_path / "model").exists()
