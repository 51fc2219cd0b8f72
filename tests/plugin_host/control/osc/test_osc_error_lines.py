"""What is told of a message that could not be used names what was sent."""

import math
from typing import Any

import pytest

from plugin_host.control.osc.packet import Argument

Rack = Any  # the conftest's


@pytest.mark.parametrize(
    ("address", "values", "told"),
    [
        ("/track/vocals/gain", ("loud",), "used: /track/vocals/gain: 'loud' is no number"),
        ("/bank/track/1/gain", ("loud",), "used: /bank/track/1/gain: /track/vocals/gain: 'loud'"),
        ("/track/v*/gain", ("loud",), "used: /track/v*/gain: /track/vocals/gain: 'loud'"),
        ("/scene/karaoke", ("1 parsec",), "used: /scene/karaoke: '1 parsec'"),
        ("/ch/01/config/name", ("x",), "/ch/01/config/name"),
        ("/strip/send/gain", (1, 1, math.inf), "used: /strip/send/gain 1 1: /track/vocals/send/1: inf"),
        ("/bank/offset", (math.nan,), "used: /bank/offset: NaN"),
        ("/track/vocals/select", ("perhaps",), "used: /track/vocals/select: 'perhaps'"),
    ],
)
def test_the_line_names_the_address(rack: Rack, address: str, values: tuple[Argument, ...], told: str) -> None:
    client = rack.client()
    client.send(address, *values)
    client.settle()
    (line,) = rack.warnings()
    assert told in line
    assert "{" not in line


def test_of_a_bundle_each_value_is_named_by_our_own_address(rack: Rack) -> None:
    client = rack.client()
    client.send_bundle(("/track/vocals/gain", -3.0), ("/track/2/gain", "loud"))
    client.settle()
    (line,) = rack.warnings()
    assert "/track/lead%20vocals/gain: 'loud'" in line
