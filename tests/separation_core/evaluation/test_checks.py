"""A check finds each fault that was put in, and none in a good session."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import NotASession
from separation_core.evaluation.checks import check_session
from separation_core.evaluation.report import Finding, SessionReport, Severity

MakeSession = Callable[..., Path]
Stems = dict[str, np.ndarray]


def _sum(stems: Stems) -> np.ndarray:
    return np.asarray(np.stack(list(stems.values())).sum(axis=0, dtype=np.float64), dtype=np.float32)


def _about(report: SessionReport, subject: str, words: str) -> Finding:
    found = [finding for finding in report.findings if finding.subject == subject and words in finding.message]
    assert len(found) == 1, report.findings
    return found[0]


def test_true_stems_have_no_findings(make_session: MakeSession, four_stems: Stems) -> None:
    report = check_session(make_session(_sum(four_stems), four_stems))
    assert report.ok
    assert report.findings == ()
    assert report.sum_error is not None
    assert report.sum_error.peak_db < -120
    assert [stem.offset for stem in report.stems] == [0, 0, 0, 0]
    assert all(np.isfinite(stem.lufs) and stem.true_peak_db >= stem.peak_db for stem in report.stems)


def test_an_answer_all_in_one_stem_is_flagged_though_it_sums(make_session: MakeSession, four_stems: Stems) -> None:
    song = _sum(four_stems)
    stems = {name: song if name == "other" else np.zeros_like(song) for name in four_stems}
    report = check_session(make_session(song, stems))
    assert report.sum_error is not None
    assert report.sum_error.peak_db == -np.inf
    assert not report.ok
    assert _about(report, "other", "copy of the whole song").severity is Severity.ERROR
    assert _about(report, "drums", "nearly silent").severity is Severity.WARNING


def test_shares_of_the_song_are_flagged(make_session: MakeSession, four_stems: Stems) -> None:
    song = _sum(four_stems)
    report = check_session(make_session(song, dict.fromkeys(four_stems, song / 4)))
    assert not report.ok
    for name in four_stems:
        assert "gain 0.25" in _about(report, name, "copy of the whole song").message
    assert not any("sounds the same" in finding.message for finding in report.findings)


def test_a_song_of_one_stem_is_no_copy(make_session: MakeSession, four_stems: Stems) -> None:
    song = _sum(four_stems)
    assert check_session(make_session(song, {"mix": song})).findings == ()


def test_two_stems_alike_are_flagged(make_session: MakeSession, four_stems: Stems) -> None:
    half = four_stems["other"] / 2
    stems = four_stems | {"other": half, "vocals": half + four_stems["vocals"] * 1e-3}
    report = check_session(make_session(_sum(stems), stems))
    assert _about(report, "other", "the same as vocals").severity is Severity.ERROR


@pytest.mark.parametrize(("sum_mode", "severity"), [("residual", Severity.ERROR), ("off", Severity.INFO)])
def test_a_sum_that_misses_is_measured(
    make_session: MakeSession, four_stems: Stems, sum_mode: str, severity: Severity
) -> None:
    song = _sum(four_stems)
    song[0, 1000] += np.float32(1e-3)
    report = check_session(make_session(song, four_stems, sum_mode=sum_mode))
    assert report.sum_error is not None
    assert report.sum_error.peak_db == pytest.approx(-60, abs=0.1)
    assert _about(report, "session", "miss the song").severity is severity
    assert report.ok is (severity is Severity.INFO)


@pytest.mark.parametrize("sample_format", ["pcm16", "pcm24"])
def test_rounding_to_integers_is_no_fault(make_session: MakeSession, four_stems: Stems, sample_format: str) -> None:
    assert check_session(make_session(_sum(four_stems), four_stems, sample_format=sample_format)).findings == ()


@pytest.mark.parametrize("name", ["drums", "other", "vocals"])
@pytest.mark.parametrize("frames", [-2000, -100, 37, 5000])
def test_a_shifted_stem_is_told_with_its_offset(
    make_session: MakeSession, four_stems: Stems, name: str, frames: int
) -> None:
    shifted = four_stems | {name: np.roll(four_stems[name], frames, axis=1)}
    report = check_session(make_session(_sum(four_stems), shifted))
    side = "after" if frames > 0 else "before"
    assert f"{abs(frames)} frames {side}" in _about(report, name, "frames").message
    assert [stem.offset for stem in report.stems if stem.name != name] == [0, 0, 0]


def test_clipping_is_told_by_format(make_session: MakeSession, four_stems: Stems) -> None:
    loud = four_stems | {"vocals": four_stems["vocals"] * 5.2}
    report = check_session(make_session(_sum(loud), loud))
    assert _about(report, "vocals", "which float32 keeps").severity is Severity.INFO
    assert report.ok


def test_clipped_integers_are_a_warning(make_session: MakeSession, four_stems: Stems) -> None:
    loud = four_stems | {"vocals": four_stems["vocals"] * 5.2}
    report = check_session(make_session(_sum(loud), loud, sample_format="pcm16"))
    assert _about(report, "vocals", "touch full scale").severity is Severity.WARNING
    assert not report.ok  # the sum was promised and is broken


def test_what_was_clipped_as_it_was_written_has_not_been_edited(make_session: MakeSession, four_stems: Stems) -> None:
    loud = four_stems | {"vocals": four_stems["vocals"] * 12}
    report = check_session(make_session(_sum(loud), loud, sample_format="pcm16"))
    assert not [finding for finding in report.findings if "the manifest says" in finding.message]


def test_samples_that_are_no_numbers_are_counted(make_session: MakeSession, four_stems: Stems) -> None:
    song, broken = _sum(four_stems), four_stems["bass"].copy()
    broken[0, 5:8] = np.nan
    report = check_session(make_session(song, four_stems | {"bass": broken}))
    assert _about(report, "bass", "3 samples are not numbers").severity is Severity.ERROR


def test_constant_offset_is_told(make_session: MakeSession, four_stems: Stems) -> None:
    lifted = four_stems | {"bass": four_stems["bass"] + np.float32(0.1)}
    report = check_session(make_session(_sum(lifted), lifted))
    assert _about(report, "bass", "DC").severity is Severity.INFO


def test_a_missing_or_short_stem_is_a_finding(make_session: MakeSession, four_stems: Stems) -> None:
    folder = make_session(_sum(four_stems), four_stems)
    (folder / "stems/bass.wav").unlink()
    soundfile.write(folder / "stems/drums.wav", four_stems["drums"].T[:-1], 16000, subtype="FLOAT")
    report = check_session(folder)
    assert _about(report, "bass", "missing").severity is Severity.ERROR
    assert _about(report, "drums", "127999").severity is Severity.ERROR
    assert [stem.name for stem in report.stems] == ["other", "vocals"]
    assert report.sum_error is None
    assert not report.ok


def test_a_missing_song_is_a_finding(make_session: MakeSession, four_stems: Stems) -> None:
    folder = make_session(_sum(four_stems), four_stems)
    (folder / "song.wav").unlink()
    report = check_session(folder)
    assert report.song is None
    assert _about(report, "song", "missing").severity is Severity.ERROR


def test_an_edited_stem_is_told(make_session: MakeSession, four_stems: Stems) -> None:
    folder = make_session(_sum(four_stems), four_stems, sum_mode="off")
    soundfile.write(folder / "stems/bass.wav", four_stems["bass"].T / 2, 16000, subtype="FLOAT")
    assert _about(check_session(folder), "bass", "where the manifest says").severity is Severity.WARNING


@pytest.mark.parametrize("frames", [1, 7, 4000])
def test_silent_and_tiny_songs_are_measured(make_session: MakeSession, frames: int) -> None:
    silence = np.zeros((2, frames), dtype=np.float32)
    report = check_session(make_session(silence, {"vocals": silence, "other": silence}))
    assert report.ok
    assert _about(report, "song", "silent").severity is Severity.WARNING


@pytest.mark.parametrize("frames", [1, 2, 3, 10])
def test_a_few_frames_are_too_short_to_be_called_copies(make_session: MakeSession, frames: int) -> None:
    wave = np.cos(np.arange(frames) / 35, dtype=np.float32)[None].repeat(2, axis=0)
    report = check_session(make_session(wave, {"vocals": wave / 4, "other": wave * 3 / 4}))
    assert report.ok, report.findings


def test_the_report_is_json_without_infinities(make_session: MakeSession) -> None:
    silence = np.zeros((2, 100), dtype=np.float32)
    report = check_session(make_session(silence, {"vocals": silence, "other": silence}))
    text = json.dumps(report.as_json(), allow_nan=False)
    assert json.loads(text)["stems"][0]["lufs"] is None
    assert json.loads(text)["ok"] is True


def test_findings_come_gravest_first(make_session: MakeSession, four_stems: Stems) -> None:
    song = _sum(four_stems)
    stems = {name: song if name == "vocals" else np.zeros_like(song) for name in four_stems}
    severities = [finding.severity for finding in check_session(make_session(song, stems)).findings]
    assert severities == sorted(severities)  # "error" < "warning" by chance of the alphabet
    assert severities[0] is Severity.ERROR


def test_no_session_raises(tmp_path: Path) -> None:
    with pytest.raises(NotASession):
        check_session(tmp_path)
