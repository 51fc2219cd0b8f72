"""A recording that was cut off anywhere is whole up to there."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.errors import OutputError
from plugin_host.live.capture_file import CaptureFile, part_of, rescue

RATE = 48_000


def sound(frames: int) -> np.ndarray:
    found: np.ndarray = np.random.default_rng(1).standard_normal((2, frames)).astype(np.float32)
    return found


def heard(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    assert rate == RATE
    found: np.ndarray = samples.T
    return found


def test_it_has_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path, samples = tmp_path / "x.wav", sound(1000)
    file = CaptureFile(path, RATE)
    for begin in range(0, 1000, 300):
        file.write(samples[:, begin : begin + 300])
    assert not path.exists()
    file.complete()
    np.testing.assert_array_equal(heard(path), samples)
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 900))
def test_cut_off_anywhere_it_keeps_all_whole_frames(tmp_path: Path, size: int) -> None:
    path, samples = tmp_path / "x.wav", sound(100)
    path.unlink(missing_ok=True)
    file = CaptureFile(path, RATE)
    header = part_of(path).stat().st_size
    file.write(samples)
    file.close()
    content = part_of(path).read_bytes()[:size]
    part_of(path).write_bytes(content)
    frames = rescue(path)
    assert frames == max(0, len(content) - header) // 8
    assert not part_of(path).exists()
    assert path.exists() == (frames > 0)
    if frames:
        np.testing.assert_array_equal(heard(path), samples[:, :frames])


def test_where_there_is_nothing_nothing_is_saved(tmp_path: Path) -> None:
    assert rescue(tmp_path / "x.wav") == 0
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        CaptureFile(tmp_path / "nowhere" / "x.wav", RATE)
    assert rescue(tmp_path / "nowhere" / "x.wav") == 0
