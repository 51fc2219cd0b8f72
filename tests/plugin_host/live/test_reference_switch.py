"""The original beside the remix, where the remix gets and loses its limiter meanwhile."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_host.effects.limiter import safety_limiter
from plugin_host.live.reference import ReferenceSwitch

RATE, BLOCK = 48_000, 256
SINE = (0.4 * np.sin(2 * np.pi * 200 * np.arange(BLOCK * 200) / RATE) * np.ones((2, 1))).astype(np.float32)
STEP = float(np.abs(np.diff(SINE)).max())
TURNS = st.lists(st.tuples(st.sampled_from(["switch", "limit"]), st.booleans(), st.integers(1, 20)), max_size=6)


@settings(max_examples=30, deadline=None)
@given(st.booleans(), st.booleans(), TURNS)
def test_no_turn_of_it_clicks(on: bool, limited: bool, turns: list[tuple[str, bool, int]]) -> None:
    switch = ReferenceSwitch(RATE, BLOCK, safety_limiter(RATE, -1.0), on=on, limited=limited)
    heard, begin = [], 0
    for what, value, blocks in [*turns, ("switch", True, 20)]:
        getattr(switch, what)(value)
        for _ in range(blocks):
            block = SINE[:, begin : begin + BLOCK]
            heard.append(switch.process(np.zeros_like(block), block).copy())
            begin += BLOCK
    sound = np.hstack(heard)[:, 300:]  # begun with the original, it comes all at once
    assert np.abs(np.diff(sound)).max() < 2 * STEP
    wanted = SINE[:, begin - switch.latency - BLOCK : begin - switch.latency]
    np.testing.assert_allclose(sound[:, -BLOCK:], wanted, atol=1e-6)
