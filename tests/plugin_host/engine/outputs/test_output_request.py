import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.engine.outputs.request import Lane, OutputRequest, lane_channels
from plugin_host.errors import OutputError

PAIRS = st.one_of(st.none(), st.tuples(st.integers(-1, 12), st.integers(-1, 12)))


@given(st.lists(PAIRS, min_size=1, max_size=8))
def test_every_signal_has_channels_of_its_own_or_the_request_is_refused(pairs: list[tuple[int, int] | None]) -> None:
    chosen = [channel for pair in pairs if pair for channel in pair]
    lanes = [Lane(f"track {index}", channels=pair) for index, pair in enumerate(pairs)]
    if any(channel < 1 for channel in chosen) or len(set(chosen)) < len(chosen):
        with pytest.raises(OutputError, match="output channel"):
            lane_channels(lanes)
        return
    channels = lane_channels(lanes)
    assert len(set(channels)) == len(channels) == 2 * len(lanes)
    for place, pair in enumerate(pairs):
        left, right = channels[2 * place : 2 * place + 2]
        if pair is None:
            assert (left % 2, right) == (0, left + 1)
        else:
            assert (left + 1, right + 1) == pair


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"buffer": 1}, "buffer of 1 "),
        ({"buffer": 8193}, "16 to 8192"),
        ({"rate": 0}, "0 Hz"),
        ({"device_rate": 900}, "900 Hz"),
        ({"lanes": ()}, "0 output signals: send the master at least"),
        ({"lanes": (Lane("master"),) * 513}, "513 output signals"),
        ({"lanes": (Lane("master", channels=(1, 2)), Lane("drums", channels=(2, 3)))}, "channel 2 is asked for twice"),
        ({"lanes": (Lane("master", channels=(1, 5000)),)}, "5000"),
        ({"kind": "file"}, "path"),
        ({"speed": 0.0}, "above 0"),
        ({"speed": math.nan}, "above 0"),
    ],
)
def test_what_no_output_can_have_is_refused_in_one_line(changes: dict[str, object], words: str) -> None:
    with pytest.raises(OutputError, match=words) as refused:
        OutputRequest(**({"kind": "null", "rate": 48_000} | changes))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("buffer", [16, 64, 100, 4096, 8192])
def test_buffers_need_no_power_of_two(buffer: int) -> None:
    assert OutputRequest("file", 44_100, buffer=buffer, path=Path("x.wav")).buffer == buffer
