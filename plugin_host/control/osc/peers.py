"""Surfaces as the server knows them: where a packet came from, where answers go, what they want to be told."""

import itertools
import math
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from plugin_host.control.osc.dialects.session import Session
from plugin_host.control.osc.encode import encoded
from plugin_host.control.osc.lately_told import LatelyTold, News
from plugin_host.control.osc.packet import Argument
from plugin_host.control.osc.settings import LOOPBACK
from plugin_host.control.osc.wanted import Addresses, Wanted
from plugin_host.control.parameters.feedback import Which

MOST_PEERS = 256
MOST_ANSWERS = 20_000
MOST_NEWS = 50_000
ANSWERS_AT_ONCE = 256
NEWS_AT_ONCE = 32
"""Messages to a surface in one go (every `PACE_SECONDS`): a tablet's radio loses what comes faster."""
PACE_SECONDS = 0.01

Send = Callable[[bytes], None]
Place = tuple[str, int]


@dataclass
class Subscription:
    """What a surface is told until `ends` (seconds of the server's clock).

    echo: what it caused itself, too. looks: it is yet to be told what changes all the time, though it may stand still.
    obeys: it may be a program that does what it is told, such as another host.
    """

    ends: float
    wanted: Addresses = field(default_factory=Wanted)
    echo: bool = False
    looks: bool = False
    obeys: bool = False


class Peer:
    """One surface. origin: its name at the desk, so that it is not told what it did itself.

    reply_to: where answers and news go. truth: it knows type tags T and F. told: what it was told lately. wrote: what
    it set since the desk was listened to last. Used by the server's thread only.
    """

    def __init__(self, origin: str, send: Send, reply_to: Place = ("", 0), *, truth: bool = False) -> None:
        self.origin, self.send, self.reply_to, self._truth = origin, send, reply_to, truth
        self.subscription: Subscription | None = None
        self.session: Session | None = None
        self.told = LatelyTold()
        self.wrote: set[Which] = set()
        self.heard = 0.0
        self.dropped = 0
        self._answers: deque[bytes] = deque()
        self._news: dict[tuple[str, tuple[Argument, ...]], tuple[tuple[Argument, ...], News]] = {}

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._answers and not self._news

    def answer(self, address: str, arguments: Sequence[Argument] = ()) -> None:
        """Send this soon; every one of them."""
        if len(self._answers) < MOST_ANSWERS:
            self._answers.append(encoded(address, arguments, truth=self._truth))
        else:
            self.dropped += 1

    def tell(self, news: News, address: str, arguments: Sequence[Argument], which: tuple[Argument, ...] = ()) -> None:
        """Send the latest value of an address in its turn. which: arguments that, with the address, say whose.

        news: what that means with us.
        """
        if len(self._news) < MOST_NEWS:
            self._news[address, which] = (*which, *arguments), news
        else:
            self.dropped += 1

    def send_answers(self) -> None:
        """Send what was asked for."""
        for _ in range(min(len(self._answers), ANSWERS_AT_ONCE)):
            self.send(self._answers.popleft())

    def send_news(self, now: float) -> None:
        """Send some of what is to be told."""
        for key in [*itertools.islice(self._news, NEWS_AT_ONCE)]:
            arguments, news = self._news.pop(key)
            self.send(encoded(key[0], arguments, truth=self._truth))
            self.told.remember(news, now)


class Peers:
    """All surfaces, by where their packets come from."""

    def __init__(self, send_to: Callable[[bytes, Place], None]) -> None:
        self._send_to = send_to
        self._by_source: dict[Place, Peer] = {}
        self._named: dict[str, Peer] = {}
        self._told_elsewhere: weakref.WeakValueDictionary[str, LatelyTold] = weakref.WeakValueDictionary()
        self.connected: list[Peer] = []
        """Those on TCP or a websocket."""

    def at(self, source: Place, now: float) -> Peer:
        """The surface that sends from there by UDP."""
        peer = self._by_source.get(source) or self._named.get(source[0])
        if peer is None:
            if len(self._by_source) >= MOST_PEERS:
                self._forget_one()
            peer = self._by_source[source] = self._new(source)
        peer.heard = now
        return peer

    def name(self, place: Place, now: float) -> Peer:
        """The surface that is told there without asking.

        It may send from another port than it listens at: all that comes from its machine is its, but for our own.
        """
        peer = self.at(place, now)
        self._tell_elsewhere(peer)
        if place[0] != LOOPBACK:
            self._named[place[0]] = peer
        return peer

    def all(self) -> list[Peer]:
        """Every surface."""
        return [*self._by_source.values(), *self.connected]

    def subscribed(self) -> list[Peer]:
        """Those that are told what happens."""
        return [peer for peer in self.all() if peer.subscription is not None]

    def direct(self, peer: Peer, port: int) -> None:
        """Answers and news to that port of the surface's own machine from now on; another's subscription there ends."""
        if peer in self.connected or not 1 <= port <= 65_535:
            return
        place = (peer.reply_to[0], port)
        for other in self.subscribed():
            if other is not peer and other.reply_to == place:
                other.subscription = None
        if place != peer.reply_to:
            self._tell_elsewhere(peer)
        peer.reply_to, peer.send = place, self._sender(place)

    def told_to(self, peer: Peer) -> LatelyTold:
        """What the surface was told that sends from there.

        One that listens at another port than it sends from is known by its machine alone.
        """
        told = None if peer.subscription else self._told_elsewhere.get(peer.reply_to[0])
        return peer.told if told is None else told

    def surface_of(self, peer: Peer) -> Peer:
        """The surface that sends from there: itself, or one that listens at another port than it sends from.

        That is taken for granted where both are of one machine and one dialect, and only the other is told anything.
        """
        if peer.session is not None and peer.subscription is None:
            for other in self.subscribed():
                if other.told is self.told_to(peer) and other.session and other.session.name == peer.session.name:
                    return other
        return peer

    def lapse(self, now: float) -> None:
        """End the subscriptions whose time is over."""
        for peer in self.subscribed():
            if peer.subscription is not None and peer.subscription.ends <= now:
                peer.subscription = None

    def _tell_elsewhere(self, peer: Peer) -> None:
        """It is told at another port than it sends from; kept as long as one of that machine is known."""
        peer.told = self._told_elsewhere.setdefault(peer.reply_to[0], LatelyTold())

    def _new(self, source: Place) -> Peer:
        host, port = source
        return Peer(f"osc {host}:{port}", self._sender(source), source)

    def _sender(self, place: Place) -> Send:
        return lambda packet: self._send_to(packet, place)

    def _forget_one(self) -> None:
        """The one that was silent for longest, one without a subscription first."""

        def rank(source: Place) -> tuple[bool, bool, float]:
            peer = self._by_source[source]
            forever = peer.subscription is not None and math.isinf(peer.subscription.ends)
            return forever, peer.subscription is not None, peer.heard

        del self._by_source[min(self._by_source, key=rank)]
