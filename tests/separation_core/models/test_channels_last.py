import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from separation_core.models import channels_last
from separation_core.models.channels_last import BINS, COLUMNS, bands, convolve, in_pieces, joined, pointwise, window


@pytest.mark.parametrize("shape", [(7, 5), (3, 700, 12), (1, 40, 50, 16), (30000, 1)])
def test_pointwise_is_a_matrix_product(shape: tuple[int, ...]) -> None:
    x, weight, bias = torch.randn(shape), torch.randn(6, shape[-1], 1), torch.randn(6)
    wanted = functional.linear(x, weight.flatten(1), bias)
    torch.testing.assert_close(pointwise(x, weight, bias), wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(pointwise(x, weight, None), wanted - bias, rtol=1e-4, atol=1e-5)


def test_pointwise_takes_views_and_one_thread() -> None:
    x, weight = torch.randn(64, 800).T, torch.randn(32, 64)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.testing.assert_close(pointwise(x, weight, None), x @ weight.T, rtol=1e-4, atol=1e-4)
    finally:
        torch.set_num_threads(threads)


@given(st.sampled_from([BINS, COLUMNS]), st.integers(-4, 8), st.integers(1, 12))
def test_a_window_is_a_slice_of_the_padded_tensor(axis: int, start: int, length: int) -> None:
    x = torch.arange(1.0, 2 * 9 * 9 * 2 + 1).view(2, 9, 9, 2)
    start = min(start, 8)
    length = max(length, 1 - start)
    padded = functional.pad(x, [0, 0, 20, 20, 20, 20])
    wanted = padded.narrow(axis, start + 20, length).narrow(3 - axis, 20, 9)
    assert torch.equal(window(x, axis, start, start + length), wanted)


@given(st.integers(1, 50), st.integers(1, 400))
def test_bands_cover_every_output_once(count: int, floats: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(channels_last, "BAND_FLOATS", floats)
        spans = list(bands(torch.zeros(1, count, 3, 2), BINS, count, 4))
    assert [place for start, stop in spans for place in range(start, stop)] == list(range(count))
    assert all(stop - start == 1 or (stop - start) * 12 <= floats for start, stop in spans)


def test_steps_in_pieces_are_steps_on_the_whole() -> None:
    a, b = torch.randn(2, 5, 7, 3), torch.randn(2, 5, 7, 4)
    calls = []

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return torch.cat([x.cos(), y], dim=-1)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(channels_last, "BAND_FLOATS", 100)
        out = in_pieces(step, 7, a, b)
    assert torch.equal(out, torch.cat([a.cos(), b], dim=-1))
    assert sum(calls) == 70
    assert max(calls) == 14


def test_a_convolution_knows_both_kinds_of_weights() -> None:
    x = torch.randn(2, 6, 10, 3)
    flat, square = torch.randn(4, 3, 5), torch.randn(4, 3, 3, 1)
    image = x.permute(0, 3, 1, 2)
    along = convolve(x, flat, None, padding=(0, 2)).permute(0, 3, 1, 2)
    torch.testing.assert_close(along, functional.conv2d(image, flat[:, :, None], padding=(0, 2)), rtol=1e-4, atol=1e-5)
    across = convolve(x, square, None, stride=(2, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(across, functional.conv2d(image, square, stride=(2, 1)), rtol=1e-4, atol=1e-5)


def test_joining_one_part_copies_nothing() -> None:
    part = torch.randn(1, 2, 3, 4)
    assert joined(iter([part]), BINS) is part
