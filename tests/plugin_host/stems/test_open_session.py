"""Session stems as the host reads them: in blocks, in step, and refused in one line where they do not fit."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from plugin_host.errors import HostError, MixError
from plugin_host.stems.open_session import HostSession, open_for_host
from plugin_host.stems.reader import StemReader
from separation_core.audio.writing import SongWriter
from separation_core.sessions.manifest import Manifest, ModelRecord, SourceRecord, StemRecord, write_manifest
from separation_core.units import Frames, Hertz

RATE, FRAMES = Hertz(8000), Frames(5000)


def samples(name: str) -> np.ndarray:
    return np.random.default_rng(len(name)).uniform(-0.5, 0.5, (2, FRAMES)).astype(np.float32)


def write(path: Path, block: np.ndarray, rate: Hertz = RATE) -> None:
    with SongWriter(path, rate, block.shape[0]) as writer:
        writer.write(block)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a.stemrack"
    (folder / "stems").mkdir(parents=True)
    files = {"song": "song.wav", "vocals": "stems/vocals.wav", "rest": "stems/rest.wav"}
    for name, file in files.items():
        write(folder / file, samples(name))
    song, *stems = (StemRecord(name, file, FRAMES, -20.0, -6.0, silent=False) for name, file in files.items())
    source = SourceRecord(str(tmp_path / "a.ogg"), "0" * 64, RATE, 2, FRAMES, "OGG", "VORBIS", {})
    model, created = ModelRecord("truth", "1", {}), datetime(2024, 1, 1, tzinfo=UTC)
    write_manifest(folder, Manifest("test", created, "0" * 64, RATE, FRAMES, source, model, song, tuple(stems)))
    return folder


@pytest.fixture
def session(folder: Path) -> HostSession:
    return open_for_host(folder)


def test_a_session_tells_what_the_host_needs(session: HostSession, folder: Path) -> None:
    assert (session.rate, session.frames, session.stems) == (RATE, FRAMES, ("vocals", "rest"))
    assert session.folder == folder
    inside = {"session.toml", "song.wav", "stems/vocals.wav", "stems/rest.wav"}
    assert {folder / file for file in inside} | {folder.parent / "a.ogg"} == set(session.files)


def test_stems_and_song_are_read_from_any_frame_with_silence_outside(session: HostSession) -> None:
    with session.open_stem("rest") as stem, session.open_song() as song:
        assert np.array_equal(stem.read(1234, 100), samples("rest")[:, 1234:1334])
        assert np.array_equal(stem.read(10, 100), samples("rest")[:, 10:110])
        assert np.array_equal(song.read(0, FRAMES), samples("song"))
        ends = stem.read(-5, FRAMES + 10)
        assert not ends[:, :5].any()
        assert not ends[:, -5:].any()
        assert np.array_equal(ends[:, 5:-5], samples("rest"))


def test_a_stem_that_is_not_there_lists_those_that_are(session: HostSession) -> None:
    with pytest.raises(MixError, match="no stem 'drums': there are vocals, rest"):
        session.open_stem("drums")


def test_a_folder_that_is_no_session(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="is not a session"):
        open_for_host(tmp_path)


def test_a_missing_stem_is_told_on_opening_and_later(session: HostSession, folder: Path) -> None:
    (folder / "stems" / "rest.wav").unlink()
    with pytest.raises(HostError, match=r"rest\.wav is missing"):
        open_for_host(folder)
    with pytest.raises(MixError, match=r"rest\.wav: this file .* is missing"):
        session.open_stem("rest")


@pytest.mark.parametrize(
    ("block", "rate"),
    [(np.zeros((2, FRAMES - 1)), RATE), (np.zeros((1, FRAMES)), RATE), (np.zeros((2, FRAMES)), Hertz(16_000))],
)
def test_a_stem_that_disagrees_with_its_session(
    session: HostSession, folder: Path, block: np.ndarray, rate: Hertz
) -> None:
    write(folder / "stems" / "rest.wav", block.astype(np.float32), rate)
    with pytest.raises(MixError, match="where the session says 5000, 2 at 8000"):
        session.open_stem("rest")


def test_a_stem_that_is_no_audio(session: HostSession, folder: Path) -> None:
    (folder / "stems" / "rest.wav").write_text("not audio")
    with pytest.raises(MixError, match=r"rest\.wav.*--force"):
        session.open_stem("rest")


def test_a_stem_that_becomes_shorter_while_it_is_read(session: HostSession, folder: Path) -> None:
    path = folder / "stems" / "rest.wav"
    with StemReader(path, RATE, FRAMES) as stem:
        stem.read(0, 10)
        with path.open("r+b") as file:
            file.truncate(2000)
        with pytest.raises(MixError, match=r"rest\.wav"):
            stem.read(3000, 100)
