"""Which addresses a surface wants to be told of."""

from collections.abc import Sequence
from typing import Protocol

from plugin_host.control.parameters.patterns import Matches, segment_matcher, segments
from plugin_host.errors import ControlError

MAX_WANTED = 32
_MOST_KNOWN = 20_000


class Addresses(Protocol):
    """Some addresses."""

    def __contains__(self, address: str, /) -> bool: ...


class Wanted:
    """Beginnings of addresses, patterns allowed: `/bank`, `/track/*/meter/peak`; none means all.

    Levels and the engine's health change all the time: they are wanted only where a beginning names them.
    `ControlError` for what is no address.
    """

    def __init__(self, beginnings: Sequence[str] = ()) -> None:
        if len(beginnings) > MAX_WANTED:
            raise ControlError(f"/subscribe takes at most {MAX_WANTED} addresses")
        texts = [text.rstrip("/") for text in beginnings] or [""]
        self._beginnings = [(_matchers(text), _names_levels(text)) for text in texts]
        self._known: dict[str, bool] = {}

    def __contains__(self, address: str, /) -> bool:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[address] = self._is_wanted(address)
        return known

    def _is_wanted(self, address: str) -> bool:
        parts, level = segments(address), _names_levels(address)
        return any(_begins(matchers, parts) and (named or not level) for matchers, named in self._beginnings)


def _matchers(text: str) -> tuple[Matches, ...]:
    return tuple(segment_matcher(part) for part in segments(text)) if text else ()


def _names_levels(text: str) -> bool:
    return "/meter" in text or text.startswith("/engine")


def _begins(beginning: tuple[Matches, ...], parts: tuple[str, ...]) -> bool:
    return len(parts) >= len(beginning) and all(matches(part) for matches, part in zip(beginning, parts, strict=False))
