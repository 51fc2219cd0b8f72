import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.control.parameters.conversion import is_pressed, share_of, spoken, taken, value_at
from plugin_host.control.parameters.declaration import Parameter, Value
from plugin_host.control.parameters.declared import CONTROLS
from plugin_host.control.parameters.taper import Linear
from plugin_host.errors import ControlError

GAIN = next(control.parameter for control in CONTROLS if control.parameter.address == "/track/{track}/gain")
PAN = next(control.parameter for control in CONTROLS if control.parameter.address == "/track/{track}/pan")
SEEK = Parameter("/seek", "float", "", unit="s", minimum=0.0, maximum=4000.0)
BEATS = Parameter("/beats", "int", "", minimum=1, maximum=32, taper=Linear(1, 32))
MUTE = Parameter("/mute", "bool", "")
MODE = Parameter("/mode", "choice", "", choices=("LPF12", "HPF12", "BPF12"))
NAME = Parameter("/name", "text", "")
ANYTHING = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.text(), st.text("-+−.0123456789einf∞ dB:", max_size=12)
)


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        (GAIN, -3, -3.0),
        (GAIN, "-3 dB", -3.0),
        (GAIN, " −3.5dB ", -3.5),
        (GAIN, "-inf", -math.inf),
        (GAIN, "−∞ dB", -math.inf),
        (GAIN, -math.inf, -math.inf),
        (GAIN, 99.0, 12.0),
        (PAN, True, 1.0),
        (PAN, -7, -1.0),
        (SEEK, "1:23.5", 83.5),
        (SEEK, "1:02:03", 3723.0),
        (SEEK, "12 s", 12.0),
        (BEATS, 3.6, 4),
        (BEATS, 0, 1),
        (MUTE, 1.0, True),
        (MUTE, 0, False),
        (MUTE, "on", True),
        (MUTE, "0", False),
        (MODE, "hpf12", "HPF12"),
        (MODE, 2.0, "BPF12"),
        (MODE, -1, "LPF12"),
        (NAME, 3.0, "3"),
        (NAME, "  chorus ", "chorus"),
    ],
)
def test_values_are_taken_in_many_types(parameter: Parameter, value: Value, expected: Value) -> None:
    came = taken(parameter, value)
    assert came == expected
    assert type(came) is type(expected)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        (GAIN, math.nan),
        (GAIN, math.inf),
        (PAN, -math.inf),
        (PAN, "nan"),
        (GAIN, "loud"),
        (GAIN, "-3 Hz"),
        (GAIN, ""),
        (GAIN, 10**400),
        (SEEK, "1:2:3:4"),
        (SEEK, "1:-2"),
        (MODE, "sideways"),
        (MODE, math.inf),
        (BEATS, math.nan),
        (MUTE, math.nan),
        (NAME, "two\nlines"),
        (NAME, "x" * 501),
    ],
)
def test_what_is_no_value_is_refused_in_one_line_that_names_the_address(parameter: Parameter, value: Value) -> None:
    with pytest.raises(ControlError) as refused:
        taken(parameter, value)
    assert refused.value.args[0].startswith(parameter.address)
    assert len(str(refused.value).splitlines()) == 1


@given(st.sampled_from([GAIN, PAN, SEEK, BEATS, MUTE, MODE, NAME]), ANYTHING)
def test_whatever_comes_is_in_range_or_refused(parameter: Parameter, value: Value) -> None:
    try:
        came = taken(parameter, value)
    except ControlError:
        return
    if parameter.kind == "choice":
        assert came in parameter.choices
    elif parameter.kind in ("float", "int"):
        assert parameter.minimum is not None
        assert parameter.maximum is not None
        assert parameter.minimum <= float(came) <= parameter.maximum
    else:
        assert isinstance(came, bool | str)


@given(st.sampled_from([GAIN, PAN, BEATS, MUTE, MODE]), st.floats(0.0, 1.0))
def test_a_share_gives_a_value_whose_text_and_share_give_it_again(parameter: Parameter, share: float) -> None:
    value = value_at(parameter, share)
    if parameter.kind != "float":
        assert taken(parameter, spoken(parameter, value)) == value
        assert value_at(parameter, share_of(parameter, value) or 0.0) == value
    else:
        assert float(taken(parameter, spoken(parameter, value))) == pytest.approx(float(value), abs=0.051)


@pytest.mark.parametrize("pressed", [None, True, 1, 0.5, "chorus", ""])
def test_a_trigger_acts_when_it_is_pressed(pressed: Value | None) -> None:
    assert is_pressed(pressed)


@pytest.mark.parametrize("released", [False, 0, 0.0, "0", "off"])
def test_a_trigger_does_nothing_when_it_is_let_go(released: Value) -> None:
    assert not is_pressed(released)
