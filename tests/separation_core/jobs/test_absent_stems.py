"""Stems that a song does not have: none is written for them, and what the model gave them is in the others."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import ModelError, SessionError
from separation_core.inference.consistency import SumMode
from separation_core.jobs.batch import prepare_sessions
from separation_core.jobs.options import SessionOptions, content_key
from separation_core.jobs.part import Part
from separation_core.jobs.prepare_session import prepare_session
from separation_core.models.contract import Separator
from separation_core.sessions.store import Session
from separation_core.zoo.load import load_separator

MakeSong = Callable[..., Path]


def _without(*stems: str, **other: object) -> SessionOptions:
    return replace(SessionOptions(without=frozenset(stems)), **other)


def _read(path: Path) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="float64", always_2d=True)
    return np.asarray(samples.T)


def _stem(session: Session, name: str) -> np.ndarray:
    return _read(session.stem_path(name))


def _sum_error_db(session: Session) -> float:
    total = np.sum([_stem(session, name) for name in session.stem_names], axis=0)
    peak = np.abs(total - _read(session.song_path)).max()
    return float(20 * np.log10(peak)) if peak else -math.inf


def _level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples**2) + 1e-20))


@pytest.mark.parametrize("model", ["dsp", "stemrack_v1"])
@pytest.mark.parametrize("absent", ["vocals", "drums", "bass", "other", "drums bass other", "other vocals"])
def test_what_is_left_sums_to_the_song(model: str, absent: str, tmp_path: Path) -> None:
    time, random = np.arange(66_150) / 44_100, np.random.default_rng(4)
    song = 0.2 * np.sin(2 * np.pi * 330 * time)[:, None] + random.normal(0, 0.03, (66_150, 2))
    soundfile.write(tmp_path / "song.wav", song, 44_100, subtype="FLOAT")
    separator, names = load_separator(model), absent.split()
    session = prepare_session(tmp_path / "song.wav", tmp_path / "s", options=_without(*names), separator=separator)
    assert session.stem_names == tuple(name for name in separator.spec.stems if name not in names)
    assert sorted(path.stem for path in (session.folder / "stems").iterdir()) == sorted(session.stem_names)
    assert _sum_error_db(session) <= -120


@pytest.mark.parametrize(("rate", "channels", "frames"), [(44_100, 1, 60_000), (11_025, 2, 24_000), (8000, 2, 1)])
def test_of_songs_at_any_rate(
    rate: int, channels: int, frames: int, make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    song = make_song(frames=frames, rate=rate, channels=channels)
    for absent in ("bass", "vocals", "other"):
        session = prepare_session(song, tmp_path / absent, options=_without(absent), separator=separator)
        assert absent not in session.stem_names
        assert _sum_error_db(session) <= -120


@pytest.mark.parametrize(
    ("absent", "heard"), [("vocals", {"other"}), ("vocals,bass", {"other"}), ("vocals,other", {"bass"})]
)
def test_a_song_of_which_all_is_in_the_absent_stem(
    absent: str, heard: set[str], separator: Separator, tmp_path: Path
) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 600 * np.arange(24_000) / 8000)
    soundfile.write(tmp_path / "song.wav", tone, 8000, subtype="FLOAT")
    options = _without(*absent.split(","))
    session = prepare_session(tmp_path / "song.wav", tmp_path / "s", options=options, separator=separator)
    assert _sum_error_db(session) <= -120
    levels = {name: _level_db(_stem(session, name)) for name in session.stem_names}
    assert {name for name, level in levels.items() if level > -40} == heard


def test_a_faint_leak_does_not_claim_the_sound_of_the_absent_stem(separator: Separator, tmp_path: Path) -> None:
    """The tone is all the bands' "vocals"; what of it lies in "bass" is far fainter, yet more than in "other"."""
    time = np.arange(48_000) / 8000
    song = 0.3 * np.sin(2 * np.pi * 310 * time) + 1e-3 * np.sin(2 * np.pi * 290 * time)
    soundfile.write(tmp_path / "song.wav", song, 8000, subtype="FLOAT")
    session = prepare_session(tmp_path / "song.wav", tmp_path / "s", options=_without("vocals"), separator=separator)
    assert _level_db(_stem(session, "other")) > _level_db(_stem(session, "bass")) + 30


def test_the_stems_that_are_there_keep_what_is_theirs(
    make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    song = make_song()
    all_stems = prepare_session(song, tmp_path / "all", separator=separator)
    session = prepare_session(song, tmp_path / "s", options=_without("vocals"), separator=separator)
    bass = _stem(session, "bass")
    assert _level_db(bass - _stem(all_stems, "bass")) < _level_db(bass) - 20
    moved = _stem(session, "other") - _stem(all_stems, "other")
    vocals = _stem(all_stems, "vocals")
    assert _level_db(moved - vocals) < _level_db(vocals) - 15


def test_of_a_part(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song = make_song(frames=40_000)
    whole = prepare_session(song, tmp_path / "w", options=_without("bass"), separator=separator)
    part = prepare_session(song, tmp_path / "p", options=_without("bass", part=Part(1.0, 3.0)), separator=separator)
    for name in ("vocals", "other"):
        np.testing.assert_allclose(_stem(part, name), _stem(whole, name)[:, 8000:24_000], atol=1e-6)


@pytest.mark.parametrize("stage", ["decode", "separate", "write"])
def test_a_stopped_job_goes_on_with_the_same_samples(
    stage: str, make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    def stop(now: str, done: int, total: int) -> None:
        if now == stage:
            raise KeyboardInterrupt

    song, options = make_song(rate=11_025), _without("vocals")
    undisturbed = prepare_session(song, tmp_path / "whole", options=options, separator=separator, force=True)
    with pytest.raises(KeyboardInterrupt):
        prepare_session(song, tmp_path / "s", options=options, separator=separator, force=True, progress=stop)
    resumed = prepare_session(song, tmp_path / "s", options=options, separator=separator, force=True)
    for name in ("bass", "other"):
        assert resumed.stem_path(name).read_bytes() == undisturbed.stem_path(name).read_bytes()


def test_it_is_another_session_and_found_again(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song = make_song()
    prepare_session(song, tmp_path / "s", options=_without("vocals", "bass"), separator=separator)
    for options in (SessionOptions(), _without("vocals")):
        with pytest.raises(SessionError, match="another song, part, model or settings"):
            prepare_session(song, tmp_path / "s", options=options, separator=separator)
    again = prepare_session(song, tmp_path / "s", options=_without("bass", "vocals"), separator=separator)
    assert again.manifest.model.settings["without"] == "bass,vocals"


def test_sessions_made_before_keep_their_keys(separator: Separator, make_song: MakeSong, tmp_path: Path) -> None:
    key = content_key("0" * 64, separator.spec, SessionOptions())
    assert key == "9db4d226ae92361c774fd1204f7262196e6a747e1fb5768e8a394e080105d0b3"
    assert content_key("0" * 64, separator.spec, _without("bass")) != key
    session = prepare_session(make_song(), tmp_path / "s", separator=separator)
    assert "without" not in session.manifest.model.settings


@pytest.mark.parametrize(
    ("stems", "said"),
    [
        (["piano"], "bands has no stem 'piano' to leave out: choose from bass, vocals, other"),
        (["Vocals"], "bands has no stem 'Vocals' to leave out: choose from bass, vocals, other"),
        (["bass", "other", "vocals"], "bass, vocals, other are all stems of bands: leave one of them in"),
    ],
)
def test_stems_that_cannot_be_left_out(
    stems: list[str], said: str, make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        prepare_session(make_song(), tmp_path / "s", options=_without(*stems), separator=separator)
    assert str(caught.value) == said
    assert not (tmp_path / "s").exists()
    with pytest.raises(ModelError):  # at once, not once for every song
        prepare_sessions([tmp_path / "song.wav"], tmp_path / "out", options=_without(*stems), separator=separator)


@pytest.mark.parametrize("mode", [SumMode.OFF, SumMode.LEAST_SQUARES])
def test_only_with_the_sum_that_shares(mode: SumMode) -> None:
    with pytest.raises(ModelError, match=f"^--without vocals: --sum {mode} shares nothing .* give --sum residual$"):
        _without("vocals", sum_mode=mode)


def test_not_with_two_stems() -> None:
    with pytest.raises(ModelError, match="--without drums cannot go with --two-stems vocals: give only one"):
        _without("drums", two_stems="vocals")
