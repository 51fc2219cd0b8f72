"""Who may ask: not every web page that a browser on this machine shows."""

import ipaddress
from urllib.parse import urlsplit


def is_our_name(host: str) -> bool:
    """Whether a name in a request can be this machine's: an address, localhost or a .local name, as zeroconf writes it.

    Any other name may be a stranger's that was made to lead here.
    """
    name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    return _is_address(name) or name == "localhost" or name.endswith(".local")


def may_ask(origin: str | None, host: str) -> bool:
    """Whether a request may be answered. origin: of the page it comes from, None where it is no page."""
    if not is_our_name(host):
        return False
    if origin is None:
        return True
    page = urlsplit(origin).hostname or ""
    return page == "localhost" or _is_loopback(page) or page == (urlsplit(f"//{host}").hostname or "")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name).is_loopback
