"""The OSC server: one thread that receives, does, and tells."""

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from plugin_host.control.osc.applying import Applier
from plugin_host.control.osc.complaints import Complaints
from plugin_host.control.osc.connection import Connection
from plugin_host.control.osc.conversation import Conversation
from plugin_host.control.osc.dialects.session import NewSession
from plugin_host.control.osc.line import PeerLine
from plugin_host.control.osc.own_words import OwnWords
from plugin_host.control.osc.packet import MAX_PACKET, OscBundle, OscError
from plugin_host.control.osc.peers import Peer, Peers, Place, Subscription
from plugin_host.control.osc.schedule import Schedule
from plugin_host.control.osc.settings import OscSettings
from plugin_host.control.osc.sockets import listening_socket, receive_bytes, udp_socket
from plugin_host.control.osc.telling import Teller
from plugin_host.control.parameters.table import ParameterTable

MOST_AT_ONCE = 512
"""Packets looked at before what they say is done."""
MOST_HELD_BYTES = 64 * 1024 * 1024
PACKET_BYTES = 200
"""What may wait in memory, and what a packet takes beside its own bytes."""
MOST_CONNECTIONS = 32
MOST_ERRANDS = 50_000
_IDLE_SECONDS = 0.25
_AFTER_FAULT_SECONDS = 0.05
_FOREVER = float("inf")


class OscServer:
    """Listens from the start; `close` ends it. dialects: by name. `ControlError` where a port cannot be had.

    received: packets so far. clock: seconds.
    """

    def __init__(
        self,
        table: ParameterTable,
        settings: OscSettings,
        complaints: Complaints,
        dialects: dict[str, NewSession],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.received = 0
        self.complaints = complaints
        self._settings, self._clock = settings, clock
        self._admitted: dict[str, bool] = {}
        self._peers = Peers(self._send_udp)
        self._teller = Teller(table, self._peers)
        self._schedule: Schedule[tuple[Peer, OscBundle]] = Schedule(table.host.desk.warn, clock=clock)
        own = OwnWords(self._peers, self._teller, dialects, clock, settings.name)
        applier = Applier(table, complaints, self._peers, clock)
        self._conversation = Conversation(applier, own, self._schedule, complaints, dialects, self._line)
        self._tell_targets(dialects)
        self._held: deque[tuple[bytes, Place]] = deque()
        self._held_bytes = 0
        self._errands: deque[Callable[[], None]] = deque()
        self._ending = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._open_sockets()
        self._thread = threading.Thread(target=self._run, name="osc server", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The UDP port."""
        return int(self._udp.getsockname()[1])

    @property
    def listen(self) -> str:
        """The address it listens on."""
        return str(self._udp.getsockname()[0])

    @property
    def tcp_port(self) -> int | None:
        """The TCP port, None where there is none."""
        return int(self._tcp.getsockname()[1]) if self._tcp else None

    @property
    def receive_bytes(self) -> int:
        """What the kernel keeps of what comes while the server is busy."""
        return receive_bytes(self._udp)

    @property
    def dropped(self) -> int:
        """Messages that were not sent, for a surface took them too slowly."""
        return self.complaints.dropped + sum(peer.dropped for peer in self._peers.all())

    def join(self, peer: Peer) -> None:
        """A surface that comes another way; from any thread, as the next two."""
        self._run_errand(lambda: self._peers.connected.append(peer))

    def leave(self, peer: Peer) -> None:
        """It is gone."""
        self._run_errand(lambda: self._peers.connected.remove(peer))

    def submit(self, peer: Peer, packet: bytes) -> None:
        """A packet of its."""
        self._run_errand(lambda: self._take(peer, packet))

    def listen_to(self, peer: Peer, addresses: frozenset[str]) -> None:
        """Tell it of those addresses from now on, and no others."""
        self._run_errand(lambda: self._listen_to(peer, addresses))

    def close(self) -> None:
        """Listen no longer."""
        self._ending.set()
        self._wake()
        self._thread.join()
        self._teller.close()
        for key in [*self._selector.get_map().values()]:
            key.fileobj.close()  # type: ignore[union-attr]  # all of them are sockets
        self._waker.close()
        self._selector.close()

    def _open_sockets(self) -> None:
        self._udp = udp_socket(self._settings.listen, self._settings.port)
        self._tcp: socket.socket | None = None
        try:
            if self._settings.tcp_port is not None:
                self._tcp = listening_socket(self._settings.listen, self._settings.tcp_port)
        except BaseException:
            self._udp.close()
            self._selector.close()
            raise
        self._waker, woken = socket.socketpair()
        self._waker.setblocking(False)
        self._selector.register(woken, selectors.EVENT_READ, lambda _: woken.recv(64))
        self._selector.register(self._udp, selectors.EVENT_READ, lambda _: self._read_udp())
        if self._tcp:
            self._selector.register(self._tcp, selectors.EVENT_READ, lambda _: self._accept())

    def _tell_targets(self, dialects: dict[str, NewSession]) -> None:
        for host, port, dialect in self._settings.targets:
            peer = self._peers.name((host, port), self._clock())
            self._teller.subscribe(peer, Subscription(_FOREVER, obeys=True))
            peer.session = dialects[dialect]() if dialect else None
            self._teller.refresh(peer)

    def _listen_to(self, peer: Peer, addresses: frozenset[str]) -> None:
        if addresses:
            self._teller.subscribe(peer, Subscription(_FOREVER, addresses, looks=True))
        else:
            peer.subscription = None

    def _run_errand(self, errand: Callable[[], None]) -> None:
        if len(self._errands) < MOST_ERRANDS:
            self._errands.append(errand)
            self._wake()

    def _wake(self) -> None:
        with suppress(OSError):  # enough is waiting to be read, or it is closed
            self._waker.send(b"\0")

    def _line(self, peer: Peer) -> PeerLine:
        return PeerLine(peer, self._peers, self._teller, self._clock)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001  (what is wrong with one message must not silence all)
                self.complaints.refuse(f"{type(error).__name__}: {error}")
                self.complaints.tell()
                self._ending.wait(_AFTER_FAULT_SECONDS)

    def _turn(self) -> None:
        wait = min(self._schedule.next_in(), self._teller.wait_seconds(_IDLE_SECONDS))
        for key, mask in self._selector.select(0.0 if self._held else wait):
            key.data(mask)
        self._take_some()
        while self._errands:
            self._errands.popleft()()
        self._conversation.flush()
        self.complaints.tell()
        self._conversation.each_second(self._teller.tick(self._clock()))

    def _read_udp(self) -> None:
        """Empty the kernel's buffer first, for in a burst it fills faster than what it holds can be done."""
        receive, held = self._udp.recvfrom, self._held
        while self._held_bytes < MOST_HELD_BYTES:
            try:
                packet, source = receive(MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:  # Windows tells here that an answer of ours once found nobody
                continue
            if self._admits(source[0]):
                held.append((packet, source))
                self._held_bytes += len(packet) + PACKET_BYTES

    def _take_some(self) -> None:
        at, now = self._peers.at, self._clock()
        for _ in range(min(len(self._held), MOST_AT_ONCE)):
            packet, source = self._held.popleft()
            self._held_bytes -= len(packet) + PACKET_BYTES
            self._take(at(source, now), packet)

    def _take(self, peer: Peer, packet: bytes) -> None:
        self.received += 1
        self._conversation.take(peer, packet)

    def _admits(self, host: str) -> bool:
        if not self._settings.allow:
            return True
        admitted = self._admitted.get(host)
        if admitted is None:
            if len(self._admitted) > 1000:
                self._admitted.clear()
            admitted = self._admitted[host] = self._settings.admits(host)
        if not admitted:
            self.complaints.deny(host)
        return admitted

    def _send_udp(self, packet: bytes, place: Place) -> None:
        try:
            self._udp.sendto(packet, place)
        except OSError:  # the network is busy or gone: feedback is not worth waiting for
            self.complaints.dropped += 1

    def _accept(self) -> None:
        if self._tcp is None:
            return
        try:
            connected, source = self._tcp.accept()
        except OSError:
            return
        if not self._admits(source[0]):
            connected.close()
            return
        if len(self._peers.connected) >= MOST_CONNECTIONS:
            self.complaints.refuse(f"{source[0]} is one connection too many over TCP: {MOST_CONNECTIONS} are open")
            connected.close()
            return
        connection = Connection(connected, self._interest)
        peer = Peer(f"osc tcp {source[0]}:{source[1]}", connection.send)
        self._peers.connected.append(peer)
        self._selector.register(connected, selectors.EVENT_READ, lambda mask: self._serve(peer, connection, mask))

    def _serve(self, peer: Peer, connection: Connection, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            connection.write()
        if mask & selectors.EVENT_READ:
            try:
                for packet in connection.read():
                    self._take(peer, packet)
            except OscError as error:
                self.complaints.refuse(str(error))
        if not connection.is_open:
            self._hang_up(peer, connection)

    def _hang_up(self, peer: Peer, connection: Connection) -> None:
        self._peers.connected.remove(peer)
        self._selector.unregister(connection.socket)
        connection.socket.close()

    def _interest(self, connection: Connection, writes: bool) -> None:
        """Wake for writing only while something waits; where sending failed, wake to hang up."""
        key = self._selector.get_map().get(connection.socket)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writes or not connection.is_open else 0)
        if key is not None and key.events != events:
            self._selector.modify(connection.socket, events, key.data)
