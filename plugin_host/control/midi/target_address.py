"""Judging an address before there is a session whose tracks it could name."""

from collections.abc import Sequence

from plugin_host.control.parameters.declared import CONTROLS
from plugin_host.errors import ControlError
from plugin_host.mix.toml_document import shown

MAX_ADDRESS = 500
_TRACK = "/track/{track}/"
_NEVER_IN_ONE = frozenset("*?[]{}#")
_ALIASES = ("/bank/track/{strip}/", "/selected/")


def check_target(address: str) -> None:
    """`ControlError` for what can be no address of something that can be set, whatever the tracks are called."""
    parts = address.split("/")
    if not address.startswith("/") or len(address) > MAX_ADDRESS or not address.isprintable() or "" in parts[1:]:
        raise ControlError(f"{shown(address)} is no address: write one such as /track/vocals/gain")
    if set(address) & _NEVER_IN_ONE:
        raise ControlError(f"{shown(address)} is no single address: write one such as /track/vocals/gain")
    templates = [
        form for control in CONTROLS if control.parameter.writable for _, address in control.addresses
        for form in _spellings(address)
    ]  # fmt: skip
    if not any(_fits(parts, template.split("/")) for template in templates):
        raise ControlError(f"nothing that can be set is at {shown(address)}: see `stemrack params`")


def _spellings(template: str) -> tuple[str, ...]:
    if not template.startswith(_TRACK):
        return (template,)
    return (template, *(other + template.removeprefix(_TRACK) for other in _ALIASES))


def _fits(parts: Sequence[str], template: Sequence[str]) -> bool:
    return len(parts) == len(template) and all(
        place.startswith("{") or part == place for part, place in zip(parts, template, strict=True)
    )
