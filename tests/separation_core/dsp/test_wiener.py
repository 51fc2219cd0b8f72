import torch
from hypothesis import given
from hypothesis import strategies as st

from separation_core.dsp.wiener import wiener_masks

POWERS = st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=6)


@given(POWERS, st.floats(0, 1e3, width=32))
def test_shares_lie_between_0_and_1_and_sum_to_one(powers: list[float], floor: float) -> None:
    prior = torch.full((len(powers), 1), 1 / len(powers))
    masks = wiener_masks(torch.tensor(powers)[:, None], prior, floor)
    assert (masks >= 0).all()
    assert (masks <= 1 + 1e-6).all()
    assert torch.allclose(masks.sum(0), torch.ones(1), atol=1e-5)


def test_power_decides_and_where_there_is_none_the_prior() -> None:
    power = torch.tensor([[3.0, 0.0], [1.0, 0.0]])
    masks = wiener_masks(power, torch.tensor([[0.2], [0.8]]))
    assert torch.allclose(masks, torch.tensor([[0.75, 0.2], [0.25, 0.8]]))


def test_at_the_floor_prior_and_power_weigh_the_same() -> None:
    masks = wiener_masks(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]), 1.0)
    assert torch.allclose(masks, torch.tensor([[0.5], [0.5]]))
