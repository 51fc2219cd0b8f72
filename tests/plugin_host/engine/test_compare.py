"""The A/B file: in turn, in step, equally loud, without clicks."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.engine.compare import CompareReport, CompareSettings, compare
from plugin_host.errors import BounceError
from plugin_host.stems.open_session import HostSession
from separation_core.audio.frames import ArraySource
from separation_core.audio.loudness import LevelMeter
from separation_core.errors import Cancelled
from separation_core.units import Hertz

RATE = Hertz(8000)
RAMP = RATE // 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comparisons")


def source(samples: np.ndarray, rate: Hertz = RATE) -> ArraySource:
    return ArraySource(samples.astype(np.float32), rate)


def noise(seconds: float, seed: int, level: float = 0.1) -> np.ndarray:
    wave = np.random.default_rng(seed).standard_normal((2, round(seconds * RATE)))
    return (level * wave).astype(np.float32)


def compared(original: np.ndarray, remix: np.ndarray, out: Path, **options: object) -> tuple[np.ndarray, CompareReport]:
    report = compare(source(original), source(remix), out, CompareSettings(**options))  # type: ignore[arg-type]
    samples, rate = soundfile.read(out, dtype="float32", always_2d=True)
    assert rate == RATE
    return samples.T, report


def lufs(samples: np.ndarray) -> float:
    meter = LevelMeter(RATE, 2)
    meter.add(samples)
    return meter.levels().lufs


def test_it_alternates_in_step_beginning_with_the_original(tmp_path: Path) -> None:
    original, remix = noise(5, 1), noise(5, 2)
    out, report = compared(original, remix, tmp_path / "ab.wav", every=2.0)
    first, second = (np.float32(10 ** (gain / 20)) for gain in (report.original_gain_db, report.remix_gain_db))
    assert report.switches == (2.0, 4.0)
    assert np.array_equal(out[:, : 2 * RATE], first * original[:, : 2 * RATE])
    assert np.array_equal(out[:, 2 * RATE + RAMP : 4 * RATE], second * remix[:, 2 * RATE + RAMP : 4 * RATE])
    assert np.array_equal(out[:, 4 * RATE + RAMP :], first * original[:, 4 * RATE + RAMP :])


def test_given_times_are_where_it_switches(tmp_path: Path) -> None:
    ones = np.ones((2, 2 * RATE))
    out, _ = compared(0.0 * ones, 0.5 * ones, tmp_path / "ab.wav", times=(0.5, 1.25))
    assert not out[:, : RATE // 2].any()
    assert out[0, RATE // 2] > 0
    assert np.all(out[:, RATE // 2 + RAMP : 5 * RATE // 4] == 0.5)
    assert not out[:, 5 * RATE // 4 + RAMP :].any()


def test_a_switch_between_equal_sides_cannot_be_heard(tmp_path: Path) -> None:
    song = noise(4, 1)
    out, _ = compared(song, song, tmp_path / "ab.wav", every=0.3)
    assert np.abs(out - song).max() < 1e-6


@pytest.mark.parametrize("level", [0.02, 0.5])
def test_the_louder_side_is_turned_down_to_the_other(tmp_path: Path, level: float) -> None:
    out, report = compared(noise(8, 1), noise(8, 2, level), tmp_path / "ab.wav", every=4.0)
    half = 4 * RATE
    assert lufs(out[:, :half]) == pytest.approx(lufs(out[:, half + RAMP :]), abs=0.15)
    assert max(report.original_gain_db, report.remix_gain_db) == 0.0
    assert min(report.original_gain_db, report.remix_gain_db) < -5.0


@settings(max_examples=10, deadline=None)
@given(start=st.integers(0, 4000))
def test_a_remix_of_a_part_meets_its_place_in_the_original(folder: Path, start: int) -> None:
    song = noise(1.5, 1)
    part = song[:, start : start + RATE]
    out, _ = compared(song, part, folder / "ab.wav", every=0.25, original_start=start)
    assert np.abs(out - part).max() < 1e-6


def test_it_is_as_long_as_the_remix_even_where_that_rings_on(tmp_path: Path) -> None:
    out, report = compared(noise(1, 1), noise(1.5, 2), tmp_path / "ab.wav", every=0.4)
    assert out.shape[1] == report.frames == round(1.5 * RATE)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"every": 0.0}, "every 0.0 s"),
        ({"every": float("nan")}, "every nan s"),
        ({"times": (2.0, 1.0)}, "do not rise"),
        ({"times": (-1.0, 1.0)}, "outside the song"),
        ({"times": (0.5, 99.0)}, "after the end"),
    ],
)
def test_times_that_make_no_sense(tmp_path: Path, options: dict, match: str) -> None:
    with pytest.raises(BounceError, match=match):
        compared(noise(1, 1), noise(1, 2), tmp_path / "ab.wav", **options)
    assert list(tmp_path.iterdir()) == []


def test_sides_that_do_not_fit_and_paths_that_cannot_be_written(session: HostSession, tmp_path: Path) -> None:
    one = source(noise(1, 1))
    with pytest.raises(BounceError, match="cannot be compared"):
        compare(one, source(noise(1, 1), Hertz(16_000)), tmp_path / "ab.wav")
    with pytest.raises(BounceError, match="is a directory"):
        compare(one, one, tmp_path)
    with pytest.raises(BounceError, match="no-folder"):
        compare(one, one, tmp_path / "no-folder" / "ab.wav")
    with pytest.raises(BounceError, match="part of the session"):
        compare(one, one, session.folder / "song.wav", protected=session.files)


def test_a_cancelled_comparison_leaves_nothing(tmp_path: Path) -> None:
    one, told = source(noise(1, 1)), []
    with pytest.raises(Cancelled):
        compare(one, one, tmp_path / "ab.wav", progress=lambda *now: told.append(now), cancelled=lambda: bool(told))
    assert list(tmp_path.iterdir()) == []
