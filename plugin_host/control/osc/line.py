"""What a dialect's session may ask of the server for its surface."""

from collections.abc import Callable

from plugin_host.control.osc.packet import Argument
from plugin_host.control.osc.peers import Peer, Peers, Subscription
from plugin_host.control.osc.telling import Teller


class PeerLine:
    """The line to one surface. clock: seconds, the server's."""

    def __init__(self, peer: Peer, peers: Peers, teller: Teller, clock: Callable[[], float]) -> None:
        self._peer, self._peers, self._teller, self._clock = peer, peers, teller, clock

    def answer(self, address: str, *arguments: Argument) -> None:
        """Send it a message."""
        self._peer.answer(address, arguments)

    def subscribe(self, seconds: float, port: int = 0) -> None:
        """Tell it of everything from now on, for so long; one that is told for longer already is."""
        self._peers.direct(self._peer, port)
        ends = self._clock() + seconds
        if self._peer.subscription is None:
            self._teller.subscribe(self._peer, Subscription(ends, obeys=port > 0))
        else:
            self._peer.subscription.ends = max(ends, self._peer.subscription.ends)

    def refresh(self, *beginnings: str) -> None:
        """Tell it everything there is, or what begins so with us."""
        self._teller.refresh(self._peer, beginnings)
