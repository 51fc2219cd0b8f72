"""A song becomes a session: every kind of song, sample format and way to sum, and songs that cannot be used."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.audio.writing import SampleFormat
from separation_core.errors import (
    ModelError,
    SeparationError,
    SongUnreadable,
    UnsupportedAudio,
    WriteFailed,
)
from separation_core.evaluation.checks import check_session
from separation_core.inference.consistency import SumMode
from separation_core.jobs.cover import cover
from separation_core.jobs.disk_space import check_space, needed_bytes
from separation_core.jobs.options import SessionOptions
from separation_core.jobs.part import Part
from separation_core.jobs.prepare_session import prepare_session
from separation_core.models.contract import Separator
from separation_core.sessions.store import Session, open_session, partial_path
from separation_core.units import Hertz
from separation_core.zoo.built_in import built_in

MakeSong = Callable[..., Path]


def _read(path: Path) -> np.ndarray:
    samples, _ = soundfile.read(path, dtype="float64", always_2d=True)
    return np.asarray(samples.T)


def _sum_error_db(session: Session) -> float:
    total = np.sum([_read(session.stem_path(name)) for name in session.stem_names], axis=0)
    peak = np.abs(total - _read(session.song_path)).max()
    return float(20 * np.log10(peak)) if peak else -math.inf


@pytest.mark.parametrize(
    ("rate", "channels", "frames"),
    [
        (8000, 2, 24_000),
        (8000, 1, 24_000),
        (44_100, 2, 100_000),
        (192_000, 2, 200_000),
        (8000, 6, 9_000),
        (8000, 2, 1),
        (192_000, 1, 1),
        (44_100, 2, 300),
    ],
)
def test_the_stems_of_any_song_sum_to_it(
    make_song: MakeSong, separator: Separator, tmp_path: Path, rate: int, channels: int, frames: int
) -> None:
    song = make_song(frames=frames, rate=rate, channels=channels)
    session = prepare_session(song, tmp_path / "a.stemrack", separator=separator)
    manifest = session.manifest
    assert session == open_session(tmp_path / "a.stemrack")
    assert session.stem_names == ("bass", "vocals", "other")
    assert (manifest.rate, manifest.frames, manifest.source.channels) == (rate, frames, channels)
    for name in session.stem_names:
        info = soundfile.info(session.stem_path(name))
        assert (info.samplerate, info.channels, info.frames, info.subtype) == (rate, 2, frames, "FLOAT")
    if channels <= 2:
        np.testing.assert_array_equal(_read(session.song_path), _read(song) * np.ones((2, 1)))
    assert _sum_error_db(session) <= -120
    assert sorted(path.name for path in session.folder.iterdir()) == ["session.toml", "song.wav", "stems"]


def test_the_bands_come_out_as_the_separator_cuts_them(
    make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    session = prepare_session(make_song(), tmp_path / "a.stemrack", separator=separator)
    spectra = {name: np.abs(np.fft.rfft(_read(session.stem_path(name))[0])) for name in session.stem_names}
    hertz = np.fft.rfftfreq(24_000, 1 / 8000)
    for name, tone in {"bass": 110, "vocals": 440, "other": 2500}.items():
        place = int(np.argmin(np.abs(hertz - tone)))
        levels = {stem: spectrum[place] for stem, spectrum in spectra.items()}
        assert all(levels[name] > 100 * level for stem, level in levels.items() if stem != name)


def test_a_mono_model_hears_both_sides(
    make_song: MakeSong, make_separator: Callable[..., Separator], tmp_path: Path
) -> None:
    song = make_song()
    mono = prepare_session(song, tmp_path / "m.stemrack", separator=make_separator(channels=1, version="mono"))
    stereo = prepare_session(song, tmp_path / "s.stemrack", separator=make_separator())
    for name in mono.stem_names:
        np.testing.assert_allclose(_read(mono.stem_path(name)), _read(stereo.stem_path(name)), atol=1e-6)


def test_a_silent_song_has_silent_stems(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    session = prepare_session(make_song(scale=0.0), tmp_path / "a.stemrack", separator=separator)
    assert all(stem.silent and stem.lufs == stem.peak_db == -math.inf for stem in session.manifest.stems)
    assert not any(_read(session.stem_path(name)).any() for name in session.stem_names)


def test_a_good_session_passes_its_check(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    report = check_session(prepare_session(make_song(), tmp_path / "a.stemrack", separator=separator).folder)
    assert report.findings == ()


def test_samples_that_are_no_numbers_become_zero_and_are_told(separator: Separator, tmp_path: Path) -> None:
    samples = np.full((20_000, 2), 0.25, dtype=np.float32)
    samples[12_000, 0], samples[12_001] = np.nan, np.inf
    soundfile.write(tmp_path / "song.wav", samples, 8000, subtype="FLOAT")
    session = prepare_session(tmp_path / "song.wav", tmp_path / "a.stemrack", separator=separator)
    (warning,) = session.manifest.warnings
    assert warning.startswith("3 samples")
    assert "1.500 s" in warning
    song = _read(session.song_path)
    assert song[0, 12_000] == 0
    assert song[1, 12_000] == 0.25
    assert np.isfinite(song).all()


def test_least_squares_is_nearer_to_the_song_than_nothing(
    make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    song, errors = make_song(rate=11_025), {}
    for mode in SumMode:
        options = SessionOptions(sum_mode=mode)
        session = prepare_session(song, tmp_path / f"{mode}.stemrack", options=options, separator=separator)
        total = np.sum([_read(session.stem_path(name)) for name in session.stem_names], axis=0)
        errors[mode] = float(np.sum((total - _read(session.song_path)) ** 2))
    assert errors[SumMode.RESIDUAL] < 1e-9 < errors[SumMode.LEAST_SQUARES] <= errors[SumMode.OFF] * (1 + 1e-6)


@pytest.mark.parametrize("mode", list(SumMode))
def test_two_stems_are_one_and_the_rest(
    make_song: MakeSong, separator: Separator, tmp_path: Path, mode: SumMode
) -> None:
    song = make_song()
    all_stems = prepare_session(
        song, tmp_path / "a.stemrack", options=SessionOptions(sum_mode=mode), separator=separator
    )
    options = SessionOptions(sum_mode=mode, two_stems="vocals")
    session = prepare_session(song, tmp_path / "b.stemrack", options=options, separator=separator)
    assert session.stem_names == ("vocals", "no_vocals")
    np.testing.assert_array_equal(_read(session.stem_path("vocals")), _read(all_stems.stem_path("vocals")))
    rest = _read(all_stems.stem_path("bass")) + _read(all_stems.stem_path("other"))
    np.testing.assert_allclose(_read(session.stem_path("no_vocals")), rest, atol=1e-6)


def test_a_stem_the_model_lacks_is_refused(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'piano'.*bass, vocals, other"):
        prepare_session(
            make_song(), tmp_path / "a.stemrack", options=SessionOptions(two_stems="piano"), separator=separator
        )


@pytest.mark.parametrize("sample_format", list(SampleFormat))
def test_stems_in_every_sample_format(
    make_song: MakeSong, separator: Separator, tmp_path: Path, sample_format: SampleFormat
) -> None:
    options = SessionOptions(sample_format=sample_format)
    session = prepare_session(make_song(), tmp_path / "a.stemrack", options=options, separator=separator)
    assert all(session.stem_path(name).suffix == f".{sample_format.extension}" for name in session.stem_names)
    assert check_session(session.folder).ok


def test_clipping_in_an_integer_format_is_told(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    options = SessionOptions(sample_format=SampleFormat.PCM16)
    session = prepare_session(make_song(scale=15.0), tmp_path / "a.stemrack", options=options, separator=separator)
    assert any("clipped" in warning for warning in session.manifest.warnings)


def _broken_songs(folder: Path) -> dict[str, Path]:
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("la la la", encoding="ascii")
    soundfile.write(folder / "whole.wav", np.zeros((9000, 2)), 8000)
    (folder / "cut.wav").write_bytes((folder / "whole.wav").read_bytes()[:9000])
    soundfile.write(folder / "twelve.wav", np.zeros((900, 12)), 8000)
    names = ("empty", "text", "cut", "twelve", "missing")
    return {name: folder / f"{name}.wav" for name in names} | {"folder": folder}


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "twelve", "missing", "folder"])
def test_a_song_that_cannot_be_used_leaves_nothing(separator: Separator, tmp_path: Path, kind: str) -> None:
    song, target = _broken_songs(tmp_path)[kind], tmp_path / "out" / "a.stemrack"
    expected: type[SeparationError] = UnsupportedAudio if kind == "twelve" else SongUnreadable
    with pytest.raises(expected, match="12 channels" if kind == "twelve" else song.name) as caught:
        prepare_session(song, target, separator=separator)
    assert "\n" not in str(caught.value)
    assert not target.parent.exists() or list(target.parent.iterdir()) == []


def test_a_chosen_pair_of_channels_is_taken(make_song: MakeSong, separator: Separator, tmp_path: Path) -> None:
    song = make_song(channels=12)
    session = prepare_session(song, tmp_path / "a.stemrack", options=SessionOptions(pick=(3, 12)), separator=separator)
    np.testing.assert_array_equal(_read(session.song_path), _read(song)[[2, 11]])


def test_too_little_disk_is_told_with_both_figures(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match=r"1000000000\.00 GB needed, .* free"):
        check_space(tmp_path, 10**18)
    check_space(tmp_path, 1)


@pytest.mark.parametrize("part", [Part(), Part(1.0, 1.5)])
def test_the_estimate_covers_what_a_job_holds(
    make_song: MakeSong, separator: Separator, tmp_path: Path, part: Part
) -> None:
    song, held, rate = make_song(rate=11_025), [0], Hertz(11_025)
    partial = partial_path(tmp_path / "a.stemrack")

    def weigh(stage: str, done: int, total: int) -> None:
        held.append(sum(path.stat().st_size for path in partial.rglob("*") if path.is_file()))

    options = SessionOptions(part=part)
    prepare_session(song, tmp_path / "a.stemrack", options=options, separator=separator, progress=weigh)
    work = cover(part.span(song, rate, 24_000), 24_000, rate, separator.spec.rate)
    needed = needed_bytes(24_000, rate, separator.spec, work, 3, SampleFormat.FLOAT32)
    assert max(held) < needed < 2 * max(held) + (1 << 20)


def test_an_odd_file_name_and_odd_tags_are_kept_as_text(
    make_song: MakeSong, separator: Separator, tmp_path: Path
) -> None:
    song = make_song().rename(tmp_path / os.fsdecode(b'b\xff"\n.wav'))
    session = prepare_session(song, tmp_path / "a.stemrack", separator=separator)
    assert session.manifest.source.path.endswith('b?"\n.wav')


def test_without_a_separator_the_default_model_is_loaded(make_song: MakeSong, tmp_path: Path) -> None:
    session = prepare_session(make_song(frames=30_000, rate=22_050), tmp_path / "a.stemrack")
    assert session.manifest.model.name == built_in().default
    assert _sum_error_db(session) <= -120


def test_an_unknown_model_is_told_before_anything_is_written(make_song: MakeSong, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nonesuch"):
        prepare_session(make_song(), tmp_path / "a.stemrack", options=SessionOptions(model="nonesuch"))
    assert not partial_path(tmp_path / "a.stemrack").exists()
