"""Songs and folders whose names, places or samples are odd: a session, or one line that says why there is none."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import Cancelled, ModelError, SessionError, UnsupportedAudio
from separation_core.jobs.batch import prepare_sessions
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.part import Part
from separation_core.jobs.prepare_session import prepare_session
from separation_core.models.contract import Separator
from separation_core.sessions.store import open_session, partial_path

MakeSong = Callable[..., Path]


def test_a_name_too_long_for_a_session_stops_no_other(
    make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    songs = [make_song(f"{'x' * 240}.wav", 8000), make_song("b.wav", 9000)]
    long, good = prepare_sessions(songs, tmp_path / "out", separator=separator)
    assert isinstance(long.error, SessionError)
    assert "too long a name" in str(long.error)
    assert good.session
    assert prepare_session(songs[0], tmp_path / "short", separator=separator).manifest.frames == 8000


@pytest.mark.parametrize("length", [61, 62, 64])
def test_two_stems_of_a_long_name_are_a_session_or_refused_before_the_work(
    length: int, make_song: MakeSong, make_separator: Callable[..., Separator], tmp_path: Path
) -> None:
    stem, made = "v" * length, make_separator()
    made.spec = replace(made.spec, stems=(stem, *made.spec.stems[1:]))
    options = SessionOptions(two_stems=stem)
    if length == 61:
        assert prepare_session(make_song(), tmp_path / "s", options=options, separator=made).stem_names[0] == stem
        return
    with pytest.raises(ModelError, match="too long for a stem's name: separate"):
        prepare_session(make_song(), tmp_path / "s", options=options, separator=made)
    assert not (tmp_path / "s").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take only names in Unicode")
def test_a_name_that_is_no_unicode_may_be_in_a_warning(tmp_path: Path, separator: Separator) -> None:
    soundfile.write(tmp_path / "whole.ogg", np.random.default_rng(2).normal(0, 0.1, (24_000, 2)), 8000)
    song = tmp_path / os.fsdecode(b"tr\xe9s.ogg")
    song.write_bytes((tmp_path / "whole.ogg").read_bytes()[:-2000])
    session = prepare_session(song, tmp_path / "s", separator=separator)
    (warning,) = session.manifest.warnings
    assert "lacks its last page" in warning
    assert open_session(tmp_path / "s").manifest.warnings == (warning,)


def test_hidden_folders_of_a_disk_are_left_alone(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    asked = iter([False] * 5 + [True])
    with pytest.raises(Cancelled):
        prepare_session(make_song(), tmp_path / "s", separator=separator, cancelled=lambda: next(asked))
    (partial_path(tmp_path / "s") / ".AppleDouble").mkdir()
    assert prepare_session(tmp_path / "song.wav", tmp_path / "s", separator=separator).manifest.frames == 24_000


@pytest.mark.parametrize("leads_to", ["nothing", "empty", "session"])
def test_a_link_is_followed(leads_to: str, make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song, real, link = make_song(), tmp_path / "elsewhere", tmp_path / "s.stemrack"
    if leads_to == "empty":
        real.mkdir()
    if leads_to == "session":
        prepare_session(song, real, options=SessionOptions(two_stems="bass"), separator=separator)
        (real / "mix.toml").write_text("mine")
    link.symlink_to(real)
    session = prepare_session(song, link, separator=separator, force=True)
    assert session.folder == real
    assert link.is_symlink()
    assert open_session(link).stem_names == separator.spec.stems
    assert (real / "mix.toml").exists() == (leads_to == "session")


@pytest.mark.parametrize(("start", "end"), [(0.0, 1e306), (0.5, 1e306)])
def test_an_end_far_beyond_the_song_is_the_songs(
    start: float, end: float, make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    options = SessionOptions(part=Part(start, end))
    session = prepare_session(make_song(frames=8000), tmp_path / "s", options=options, separator=separator)
    assert session.manifest.frames == 8000 - start * 8000


def test_a_start_far_beyond_the_song_is_told(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedAudio, match="no part begins"):
        prepare_session(make_song(), tmp_path / "s", options=SessionOptions(part=Part(1e306)), separator=separator)


def test_a_sample_of_damage_is_silenced_and_told(tmp_path: Path, separator: Separator) -> None:
    samples = np.random.default_rng(2).normal(0, 0.1, (8000, 2)).astype(np.float32)
    samples[4000, 0] = 3e38
    soundfile.write(tmp_path / "song.wav", samples, 8000, subtype="FLOAT")
    session = prepare_session(tmp_path / "song.wav", tmp_path / "s", separator=separator)
    (warning,) = session.manifest.warnings
    assert warning.startswith(
        "1 samples of the song are not numbers, or beyond 1e+12, and became 0, the first at 0.500"
    )
    stems = [soundfile.read(session.stem_path(name))[0] for name in session.stem_names]
    samples[4000, 0] = 0
    np.testing.assert_allclose(np.sum(stems, axis=0), samples, atol=1e-6)
