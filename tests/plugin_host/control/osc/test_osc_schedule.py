"""Bundles that wait for their time."""

import math

from hypothesis import given
from hypothesis import strategies as st

from plugin_host.control.osc.packet import IMMEDIATELY
from plugin_host.control.osc.schedule import FURTHEST, MOST_WAITING, NTP_EPOCH, Schedule

NOW = 1_700_000_000.0


def _tag(seconds: float) -> int:
    return int((seconds + NTP_EPOCH) * 2**32)


def _schedule(warnings: list[str], clock: list[float]) -> Schedule[str]:
    return Schedule(warnings.append, wall=lambda: NOW, clock=lambda: clock[0])


def test_now_and_the_past_are_now() -> None:
    warnings: list[str] = []
    schedule = _schedule(warnings, [0.0])
    assert [schedule.delay(tag) for tag in (IMMEDIATELY, 0, _tag(NOW), _tag(NOW - 5.0), _tag(NOW - 1e6))] == [0.0] * 5
    assert not warnings


def test_the_near_future_waits_and_a_clock_set_wrong_is_told_once() -> None:
    warnings: list[str] = []
    schedule = _schedule(warnings, [0.0])
    assert abs(schedule.delay(_tag(NOW + 3.0)) - 3.0) < 1e-5
    assert schedule.delay(_tag(NOW + FURTHEST + 1.0)) == 0.0
    assert schedule.delay(2**64 - 1) == 0.0
    assert len(warnings) == 1
    assert "61 s ahead" in warnings[0]


@given(st.lists(st.floats(0.0, 60.0), max_size=20))
def test_what_waits_comes_in_the_order_of_time(delays: list[float]) -> None:
    clock = [0.0]
    schedule = _schedule([], clock)
    for delay in delays:
        assert schedule.put(delay, str(delay))
    assert schedule.next_in() == min(delays, default=math.inf)
    clock[0] = 30.0
    assert schedule.due() == [str(delay) for delay in sorted(delays) if delay <= 30.0]
    clock[0] = 60.0
    assert schedule.due() == [str(delay) for delay in sorted(delays) if delay > 30.0]


def test_what_waits_is_bounded() -> None:
    schedule = _schedule([], [0.0])
    assert all(schedule.put(1.0, "") for _ in range(MOST_WAITING))
    assert not schedule.put(1.0, "")
