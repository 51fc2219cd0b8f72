"""Sessions are found again by content key; the cache may be stale, broken or read-only without harm."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from separation_core.sessions import index
from separation_core.sessions.store import open_session


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(index.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_session_is_found_by_its_key(session_folder: Path) -> None:
    session = open_session(session_folder)
    assert index.find(session.manifest.key) is None
    index.remember(session)
    assert index.find(session.manifest.key) == session
    assert index.find("00" * 32) is None


def test_the_latest_is_found_and_then_the_one_that_is_left(
    tmp_path: Path, make_session: Callable[[Path], Path], cache: Path
) -> None:
    first, second = (open_session(make_session(tmp_path / name)) for name in ("a.stemrack", "b.stemrack"))
    for time, session in enumerate((first, second)):
        index.remember(session)
        for entry in (cache / "sessions" / session.manifest.key).iterdir():
            if entry.read_text(encoding="utf-8") == str(session.folder):
                os.utime(entry, (1000 + time, 1000 + time))
    assert index.find(first.manifest.key) == second
    shutil.rmtree(second.folder)
    assert index.find(first.manifest.key) == first
    shutil.rmtree(first.folder)
    assert index.find(first.manifest.key) is None


def test_a_broken_entry_is_passed_over(session_folder: Path, cache: Path) -> None:
    session = open_session(session_folder)
    index.remember(session)
    (cache / "sessions" / session.manifest.key / "zz").write_bytes(b"\xff\0")
    assert index.find(session.manifest.key) == session


def test_a_session_that_was_replaced_by_another_is_passed_over(session_folder: Path) -> None:
    session = open_session(session_folder)
    index.remember(session)
    text = (session_folder / "session.toml").read_text(encoding="utf-8")
    (session_folder / "session.toml").write_text(text.replace("ab" * 32, "ef" * 32), encoding="utf-8")
    assert index.find(session.manifest.key) is None


def test_a_cache_that_cannot_be_written_does_no_harm(
    session_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    monkeypatch.setenv(index.CACHE_VARIABLE, str(tmp_path / "file"))
    session = open_session(session_folder)
    index.remember(session)
    assert index.find(session.manifest.key) is None


def test_without_the_variable_the_platform_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(index.CACHE_VARIABLE)
    assert "stemrack" in str(index.cache_folder())
