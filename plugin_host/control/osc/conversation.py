"""From a surface's packet to what is done, in the words of ours or of a dialect."""

from collections.abc import Callable

from plugin_host.control.osc.applying import Applier
from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.dialects.session import Meant, NewSession
from plugin_host.control.osc.line import PeerLine
from plugin_host.control.osc.own_words import OwnWords
from plugin_host.control.osc.packet import OscBundle, OscError, OscMessage, parsed
from plugin_host.control.osc.peers import Peer
from plugin_host.control.osc.schedule import Schedule
from plugin_host.control.parameters.patterns import is_pattern
from plugin_host.errors import ControlError, HostError

MOST_PATTERNS = 32
"""In a bundle: each may take 50 ms to look up, in which nobody else is heard."""


class Conversation:
    """Takes packets; used by the server's thread only. dialects: tried in this order for what is not ours."""

    def __init__(
        self,
        applier: Applier,
        own: OwnWords,
        schedule: Schedule[tuple[Peer, OscBundle]],
        complaints: Complaints,
        dialects: dict[str, NewSession],
        line_of: Callable[[Peer], PeerLine],
    ) -> None:
        self._applier, self._own, self._schedule, self._complaints = applier, own, schedule, complaints
        self._dialects, self._line_of = dialects, line_of

    def take(self, peer: Peer, packet: bytes) -> None:
        """Do what a packet says; what cannot be used is counted."""
        self._guarded(self._take, peer, packet)

    def flush(self) -> None:
        """Do what has gathered, and the bundles whose time has come."""
        self._guarded(self._applier.flush)
        for peer, bundle in self._schedule.due():
            self._guarded(self._apply, peer, bundle)

    def each_second(self, peers: list[Peer]) -> None:
        """For the surfaces that want to be told every second that we are there."""
        for peer in peers:
            if peer.session is not None:
                peer.session.each_second(self._line_of(peer))

    def _guarded(self, work: Callable[..., None], *given: object) -> None:
        """Do it, and count it where it cannot be done."""
        try:
            work(*given)
        except (OscError, HostError) as error:
            self._complaints.refuse(str(error))
        except Exception as error:  # noqa: BLE001  (a stranger's packet must never end the server)
            self._complaints.refuse(f"{type(error).__name__}: {error}")

    def _take(self, peer: Peer, packet: bytes) -> None:
        found = parsed(packet)
        if isinstance(found, OscBundle):
            self._take_bundle(peer, found)
        elif peer.session is not None or not self._applier.take_known(peer, found):
            self._take_message(peer, found)

    def _take_message(self, peer: Peer, message: OscMessage) -> None:
        if self._own.knows(message):
            self._applier.flush()
            self._own.do(peer, message)
            return
        for meant in self._meant(peer, message):
            self._applier.take(peer, meant)

    def _take_bundle(self, peer: Peer, bundle: OscBundle) -> None:
        delay = self._schedule.delay(bundle.timetag)
        if delay > 0.0:
            self._let_wait(delay, peer, bundle)
        else:
            self._apply(peer, bundle)

    def _let_wait(self, delay: float, peer: Peer, bundle: OscBundle) -> None:
        if not self._schedule.put(delay, (peer, bundle)):
            raise ControlError("too many bundles wait for their time")

    def _apply(self, peer: Peer, bundle: OscBundle) -> None:
        """All its values as one change, then what it asks."""
        self._applier.flush()
        messages = self._due_messages(peer, bundle)
        patterns = sum(is_pattern(message.address) for message in messages)
        if patterns > MOST_PATTERNS:
            raise ControlError(f"a bundle with {patterns} patterns: give at most {MOST_PATTERNS}")
        own = [message for message in messages if self._own.knows(message)]
        meant = [each for message in messages if not self._own.knows(message) for each in self._meant(peer, message)]
        self._applier.together(peer, [each for each in meant if not each.asks])
        for each in meant:
            if each.asks:
                self._applier.answer(peer, each)
        for message in own:
            self._own.do(peer, message)

    def _due_messages(self, peer: Peer, bundle: OscBundle) -> list[OscMessage]:
        """Its messages, those of bundles in it too; what is later than the whole waits."""
        found: list[OscMessage] = []
        for element in bundle.elements:
            if isinstance(element, OscMessage):
                found.append(element)
                continue
            delay = self._schedule.delay(element.timetag)
            if delay > 0.0:
                self._let_wait(delay, peer, element)
            else:
                found += self._due_messages(peer, element)
        return found

    def _meant(self, peer: Peer, message: OscMessage) -> list[Meant]:
        if peer.session is not None:
            found = peer.session.incoming(message, self._line_of(peer))
            if found is not None:
                return found
        ours = self._applier.meant_natively(message)
        return [ours] if ours is not None else self._meant_by_others(peer, message)

    def _meant_by_others(self, peer: Peer, message: OscMessage) -> list[Meant]:
        """The first dialect that knows the word is what this surface speaks from now on.

        One that subscribed in our own words keeps to them.
        """
        is_ours = peer.session is None and peer.subscription is not None
        for name, new in self._dialects.items() if not is_ours else ():
            if peer.session is not None and peer.session.name == name:
                continue
            before, peer.session = peer.session, new()
            found = peer.session.incoming(message, self._line_of(peer))
            if found is not None:
                return found
            peer.session = before
        raise ControlError(f"nothing listens at {message.address[:80]!r}")
