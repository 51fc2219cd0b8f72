"""Errors name the address that was meant, not the one that is declared."""

import math
from typing import Any

import pytest

from plugin_host.control.parameters.declaration import Value
from plugin_host.errors import ControlError
from plugin_host.mix.commands import AddEffect
from plugin_host.mix.state import Effect

Surface = Any  # the conftest's


@pytest.mark.parametrize(
    ("address", "value", "named"),
    [
        ("/track/drums/gain", math.nan, "/track/drums/gain: NaN is no value"),
        ("/track/drums/gain", math.inf, "/track/drums/gain: inf is no value"),
        ("/track/2/gain", "loud", "/track/drums/gain: 'loud' is no number"),
        ("/track/drums/fader", "loud", "/track/drums/fader: 'loud' is no number"),
        ("/track/drums/gain/str", "loud", "/track/drums/gain"),
        ("/track/lead%20vocals/fx/1/threshold_db", "low", "/track/lead%20vocals/fx/1/threshold_db: 'low'"),
        ("/group/band/gain", math.nan, "/group/band/gain: NaN"),
        ("/track/drums/group", "x" * 10_000, "/track/drums/group: "),
        ("/scene/karaoke", "12 parsecs", "/scene/karaoke: '12 parsecs'"),
        ("/track/drums/fx/1/size/norm", 0.5, "/track/drums/fx/1/size/norm has no range"),
    ],
)
def test_the_address_is_named(surface: Surface, address: str, value: Value, named: str) -> None:
    surface.desk.do(AddEffect("drums", Effect("vst3", {"size": 3.0}, plugin_path="room.vst3")))
    with pytest.raises(ControlError) as caught:
        surface.write(address, value)
    assert str(caught.value).startswith(named)
    assert "{" not in str(caught.value)
