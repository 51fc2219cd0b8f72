import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.control.parameters.taper import FADER, Fader, Linear, Logarithmic, Taper, taper_of
from plugin_host.effects.catalogue import effect_types

SHARES = st.floats(0.0, 1.0)
TAPERS = st.sampled_from(
    [FADER, Linear(-1.0, 1.0), Linear(0.0, 0.1), Logarithmic(20.0, 20_000.0), Logarithmic(0.01, 500.0)]
    + [
        taper_of(parameter.minimum, parameter.maximum, parameter.unit)
        for kind in effect_types()
        for parameter in kind.parameters
        if parameter.minimum is not None and parameter.maximum is not None
    ]
)


@given(TAPERS, SHARES, SHARES)
def test_a_taper_never_turns_back(taper: Taper, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert taper.to_value(low) <= taper.to_value(high)
    assert taper.to_share(taper.to_value(low)) <= taper.to_share(taper.to_value(high))


@given(TAPERS, SHARES)
def test_a_share_leads_to_a_value_that_leads_back(taper: Taper, share: float) -> None:
    assert taper.to_share(taper.to_value(share)) == pytest.approx(share, abs=1e-12)


@given(TAPERS)
def test_the_ends_are_exact_and_hold_what_is_beyond(taper: Taper) -> None:
    low, high = taper.to_value(0.0), taper.to_value(1.0)
    if not isinstance(taper, Fader):
        assert (low, high) == (taper.minimum, taper.maximum)  # type: ignore[attr-defined]  # all others have these
    assert (taper.to_share(low), taper.to_share(high)) == (0.0, 1.0)
    assert (taper.to_value(-1.0), taper.to_value(2.0)) == (low, high)
    assert (taper.to_share(low - 1.0), taper.to_share(high + 1.0)) == (0.0, 1.0)


def test_the_fader_is_silent_at_the_bottom_and_has_unity_at_three_quarters() -> None:
    shares = (0.0, 0.0625, 0.25, 0.5, 0.75, 1.0)
    assert [FADER.to_value(share) for share in shares] == [-math.inf, -62.0, -32.0, -12.0, 0.0, 12.0]
    assert FADER.to_share(0.0) == 0.75


def test_every_step_of_a_7_and_a_14_bit_fader_comes_back_as_it_was() -> None:
    for steps in (127, 16_383):
        assert all(round(FADER.to_share(FADER.to_value(step / steps)) * steps) == step for step in range(steps + 1))
