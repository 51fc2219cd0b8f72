"""OSCQuery's HTTP server and websocket, on one port and a thread of its own.

Source: "OSCQuery proposal", github.com/Vidvox/OSCQueryProposal.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from itertools import count

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from plugin_host.control.osc.packet import MAX_PACKET
from plugin_host.control.osc.peers import Peer
from plugin_host.control.osc.query.announce import Announcement
from plugin_host.control.osc.query.answers import answer
from plugin_host.control.osc.query.manners import may_ask
from plugin_host.control.osc.query.tree import as_json
from plugin_host.control.osc.server import OscServer
from plugin_host.control.osc.settings import OscSettings
from plugin_host.control.osc.sockets import listening_socket
from plugin_host.control.parameters.same_names import same_names
from plugin_host.control.parameters.table import ParameterTable

MOST_LISTENERS = 32
MOST_LISTENED = 5000
"""Addresses that one websocket may listen to."""
_LOOK_SECONDS = 1.0
_silent = logging.Logger("oscquery", logging.CRITICAL + 1)
"""What goes wrong with a client is the client's to see."""


class QueryServer:
    """Listens from the start; `close` ends it. `ControlError` where the port cannot be had."""

    def __init__(self, table: ParameterTable, settings: OscSettings, osc: OscServer) -> None:
        self._table, self._settings, self._osc = table, settings, osc
        self._socket = listening_socket(settings.listen, settings.oscquery_port or 0, "--oscquery-port")
        self._numbers = count(1)
        self._listeners: set[ServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="oscquery", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port of HTTP and websocket."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Listen no longer."""
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        port = self.port
        announcement = Announcement(self._settings.name, self._settings.listen, self._osc.port, port)
        serving = serve(
            self._listen, sock=self._socket, process_request=self._answer, max_size=MAX_PACKET, compression=None,
            logger=_silent, close_timeout=1.0, server_header=None,
        )  # fmt: skip
        async with serving:
            trouble = await announcement.begin()
            if trouble:
                self._table.host.desk.warn(trouble)
            await self._look_for_changes()
            await announcement.end()

    async def _look_for_changes(self) -> None:
        """Tell listeners when other addresses are there than before, until all ends."""
        seen = self._table.host.desk.mix
        while not self._ending.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), _LOOK_SECONDS)
            mix = self._table.host.desk.mix
            if not same_names(seen, mix):
                for listener in [*self._listeners]:
                    await _say(listener, {"COMMAND": "PATH_CHANGED", "DATA": "/"})
            seen = mix

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """A page of JSON; None where it is a websocket that may be opened."""
        origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
        if not self._settings.admits(connection.remote_address[0]) or not may_ask(origin, host):
            return connection.respond(HTTPStatus.FORBIDDEN, "")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            full = len(self._listeners) >= MOST_LISTENERS
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "") if full else None
        status, found = answer(
            self._table, request.path, self._settings.name, connection.local_address[0], self._osc.port
        )
        response = connection.respond(status, "" if found is None else as_json(found))
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        if origin is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
        return response

    async def _listen(self, connection: ServerConnection) -> None:
        """A websocket: LISTEN and IGNORE as JSON, OSC packets as bytes, both ways."""
        peer = Peer(f"osc websocket {next(self._numbers)}", self._sender(connection), truth=True)
        listened: set[str] = set()
        self._listeners.add(connection)
        self._osc.join(peer)
        try:
            async for said in connection:
                if isinstance(said, bytes):
                    self._osc.submit(peer, said)
                elif _change(listened, said):
                    self._osc.listen_to(peer, frozenset(listened))
        except ConnectionClosed:
            pass
        finally:
            self._listeners.discard(connection)
            self._osc.leave(peer)

    def _sender(self, connection: ServerConnection) -> Callable[[bytes], None]:
        """Sends from the OSC server's thread."""

        def send(packet: bytes) -> None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._send, connection, packet)

        return send

    def _send(self, connection: ServerConnection, packet: bytes) -> None:
        transport = connection.transport
        if transport.get_write_buffer_size() > 1024 * 1024:  # it does not read
            transport.abort()
        elif not transport.is_closing():
            broadcast((connection,), packet)


async def _say(connection: ServerConnection, said: dict[str, str]) -> None:
    with suppress(ConnectionClosed):
        await connection.send(json.dumps(said))


def _change(listened: set[str], said: str) -> bool:
    """Do what a command says to the addresses that are listened to; False where it is none."""
    try:
        command = json.loads(said)
    except (ValueError, RecursionError):
        return False
    address = command.get("DATA") if isinstance(command, dict) else None
    if not isinstance(address, str):
        return False
    if command.get("COMMAND") == "LISTEN" and len(listened) < MOST_LISTENED:
        listened.add(address)
    elif command.get("COMMAND") == "IGNORE":
        listened.discard(address)
    else:
        return False
    return True
