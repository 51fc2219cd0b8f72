import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from separation_core.dsp.running_median import running_median


def test_one_reach_is_the_median_of_three() -> None:
    x = torch.randn(3, 50, 4)
    padded = np.pad(x.numpy(), ((0, 0), (2, 2), (0, 0)), mode="edge")
    expected = np.median(np.stack([padded[:, :-4], padded[:, 2:-2], padded[:, 4:]]), axis=0)
    np.testing.assert_array_equal(running_median(x, 1, (2,)).numpy(), expected)


def test_what_is_short_goes_and_what_lasts_stays() -> None:
    x = torch.zeros(1, 100)
    x[0, 20:24] = 5.0
    x[0, 50:80] = 3.0
    smooth = running_median(x, 1, (1, 2, 5))
    assert not smooth[0, :40].any()
    assert (smooth[0, 52:78] == 3.0).all()


@given(st.integers(1, 30), st.lists(st.integers(1, 40), max_size=4))
def test_values_are_taken_from_the_input_and_rising_ones_stay(length: int, reaches: list[int]) -> None:
    x = torch.randperm(length).float()[None]
    assert set(running_median(x, 1, reaches).flatten().tolist()) <= set(x.flatten().tolist())
    rising = torch.arange(length).float()[None]
    inner = slice(sum(reaches), length - sum(reaches))
    assert torch.equal(running_median(rising, 1, reaches)[:, inner], rising[:, inner])
