"""What surfaces sent that could not be used: counted by its reason, told in one bounded line."""

from plugin_host.control.osc.complaints import WARN_EVERY, Complaints
from plugin_host.control.reasons import LONGEST, MOST_KEPT, Reasons


def test_the_most_frequent_reasons_are_told_with_their_number() -> None:
    reasons = Reasons()
    for text, count in (("a", 1), ("b", 4), ("c", 2), ("d", 1), ("a", 2)):
        reasons.add(text, count)
    assert reasons.taken() == "10 messages could not be used: b (4×); a (3×); c (2×); and 1 more"
    assert not reasons


def test_a_single_reason_is_told_as_it_is() -> None:
    reasons = Reasons()
    reasons.add("a")
    assert reasons.taken() == "1 message could not be used: a"
    reasons.add("a", 7)
    assert reasons.taken() == "7 messages could not be used: a"


def test_however_many_and_long_the_reasons_are_the_line_is_bounded() -> None:
    reasons = Reasons()
    for number in range(50 * MOST_KEPT):
        reasons.add(f"{number}" + "x" * 5000)
    told = reasons.taken()
    assert told.startswith(f"{50 * MOST_KEPT} messages")
    assert len(told) < 4 * LONGEST


def test_complaints_are_told_at_once_and_then_together_when_that_is_due() -> None:
    told: list[str] = []
    now = [0.0]
    complaints = Complaints(told.append, clock=lambda: now[0])
    for at, text in ((0.0, "a"), (1.0, "b"), (2.0, "b"), (3.0, "c")):
        now[0] = at
        complaints.refuse(text)
        complaints.tell()
    assert told == ["OSC: 1 message could not be used: a"]
    now[0] = WARN_EVERY
    complaints.tell()
    complaints.tell()
    assert told[1:] == ["OSC: 3 messages could not be used: b (2×); c"]
    assert complaints.refused == 4
