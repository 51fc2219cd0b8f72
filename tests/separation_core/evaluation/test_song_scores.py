"""From folders of stems to scores: pairing, unlike files, silence, averages, files."""

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

from separation_core.errors import SeparationError
from separation_core.evaluation.evaluation_summary import METRICS, as_json, summarise
from separation_core.evaluation.metrics import mdx_sdr
from separation_core.evaluation.mixture import mixture_file
from separation_core.evaluation.score_files import check_target, write_scores
from separation_core.evaluation.song_scores import SongScores, score_song
from separation_core.evaluation.stem_folders import find_songs, make_cases

RATE = 16000
Stems = Mapping[str, np.ndarray]


def write(folder: Path, stems: Stems, *, suffix: str = "wav", rate: int = RATE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in stems.items():
        soundfile.write(folder / f"{name}.{suffix}", samples.T, rate, subtype="PCM_16")
    return folder


def spoilt(stems: Stems) -> dict[str, np.ndarray]:
    mixture = np.sum(list(stems.values()), axis=0)
    return {name: (0.9 * samples + 0.1 * mixture).astype(np.float32) for name, samples in stems.items()}


def scores(truth: Path, estimates: Path, *, museval: bool = False) -> list[SongScores]:
    return [score_song(case, museval=museval) for case in make_cases(find_songs(truth), estimates)[0]]


@pytest.fixture
def stems(four_stems: Stems) -> dict[str, np.ndarray]:
    """Three seconds with a little noise in them, as recordings have."""
    noise = np.random.default_rng(2).normal(0, 1e-3, (4, 2, 3 * RATE))
    cut = {name: samples[:, RATE : 4 * RATE] for name, samples in four_stems.items()}
    return {name: (samples + hiss).astype(np.float32) for (name, samples), hiss in zip(cut.items(), noise, strict=True)}


def test_a_song_is_scored_from_its_files(tmp_path: Path, stems: Stems) -> None:
    write(tmp_path / "true/test/A song", stems)
    write(tmp_path / "est/A song", spoilt(stems), suffix="flac")
    (song,) = scores(tmp_path / "true", tmp_path / "est", museval=True)
    assert song.name == "test/A song"
    assert list(song.stems) == ["drums", "bass", "other", "vocals"]
    for name, found in song.stems.items():
        assert found["mdx_sdr"] == pytest.approx(mdx_sdr(stems[name], spoilt(stems)[name]), abs=0.02)
        assert set(found) == {"mdx_sdr", "si_sdr", "sdr", "isr", "sir", "sar"}
    assert song.warnings == ()


def test_sessions_are_estimates_too(tmp_path: Path, stems: Stems, make_session: Callable[..., Path]) -> None:
    session = make_session(np.sum(list(stems.values()), axis=0), spoilt(stems))
    (song,) = scores(write(tmp_path / "true", stems), session)
    assert song.stems["bass"]["mdx_sdr"] == pytest.approx(mdx_sdr(stems["bass"], spoilt(stems)["bass"]), abs=0.02)
    (tmp_path / "est").mkdir()
    session.rename(tmp_path / "est/true.stemrack")
    (again,) = scores(tmp_path / "true", tmp_path / "est")
    assert again.stems == song.stems


def test_a_true_stem_without_a_file_is_silent_and_only_leaks(tmp_path: Path, stems: Stems) -> None:
    guess = spoilt(stems)
    without = {name: samples for name, samples in stems.items() if name != "vocals"}
    truth = write(tmp_path / "true", without)
    (song,) = scores(truth, write(tmp_path / "est", guess), museval=True)
    mixture = np.sum(list(without.values()), axis=0)
    wanted = 10 * np.log10(np.sum(guess["vocals"] ** 2) / np.sum(mixture**2))
    assert song.stems["vocals"] == {"leak": pytest.approx(wanted, abs=0.05)}
    assert "leak" not in song.stems["drums"]
    assert "sir" in song.stems["drums"]


def test_all_silent_references_give_no_nan(tmp_path: Path) -> None:
    silence = {name: np.zeros((2, 2 * RATE), np.float32) for name in ("bass", "vocals")}
    found = scores(write(tmp_path / "true", silence), write(tmp_path / "est", silence), museval=True)
    text = json.dumps(as_json(found, {}), allow_nan=False)
    assert json.loads(text)["songs"][0]["stems"] == {"bass": {"leak": 0.0}, "vocals": {"leak": 0.0}}


def test_perfect_estimates_have_finite_scores(tmp_path: Path, stems: Stems) -> None:
    folder = write(tmp_path / "true", stems)
    (song,) = scores(folder, folder, museval=True)
    assert song.stems["drums"]["sdr"] == song.stems["drums"]["si_sdr"] == 200
    assert all(math.isfinite(value) for one in song.stems.values() for value in one.values())


def test_other_lengths_are_padded_or_cut_and_told(tmp_path: Path, stems: Stems) -> None:
    truth = write(tmp_path / "true", stems)
    short = {name: samples[:, :-RATE] for name, samples in stems.items()}
    long = {name: np.pad(samples, ((0, 0), (0, RATE)), constant_values=0.5) for name, samples in stems.items()}
    (cut,) = scores(truth, write(tmp_path / "long", long))
    (padded,) = scores(truth, write(tmp_path / "short", short))
    assert cut.stems["bass"]["mdx_sdr"] > 60
    assert "1.000 s longer than the song and is cut" in cut.warnings[0]
    wanted = np.pad(short["bass"], ((0, 0), (0, RATE)))
    assert padded.stems["bass"]["mdx_sdr"] == pytest.approx(mdx_sdr(stems["bass"], wanted), abs=0.01)
    assert "1.000 s short of the song and is padded" in padded.warnings[0]


def test_another_rate_is_resampled_and_told(tmp_path: Path, stems: Stems) -> None:
    low = {name: samples - samples.mean() for name, samples in stems.items() if name == "bass"}
    time = np.arange(3 * 2 * RATE) / (2 * RATE)
    tone = {"bass": np.tile(0.3 * np.sin(2 * np.pi * 110 * time), (2, 1))}
    low["bass"] = tone["bass"][:, ::2]
    truth = write(tmp_path / "true", low)
    (song,) = scores(truth, write(tmp_path / "est", tone, rate=2 * RATE))
    assert song.stems["bass"]["mdx_sdr"] > 40
    assert "32000 Hz and is resampled to the true stems' 16000 Hz" in song.warnings[0]


def test_mono_files_meet_stereo_ones(tmp_path: Path, stems: Stems) -> None:
    mono = {name: samples[:1] for name, samples in stems.items()}
    truth = write(tmp_path / "true", mono)
    doubled = write(tmp_path / "est", {name: np.repeat(samples, 2, axis=0) for name, samples in spoilt(mono).items()})
    (one,) = scores(truth, write(tmp_path / "mono", spoilt(mono)), museval=True)
    (two,) = scores(truth, doubled, museval=True)
    for name, found in one.stems.items():
        assert two.stems[name] == pytest.approx(found, abs=0.01)


def test_samples_that_are_no_numbers_are_told(tmp_path: Path, stems: Stems) -> None:
    truth = write(tmp_path / "true", stems)
    broken = spoilt(stems)
    broken["bass"][0, 5] = np.nan
    (tmp_path / "est").mkdir()
    for name, samples in broken.items():
        soundfile.write(tmp_path / f"est/{name}.wav", samples.T, RATE, subtype="FLOAT")
    (song,) = scores(truth, tmp_path / "est", museval=True)
    assert [warning for warning in song.warnings if "not numbers" in warning and "bass.wav" in warning] != []
    assert math.isfinite(song.stems["bass"]["sdr"])


def test_two_stem_estimates_meet_the_sum_of_the_rest(tmp_path: Path, stems: Stems) -> None:
    rest = np.sum([samples for name, samples in stems.items() if name != "vocals"], axis=0)
    truth = write(tmp_path / "true", stems)
    for name in ("no_vocals", "accompaniment"):
        guess = write(tmp_path / name, {"vocals": stems["vocals"], name: rest})
        (song,) = scores(truth, guess)
        assert list(song.stems) == ["vocals", name]
        assert song.stems[name]["mdx_sdr"] > 60


def test_six_stems_meet_four_true_ones_with_guitar_and_piano_in_other(tmp_path: Path, stems: Stems) -> None:
    parts = {"other": 0.5 * stems["other"], "guitar": 0.3 * stems["other"], "piano": 0.2 * stems["other"]}
    (song,) = scores(write(tmp_path / "true", stems), write(tmp_path / "est", stems | parts))
    assert list(song.stems) == ["drums", "bass", "other", "vocals"]
    assert song.stems["other"]["mdx_sdr"] > 60
    assert [line.rpartition(": ")[2] for line in song.warnings] == [
        "guitar has no true stem and is scored as part of other",
        "piano has no true stem and is scored as part of other",
    ]


def test_a_guitar_that_is_known_is_scored_as_such(tmp_path: Path, stems: Stems) -> None:
    parts = stems | {"guitar": stems["bass"]}
    (song,) = scores(write(tmp_path / "true", parts), write(tmp_path / "est", parts | {"piano": stems["bass"]}))
    assert list(song.stems) == ["drums", "bass", "other", "vocals", "guitar"]
    assert song.stems["guitar"]["mdx_sdr"] > 60
    assert song.stems["other"]["mdx_sdr"] < 10


def test_stems_that_only_one_side_has_are_told(tmp_path: Path, stems: Stems) -> None:
    guess = {name: samples for name, samples in stems.items() if name != "bass"} | {"kazoo": stems["bass"]}
    (song,) = scores(write(tmp_path / "true", stems), write(tmp_path / "est", guess))
    assert list(song.stems) == ["drums", "other", "vocals"]
    assert "kazoo has no true stem" in song.warnings[0]


def test_a_stem_missing_in_one_song_only_is_taken_as_silence(tmp_path: Path, stems: Stems) -> None:
    for name in ("a", "b"):
        write(tmp_path / "true" / name, stems)
        write(tmp_path / "est" / name, spoilt(stems))
    (tmp_path / "est/b/bass.wav").unlink()
    _, second = scores(tmp_path / "true", tmp_path / "est")
    assert second.stems["bass"] == {"mdx_sdr": pytest.approx(0, abs=1e-3)}
    assert "b: no estimate of bass, taken as silence" in second.warnings


def test_songs_without_estimates_are_named(tmp_path: Path, stems: Stems) -> None:
    for name in ("a", "b"):
        write(tmp_path / "true" / name, stems)
    write(tmp_path / "est/b", stems)
    cases, missing = make_cases(find_songs(tmp_path / "true"), tmp_path / "est")
    assert [case.name for case in cases] == ["b"]
    assert missing == ("a",)


def test_folders_of_no_use_are_refused_in_one_line(tmp_path: Path, stems: Stems) -> None:
    (tmp_path / "empty").mkdir()
    truth = write(tmp_path / "true/a", stems).parent
    with pytest.raises(SeparationError, match="empty holds no true stems"):
        find_songs(tmp_path / "empty")
    with pytest.raises(SeparationError, match="nowhere is not a folder"):
        find_songs(tmp_path / "nowhere")
    with pytest.raises(SeparationError, match="empty holds no estimates of a"):
        make_cases(find_songs(truth), tmp_path / "empty")
    with pytest.raises(SeparationError, match="no name in common"):
        make_cases(find_songs(truth), write(tmp_path / "est/a", {"kazoo": stems["bass"]}).parent)
    many = write(tmp_path / "nine", {"bass": np.zeros((9, 100))})
    with pytest.raises(SeparationError, match=r"nine/bass\.wav has 9 channels"):
        scores(many, many)
    (truth / "a" / "deeper").mkdir()
    assert find_songs(truth / "a" / "deeper" / "..")[0].name == "a"
    write(truth / "a", {"bass": stems["bass"]}, suffix="flac")
    with pytest.raises(SeparationError, match="two files for bass"):
        find_songs(truth)


def test_the_mixture_is_the_files_or_the_sum(tmp_path: Path, stems: Stems) -> None:
    (song,) = find_songs(write(tmp_path / "true", stems))
    samples, rate = soundfile.read(mixture_file(song, tmp_path), dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(samples.T, np.sum(list(stems.values()), axis=0), atol=2e-4)
    write(tmp_path / "true", {"mixture": stems["bass"]})
    (song,) = find_songs(tmp_path / "true")
    assert mixture_file(song, tmp_path) == tmp_path / "true/mixture.wav"
    assert "mixture" not in song.stems


def song_of(name: str, **values: float) -> SongScores:
    return SongScores(name, RATE, 1.0, {"bass": values}, ())


def test_averages_are_the_fields_own() -> None:
    songs = [song_of("a", mdx_sdr=1.0, sdr=1.0), song_of("b", mdx_sdr=2.0, sdr=2.0), song_of("c", mdx_sdr=9.0)]
    bass = summarise(songs)["bass"]
    assert (bass["mdx_sdr"].mean, bass["mdx_sdr"].median, bass["mdx_sdr"].songs) == (4.0, 2.0, 3)
    assert (bass["sdr"].median, bass["sdr"].songs) == (1.5, 2)
    usual = {metric.name: metric.usual for metric in METRICS}
    assert usual["mdx_sdr"] == "mean"
    assert usual["sdr"] == usual["sar"] == "median"


def test_scores_are_written_as_csv_json_and_picture(tmp_path: Path) -> None:
    songs = [song_of("a, or b", mdx_sdr=1.0, sdr=-3.25), song_of("c", leak=-40.0)]
    for name in ("s.csv", "s.json", "s.png", "s.svg"):
        write_scores(tmp_path / name, songs, {"model": "dsp"})
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"song": "a, or b", "stem": "bass", "mdx_sdr": "1.00000", "sdr": "-3.25000", "leak": ""}
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["model"] == "dsp"
    assert found["summary"]["all"]["leak"] == {"mean": -40.0, "median": -40.0, "songs": 1}
    assert set(found["definitions"]) == {"general", "mdx_sdr", "sdr", "leak"}
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("name", "told"), [("s.xls", "no known ending"), ("nowhere/s.csv", "not a folder")])
def test_files_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(SeparationError, match=told):
        check_target(tmp_path / name)
