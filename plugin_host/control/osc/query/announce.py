"""OSC and OSCQuery announced on the local network, so that surfaces find them by themselves."""

import ipaddress

import ifaddr
from zeroconf import Error, InterfaceChoice, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

OSC_TYPE = "_osc._udp.local."
QUERY_TYPE = "_oscjson._tcp.local."


class Announcement:
    """What is told, and only on the interface that is listened on; on loopback nothing."""

    def __init__(self, name: str, listen: str, osc_port: int, query_port: int) -> None:
        self._listen = listen
        addresses = [ipaddress.IPv4Address(each).packed for each in _addresses(listen)]
        self.services = [
            ServiceInfo(kind, f"{name}.{kind}", port=port, addresses=addresses, server=f"{name}-{osc_port}.local.")
            for kind, port in ((OSC_TYPE, osc_port), (QUERY_TYPE, query_port))
            if addresses
        ]
        self._announcer: AsyncZeroconf | None = None

    async def begin(self) -> str:
        """Announce; what went wrong, "" for nothing."""
        if not self.services:
            return ""
        every = ipaddress.IPv4Address(self._listen).is_unspecified
        try:
            self._announcer = AsyncZeroconf(interfaces=InterfaceChoice.All if every else [self._listen])
            for service in self.services:
                await self._announcer.async_register_service(service, allow_name_change=True)
        except (Error, OSError) as error:
            return f"OSC is not announced on the network: {error}: give surfaces the address by hand"
        return ""

    async def end(self) -> None:
        """Take it back."""
        if self._announcer is not None:
            await self._announcer.async_unregister_all_services()
            await self._announcer.async_close()


def _addresses(listen: str) -> list[str]:
    """The addresses under which surfaces reach us."""
    address = ipaddress.IPv4Address(listen)
    if address.is_loopback:
        return []
    if not address.is_unspecified:
        return [listen]
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [each for each in found if not ipaddress.IPv4Address(each).is_loopback]
