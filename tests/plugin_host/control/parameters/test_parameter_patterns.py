import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_host.control.parameters.patterns import MAX_ADDRESS, segment_matcher, segments
from plugin_host.errors import ControlError


@pytest.mark.parametrize(
    ("pattern", "fits", "misses"),
    [
        ("gain", ["gain"], ["gains", "gai", ""]),
        ("*", ["", "gain"], []),
        ("g*n", ["gn", "gain", "gainn"], ["gains", "again"]),
        ("*a*b*", ["ab", "xaybz"], ["ba", "a"]),
        ("?rums", ["drums", "Drums"], ["rums", "ddrums"]),
        ("synth[1-3]", ["synth1", "synth3"], ["synth4", "synth"]),
        ("synth[!1-3]", ["synth4", "synthx"], ["synth1", "synth"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("{drums,bass}", ["drums", "bass"], ["drumsbass", "{drums,bass}"]),
        ("{d,b}*[1-2]", ["drum1", "bass2"], ["lead1", "bass3"]),
    ],
)
def test_a_pattern_fits_what_osc_says_it_fits(pattern: str, fits: list[str], misses: list[str]) -> None:
    matches = segment_matcher(pattern)
    assert all(matches(text) for text in fits)
    assert not any(matches(text) for text in misses)


@pytest.mark.parametrize("pattern", ["[a-c", "{one,two", "{a,b}" * 7])
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ControlError):
        segment_matcher(pattern)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_runs_and_single_letters_fit_as_a_regular_expression_says(pattern: str, text: str) -> None:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assert segment_matcher(pattern)(text) == bool(re.fullmatch(expression, text))


@given(st.text("ab*?[]!-{},", max_size=40), st.text("ab-!", max_size=40))
def test_any_pattern_either_answers_or_is_refused(pattern: str, text: str) -> None:
    with suppress(ControlError):
        assert segment_matcher(pattern)(text) in (True, False)


@pytest.mark.parametrize("address", ["", "gain", "/" + "x" * MAX_ADDRESS])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ControlError):
        segments(address)
