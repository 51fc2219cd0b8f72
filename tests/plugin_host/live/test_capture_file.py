"""A recording that was cut off anywhere is whole up to there."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_host.errors import OutputError
from plugin_host.live.capture_file import CaptureFile, go_on_elsewhere, part_of, rescue

resource = pytest.importorskip("resource", reason="limits of a process need a POSIX system")

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


def test_one_that_is_not_complete_is_not_written_over(tmp_path: Path) -> None:
    """Another program may still write it, or it is all that a power cut left."""
    path = tmp_path / "x.wav"
    begun = CaptureFile(path, RATE)
    begun.write(sound(100))
    with pytest.raises(OutputError, match=r"x\.wav\.part is there"):
        CaptureFile(path, RATE)
    after, _ = go_on_elsewhere(tmp_path / "y.wav", tmp_path / "x.wav", "capture")
    assert after == tmp_path / "x-2.wav"
    CaptureFile(after, RATE).close()
    assert go_on_elsewhere(tmp_path / "y.wav", tmp_path / "x.wav", "capture")[0] == tmp_path / "x-3.wav"
    begun.complete()
    np.testing.assert_array_equal(heard(path), sound(100))


def test_one_that_cannot_be_begun_leaves_nothing_in_its_way(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, limit[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            CaptureFile(tmp_path / "x.wav", RATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not list(tmp_path.iterdir())
