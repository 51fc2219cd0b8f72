"""From any channel count to two."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from separation_core.audio.channels import WAVE_SPEAKERS, to_stereo
from separation_core.errors import UnsupportedAudio


def unit(count: int, channel: int) -> np.ndarray:
    """One frame with only one channel at 1."""
    return np.eye(count, dtype=np.float32)[:, [channel]]


def test_mono_is_doubled_and_stereo_kept() -> None:
    mono = np.float32([[0.1, np.nan, -2.0]])
    np.testing.assert_array_equal(to_stereo(mono), np.repeat(mono, 2, axis=0))
    stereo = np.float32([[0.1, 2.0], [np.nan, -0.3]])
    np.testing.assert_array_equal(to_stereo(stereo), stereo)


@pytest.mark.parametrize(
    ("speaker", "left", "right"),
    [
        ("FL", 1, 0),
        ("FR", 0, 1),
        ("FC", 0.70711, 0.70711),
        ("LFE", 0, 0),
        ("BL", 0.70711, 0),
        ("BR", 0, 0.70711),
        ("SL", 0.70711, 0),
        ("SR", 0, 0.70711),
        ("BC", 0.5, 0.5),
    ],
)
def test_every_speaker_goes_where_bs775_puts_it(speaker: str, left: float, right: float) -> None:
    for count, speakers in WAVE_SPEAKERS.items():
        if count > 2 and speaker in speakers:
            found = to_stereo(unit(count, speakers.index(speaker)))
            np.testing.assert_allclose(found[:, 0], [left, right], atol=1e-5)
            assert found.dtype == np.float32


@pytest.mark.parametrize("count", range(3, 9))
def test_left_and_right_are_treated_alike(count: int) -> None:
    left, right = to_stereo(np.ones((count, 5), np.float32))
    np.testing.assert_allclose(left, right, rtol=1e-6)


@pytest.mark.parametrize("count", [9, 12, 64])
def test_other_counts_are_refused_with_the_remedy(count: int) -> None:
    with pytest.raises(UnsupportedAudio, match=rf"{count} channels.*--channels 1,2"):
        to_stereo(np.zeros((count, 3), np.float32))


@given(count=st.integers(1, 16), data=st.data())
def test_any_two_channels_can_be_picked(count: int, data: st.DataObject) -> None:
    left, right = data.draw(st.integers(1, count)), data.draw(st.integers(1, count))
    block = np.arange(count * 3, dtype=np.float32).reshape(count, 3)
    np.testing.assert_array_equal(to_stereo(block, pick=(left, right)), block[[left - 1, right - 1]])


@pytest.mark.parametrize("pick", [(0, 1), (1, 4), (-1, 2)])
def test_channels_that_are_not_there_are_refused(pick: tuple[int, int]) -> None:
    with pytest.raises(UnsupportedAudio, match="name two from 1 to 3"):
        to_stereo(np.zeros((3, 1), np.float32), pick=pick)
