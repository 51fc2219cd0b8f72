"""Feedback: what changed goes to every subscribed surface but the one that did it."""

import math
import time
from collections.abc import Sequence

from plugin_host.control.osc.dialects.session import Told as InWords
from plugin_host.control.osc.lately_told import News
from plugin_host.control.osc.peers import PACE_SECONDS, Peer, Peers, Subscription
from plugin_host.control.osc.wanted import MAX_WANTED, Addresses, Wanted
from plugin_host.control.parameters.declaration import Value
from plugin_host.control.parameters.feedback import Change, Feedback
from plugin_host.control.parameters.table import ParameterTable, Told

LEVEL_SECONDS = 0.05
"""Between two looks at levels and the position."""
CHANGE_SECONDS = 0.02
_SECOND = 1.0


class Teller:
    """Listens to the desk while anybody is subscribed. Used by the server's thread only; now: its clock's seconds."""

    def __init__(self, table: ParameterTable, peers: Peers) -> None:
        self._table, self._peers = table, peers
        self._feedback: Feedback | None = None
        self._next = dict.fromkeys((PACE_SECONDS, CHANGE_SECONDS, LEVEL_SECONDS, _SECOND), -math.inf)
        self._levels: dict[str, Value] = {}
        self._asked: dict[Peer, tuple[str, ...]] = {}

    def wait_seconds(self, idle: float) -> float:
        """How long nothing has to be told."""
        busy = self._feedback is not None or bool(self._asked) or not all(peer.is_quiet for peer in self._peers.all())
        return PACE_SECONDS if busy or self._peers.subscribed() else idle

    def tick(self, now: float) -> list[Peer]:
        """Send what is due; the subscribed surfaces once a second."""
        beats: list[Peer] = []
        if self._is_due(_SECOND, now):
            self._peers.lapse(now)
            beats = self._peers.subscribed()
        if self._is_due(CHANGE_SECONDS, now):
            self._tell_changes()
            if self._asked:
                self._refresh_one()
        if self._feedback is not None and self._is_due(LEVEL_SECONDS, now):
            began = time.perf_counter()
            self._tell_levels()
            # in a mix of a hundred tracks a look takes long: never more than a tenth of the time
            self._next[LEVEL_SECONDS] = now + max(LEVEL_SECONDS, 10.0 * (time.perf_counter() - began))
        paced = self._is_due(PACE_SECONDS, now)
        for peer in self._peers.all():
            peer.send_answers()
            if paced:
                peer.send_news(now)
        return beats

    def subscribe(self, peer: Peer, subscription: Subscription) -> None:
        """Tell it of everything that happens from this moment on."""
        peer.subscription = subscription
        if self._feedback is None:
            self._feedback = Feedback(self._table)
            self._levels = dict(self._table.meters())

    def refresh(self, peer: Peer, beginnings: Sequence[str] = ()) -> None:
        """Tell a surface everything it subscribed to, or what begins like that, soon and in its own time.

        `ControlError` where a beginning is no address.
        """
        Wanted(beginnings)
        before = self._asked.get(peer, ())
        together = tuple(dict.fromkeys((*before, *beginnings)))
        everything = not beginnings or (peer in self._asked and not before) or len(together) > MAX_WANTED
        self._asked[peer] = () if everything else together

    def close(self) -> None:
        """Listen no longer."""
        if self._feedback is not None:
            self._feedback.close()
            self._feedback = None

    def _refresh_one(self) -> None:
        """One at a time, however many ask however often: it takes a while."""
        peer = next(iter(self._asked))
        beginnings = self._asked.pop(peer)
        own = peer.subscription.wanted if peer.subscription else None
        wanted = Wanted(beginnings) if beginnings else own
        for address, value in [*self._table.refresh(), *self._table.meters()]:
            if peer.session is not None and beginnings and wanted is not None and address not in wanted:
                continue
            self._tell(peer, (address, *self._table.aliases(address)), News(address, value), wanted)

    def _tell_changes(self) -> None:
        subscribed = self._peers.subscribed()
        if not subscribed:
            self.close()
        for change in self._feedback.drain() if self._feedback else ():
            everything = (change.address, *self._table.aliases(change.address))
            for peer in subscribed:
                own = _is_own(peer, change)
                if own:
                    self._tell_own(peer, everything, News(change.address, change.value))
                if peer.subscription is not None and (not own or peer.subscription.echo):
                    news = News(change.address, change.value, change.origin)
                    self._tell(peer, everything, news, peer.subscription.wanted)
        for peer in self._peers.all():
            peer.wrote.clear()

    def _tell_levels(self) -> None:
        now = self._table.meters()
        moved = [told for told in now if self._levels.get(told[0]) != told[1]]
        self._levels.update(moved)
        for peer in self._peers.subscribed():
            self._tell_moved(peer, now if peer.subscription and peer.subscription.looks else moved)

    def _tell_moved(self, peer: Peer, moved: list[Told]) -> None:
        if peer.subscription is None:
            return
        peer.subscription.looks = False
        for address, value in moved:
            if peer.session is None or peer.session.levels or "/meter/" not in address:
                everything = (address, *self._table.aliases(address))
                self._tell(peer, everything, News(address, value), peer.subscription.wanted)

    def _tell(self, peer: Peer, everything: tuple[str, ...], news: News, wanted: Addresses | None) -> None:
        """everything: our address, and its aliases. wanted: None for all of them."""
        if peer.session is not None:
            for address in _spoken(everything):
                _say(peer, news._replace(address=address), peer.session.outgoing(address, news.value))
            return
        for address in everything:
            if wanted is None or address in wanted:
                peer.tell(news._replace(address=address), address, (news.value,))

    def _tell_own(self, peer: Peer, everything: tuple[str, ...], news: News) -> None:
        """What a surface changed itself, it is told by the other words that its dialect has for it.

        What it may say again then, of these, is as late as any other echo; by the word it used it may say anything.
        """
        shown: set[str] = set()
        if peer.session is not None:
            for address in _spoken(everything):
                used, told = peer.session.own(address, news.value)
                _say(peer, news._replace(address=address), told)
                shown |= set() if used else {address}
        for address in everything:
            if address not in shown:
                peer.told.forget(address)

    def _is_due(self, every: float, now: float) -> bool:
        if now < self._next[every]:
            return False
        self._next[every] = now + every
        return True


def _is_own(peer: Peer, change: Change) -> bool:
    """What a surface set itself it knows. What else came of that (of a scene, of one solo for all) it does not.

    But one that takes what it is told for pressed would go on from its own pause to stop, where that is lit.
    """
    if change.origin != peer.origin or change.which is None:
        return False
    is_lit = change.which[0].parameter.kind == "trigger" and bool(change.value)
    obeys = peer.subscription is not None and peer.subscription.obeys
    return change.which in peer.wrote or (is_lit and obeys)


def _spoken(everything: tuple[str, ...]) -> tuple[str, ...]:
    """What dialects have words for: our address, and that of the selected track."""
    return (everything[0], *(each for each in everything[1:] if each.startswith("/selected/")))


def _say(peer: Peer, news: News, told: list[InWords]) -> None:
    for theirs, which, shown in told:
        peer.tell(news, theirs, shown, which)
