"""The server's own words.

/subscribe [PORT [SECONDS]] [BEGINNING …] [echo] [refresh]
                                                   be told what changes, at that port or where it came from, for so
                                                   long (60 s); BEGINNING: of addresses, patterns allowed; refresh:
                                                   everything once, unless it is subscribed already
/unsubscribe [PORT]
/refresh [BEGINNING …]                             every value there is
/ping [ANYTHING …]                                 → /pong with the same
/info                                              → /info VERSION NAME MODEL VERSION, as an X32 answers
/dialect [NAME]                                    speak ardour, reaper or x32 from now on; "" for our own words
"""

import math
from collections.abc import Callable

from plugin_host.control.osc.dialects.session import NewSession
from plugin_host.control.osc.packet import Argument, OscMessage
from plugin_host.control.osc.peers import Peer, Peers, Subscription
from plugin_host.control.osc.settings import version
from plugin_host.control.osc.telling import Teller
from plugin_host.control.osc.wanted import Wanted
from plugin_host.errors import ControlError

LAPSE_SECONDS = 60.0
_ECHO, _REFRESH = "echo", "refresh"
LONGEST_SECONDS = 86_400.0
_Arguments = tuple[Argument, ...]


class OwnWords:
    """Does what they say. clock: seconds, the server's. name: of this host."""

    def __init__(
        self, peers: Peers, teller: Teller, dialects: dict[str, NewSession], clock: Callable[[], float], name: str
    ) -> None:
        self._peers, self._teller, self._dialects, self._clock = peers, teller, dialects, clock
        self._words: dict[str, Callable[[Peer, _Arguments], None]] = {
            "/subscribe": self._subscribe,
            "/unsubscribe": self._unsubscribe,
            "/refresh": self._refresh,
            "/ping": lambda peer, given: peer.answer("/pong", given),
            "/info": lambda peer, given: peer.answer("/info", (f"V{version()}", name, "stemrack", version())),
            "/dialect": self._dialect,
        }

    def knows(self, message: OscMessage) -> bool:
        """Whether this is one of them."""
        return message.address in self._words

    def do(self, peer: Peer, message: OscMessage) -> None:
        """Do it; `ControlError` where its arguments cannot be meant."""
        self._words[message.address](peer, message.arguments)

    def _subscribe(self, peer: Peer, given: _Arguments) -> None:
        texts = [each for each in given if isinstance(each, str) and not _is_number(each)]
        port, seconds = _numbers(given)
        if not 0 <= port <= 65_535:
            raise ControlError(f"/subscribe: {port:g} is no port: give 1 to 65535, or 0 for where you send from")
        beginnings = [text for text in texts if text not in (_ECHO, _REFRESH)]
        wanted = Wanted(beginnings)
        self._peers.direct(peer, int(port))
        held = min(max(seconds, 1.0), LONGEST_SECONDS)
        if _REFRESH in texts and peer.subscription is None:  # it, or we, were away
            self._teller.refresh(peer, beginnings)
        ends = self._clock() + held
        self._teller.subscribe(peer, Subscription(ends, wanted, _ECHO in texts, looks=bool(beginnings)))
        peer.answer("/subscribed", (held,))

    def _unsubscribe(self, peer: Peer, given: _Arguments) -> None:
        port, _ = _numbers(given)
        for other in self._peers.subscribed():
            if other is peer or other.reply_to == (peer.reply_to[0], int(port)):
                other.subscription = None
        peer.answer("/unsubscribed")

    def _refresh(self, peer: Peer, given: _Arguments) -> None:
        self._teller.refresh(peer, [each for each in given if isinstance(each, str)])

    def _dialect(self, peer: Peer, given: _Arguments) -> None:
        name = given[0] if given else None
        if name is not None and name != "" and name not in self._dialects:
            raise ControlError(f"/dialect: no {name!r} here: there are {', '.join(self._dialects)}, and '' for our own")
        if name is not None:
            peer.session = self._dialects[str(name)]() if name else None
        peer.answer("/dialect", (peer.session.name if peer.session else "",))


def _numbers(given: _Arguments) -> tuple[float, float]:
    """A port and seconds, as texts too; 0 and the usual time where they are not given."""
    numbers = [float(each) for each in given if each is not None and _is_number(each)]
    if not all(map(math.isfinite, numbers)):
        raise ControlError("/subscribe takes a port and seconds: give finite numbers")
    port, seconds, *_ = (*numbers, *(0.0, LAPSE_SECONDS)[len(numbers) :])
    return port, seconds


def _is_number(given: Argument) -> bool:
    return isinstance(given, int | float) or (isinstance(given, str) and given.strip().isdecimal())
