"""What is asked for: ports, where to listen, whom to let in."""

import ipaddress
from dataclasses import dataclass
from functools import cache
from importlib import metadata

from plugin_host.control.sync.timecode import TimecodeRate
from plugin_host.errors import ControlError

LOOPBACK = "127.0.0.1"
PORT = 9000
DIALECTS = ("ardour", "reaper", "x32")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class OscSettings:
    """Ports are 0 … 65535, where 0 takes a free one.

    port: UDP. listen: an address of this machine, or 0.0.0.0 for all. allow: addresses or networks that are let in,
    () for everybody; this machine always is. tcp_port, oscquery_port: None for none. dialects: of `DIALECTS`.
    feedback_to: HOST:PORT[=DIALECT] of surfaces that are told everything without asking. timecode, timecode_start:
    frames a second, and seconds at which the song begins, of what surfaces are shown of it. `ControlError` for what
    cannot be meant.
    """

    port: int = PORT
    listen: str = LOOPBACK
    allow: tuple[str, ...] = ()
    tcp_port: int | None = None
    oscquery_port: int | None = None
    dialects: tuple[str, ...] = DIALECTS
    feedback_to: tuple[str, ...] = ()
    name: str = "stemrack"
    timecode: TimecodeRate = TimecodeRate.PAL
    timecode_start: float = 0.0

    def __post_init__(self) -> None:
        for dialect in self.dialects:
            _check_dialect(dialect)
        self.is_open, self.networks, self.targets  # noqa: B018  (each raises where it cannot be read)

    @property
    def is_open(self) -> bool:
        """Whether others than this machine can reach it."""
        try:
            return not ipaddress.IPv4Address(self.listen).is_loopback
        except ValueError:
            raise ControlError(
                f"{self.listen!r} is no IPv4 address to listen on: give this machine's, or 0.0.0.0 for all of them"
            ) from None

    @property
    def networks(self) -> tuple[Network, ...]:
        """Who is let in, () for everybody."""
        return tuple(_network(text) for text in self.allow)

    @property
    def targets(self) -> tuple[tuple[str, int, str], ...]:
        """Host, port and dialect ("" for our own addresses) of those that are told without asking."""
        return tuple(_target(text) for text in self.feedback_to)

    def admits(self, host: str) -> bool:
        """Whether packets from that address are taken."""
        if not self.allow:
            return True
        address = ipaddress.ip_address(host)
        return address.is_loopback or any(address in network for network in self.networks)


@cache
def version() -> str:
    """Of this program, as surfaces are told."""
    return metadata.version("stemrack")


def _check_dialect(name: str) -> None:
    if name not in DIALECTS:
        raise ControlError(f"no OSC dialect {name!r}: there are {', '.join(DIALECTS)}")


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ControlError(f"{text!r} is no address to let in: give one like 192.168.1.20 or 192.168.1.0/24") from None


def _target(text: str) -> tuple[str, int, str]:
    place, _, dialect = text.partition("=")
    host, _, port = place.rpartition(":")
    if dialect:
        _check_dialect(dialect)
    try:
        ipaddress.IPv4Address(host)
        if 1 <= int(port) <= 65_535:
            return host, int(port), dialect
    except ValueError:
        pass
    raise ControlError(f"{text!r} is no surface to tell: give one like 192.168.1.20:9001 or 192.168.1.20:9001=reaper")
