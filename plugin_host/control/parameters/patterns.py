"""Address patterns of OSC: `*`, `?`, `[a-z]`, `[!a-z]`, `{one,other}` within a segment, `//` for any segments.

Sources: OSC 1.0 specification (opensoundcontrol.stanford.edu) and, for `//`, "Features and Future of Open Sound
Control version 1.1" (NIME 2009). Matching takes bounded time whatever is sent.
"""

from collections.abc import Callable, Iterator

from plugin_host.errors import ControlError
from plugin_host.mix.toml_document import shown

MAX_ADDRESS = 1000
"""Characters of an address."""
MAX_ALTERNATIVES = 64
"""Ways to read the braces of one segment."""

Matches = Callable[[str], bool]
DEEP = ""
"""The segment that `//` leaves: any number of segments."""


def is_pattern(address: str) -> bool:
    """Whether the address may mean several."""
    return "//" in address or any(letter in address for letter in "*?[{")


def segments(address: str) -> tuple[str, ...]:
    """The parts between the slashes; `ControlError` where it is no address."""
    if not address.startswith("/") or len(address) > MAX_ADDRESS:
        raise ControlError(f"{shown(address)} is no address: begin with / and give at most {MAX_ADDRESS} characters")
    return tuple(address[1:].split("/"))


def segment_matcher(pattern: str) -> Matches:
    """Whether a segment is meant; `ControlError` where brackets or braces are left open."""
    if not is_pattern(pattern):
        return pattern.__eq__
    ways = [_tokens(way) for way in _without_braces(pattern)]
    return lambda text: any(_fits(way, text) for way in ways)


_Token = str | tuple[bool, str]
"""A letter, "*" for any run, "?" for any letter; or (negated, letters and ranges) for brackets."""
_ANY, _ONE = "*any*", "?one?"


def _without_braces(pattern: str) -> list[str]:
    """Every reading of the braces."""
    ways = [""]
    rest = pattern
    while "{" in rest:
        before, _, after = rest.partition("{")
        inside, closed, rest = after.partition("}")
        if not closed:
            raise ControlError(f"{shown(pattern)}: a {{ is not closed")
        ways = [way + before + choice for way in ways for choice in inside.split(",")]
        if len(ways) > MAX_ALTERNATIVES:
            raise ControlError(f"{shown(pattern)}: more than {MAX_ALTERNATIVES} ways to read it: say it simpler")
    return [way + rest for way in ways]


def _tokens(way: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(way):
        letter = way[at]
        if letter == "[":
            end = way.find("]", at + 1)
            if end < 0:
                raise ControlError(f"{shown(way)}: a [ is not closed")
            inside = way[at + 1 : end]
            tokens.append((inside.startswith("!"), inside.removeprefix("!")))
            at = end
        else:
            tokens.append({"*": _ANY, "?": _ONE}.get(letter, letter))
        at += 1
    return tokens


def _fits(tokens: list[_Token], text: str) -> bool:
    """Whether the text reads as the tokens; a mismatch goes back to the last run only, so time is their product."""
    at = place = 0
    run, run_place = -1, 0
    while place < len(text):
        if at < len(tokens) and tokens[at] == _ANY:
            run, run_place = at, place
            at += 1
        elif at < len(tokens) and _is_letter(tokens[at], text[place]):
            at, place = at + 1, place + 1
        elif run >= 0:
            run_place += 1
            at, place = run + 1, run_place
        else:
            return False
    return all(token == _ANY for token in tokens[at:])


def _is_letter(token: _Token, letter: str) -> bool:
    if isinstance(token, str):
        return token in (_ONE, letter)
    negated, letters = token
    return any(low <= letter <= high for low, high in _ranges(letters)) != negated


def _ranges(letters: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(letters):
        if letters[at + 1 : at + 2] == "-" and at + 2 < len(letters):
            yield letters[at], letters[at + 2]
            at += 3
        else:
            yield letters[at], letters[at]
            at += 1
