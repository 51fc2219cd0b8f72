"""JACK: a stereo pair of ports per signal, and JACK's transport."""

import contextlib
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from plugin_host.engine.outputs.contract import Pull, Rolling
from plugin_host.engine.outputs.pull_room import PullRoom
from plugin_host.engine.outputs.request import MASTER, Lane, OutputRequest
from plugin_host.errors import OutputError

CLIENT_NAME = "stemrack"
CLIENTS_COME_AND_GO = threading.Lock()
"""To be held while a client of this process is opened or closed: in two threads at once, libjack crashes."""
_LEAVING_SECONDS = 1.0
_POLL_SECONDS = 0.001
_ONE_CALLBACK_SECONDS = 0.1
"""More than a callback takes on a busy machine."""
_ABANDONED: list[Any] = []
"""Clients of servers that hang: should these wake up, they call back."""
_SYNC_MICROSECONDS = 2_000_000
"""How long the transport waits for clients; JACK 2's own ten seconds all pass when a program joins meanwhile."""
_LONGEST_NAME = 200
"""Bytes of UTF-8 in a port's name; JACK has 320 for the client's and the port's together."""


class JackOutput:
    """A client of a JACK server. rate and buffer are the server's; device is the server's name.

    real_time: whether the server runs so. Lanes without a name have no ports until `name_lanes`.

    The master is connected to the server's first two loudspeaker ports, where there are any; a lane with `channels` to
    those ports. When the server goes, the output is no longer alive; it must still be stopped.
    """

    tells_its_end = True

    def __init__(self, request: OutputRequest) -> None:
        self._jack = library()
        self._server = request.device
        self._client = _open_client(self._jack, request.device)
        self.rate: int = self._client.samplerate
        self.channels = 2 * len(request.lanes)
        self.alive, self.xruns = True, 0
        self._reason = ""
        self.lanes, self._follower = request.lanes, request.transport
        self._ports: list[Any] = []
        self._room: PullRoom | None = None
        self._leaving = False
        self._last_thread = 0
        self._active = False
        # The client's memory goes when it is closed: whoever asks it for something holds this. No callback does.
        self._lifetime = threading.Lock()
        try:
            self._prepare(request)
        except OutputError:
            self.stop()
            raise

    @property
    def title(self) -> str:
        """Which server, and under which name we are known to it."""
        return f"JACK server {self._server or 'default'}, as {self._name}"

    @property
    def buffer(self) -> int:
        """The server's period in frames, also after the user changed it."""
        return self._buffer

    @property
    def problem(self) -> str:
        """Why the server is gone, or what the pull died of."""
        return self._reason or ("" if self._room is None else self._room.failure)

    @property
    def latency_frames(self) -> int:
        """One period; what the driver adds, JACK's own tools tell."""
        return self._buffer

    def start(self, pull: Pull) -> None:
        """Begin to pull, and connect what is to be heard."""
        self._room = PullRoom(self.channels, pull)
        try:
            self._client.activate()
        except self._jack.JackError as error:
            raise OutputError(f"{self.title}: {error}; is it still running?") from None
        self._active = True
        self._connect()

    def stop(self) -> None:
        """Leave the server; takes up to a second where it hangs."""
        with self._lifetime:
            client, self._client = self._client, None
        if client is None:
            return
        running, self.alive = self._active and self.alive, False
        self._leaving = True
        if running and not self._thread_has_ended():
            client._ptr = self._jack._ffi.NULL  # never closed, also not at the end of the process: that hangs
            _ABANDONED.append(client)
        else:
            self._close(client)

    def name_lanes(self, lanes: tuple[Lane, ...]) -> None:
        """Give ports to lanes that had no name yet, while it plays; `OutputError` where the server has no room.

        lanes: as many as before, and those that had a name the same.
        """
        before, self.lanes = self.lanes, lanes
        names = port_names(lanes)
        with self._lifetime:
            if self._client is None or not self.alive:
                return
            for place, (old, new) in enumerate(zip(before, lanes, strict=True)):
                if new.name and not old.name:
                    pair = slice(2 * place, 2 * place + 2)
                    self._ports[pair] = self._registered(names[pair])  # at once, for the callback that goes over them

    def transport_state(self) -> tuple[bool, int]:
        """Whether JACK's transport rolls, and at which frame (of the server's rate); (False, 0) once it is gone.

        To follow it to the frame, give a `TransportFollower` with the request.
        """
        with self._lifetime:
            if self._client is None or not self.alive:
                return False, 0
            state, position = self._client.transport_query()
            return state == self._jack.ROLLING, int(position.get("frame", 0))

    def transport_start(self) -> None:
        """Let every client of the server roll."""
        with self._lifetime:
            if self._client is not None and self.alive:
                self._client.transport_start()

    def transport_stop(self) -> None:
        """Stop every client of the server."""
        with self._lifetime:
            if self._client is not None and self.alive:
                self._client.transport_stop()

    def transport_locate(self, frame: int) -> None:
        """Send every client of the server to a frame (of the server's rate, from 0)."""
        with self._lifetime, contextlib.suppress(self._jack.JackError):  # gone meanwhile: `alive` tells
            if self._client is not None and self.alive:
                self._client.transport_frame = max(0, frame)

    def _prepare(self, request: OutputRequest) -> None:
        client = self._client
        self._pointer = client._ptr
        self._name: str = client.name
        self._buffer: int = client.blocksize
        self.real_time: bool = client.realtime
        if request.device_rate not in (None, self.rate):
            raise OutputError(
                f"{self.title} runs at {self.rate} Hz, not {request.device_rate}: start jackd with that rate (-r)"
            )
        self._ports = self._registered(port_names(request.lanes))
        try:
            client.set_process_callback(self._process)
            if self._follower is not None:
                self._place = self._jack._ffi.new(
                    "jack_position_t*"
                )  # one of our own: the client's is for other threads
                client.set_sync_callback(self._is_ready)
                client.set_sync_timeout(_SYNC_MICROSECONDS)
            client.set_blocksize_callback(self._note_buffer)
            client.set_xrun_callback(self._note_xrun)
            client.set_shutdown_callback(self._note_shutdown)
        except self._jack.JackError as error:
            raise OutputError(f"{self.title}: {error}; is it still running?") from None

    def _registered(self, names: Sequence[str]) -> list[Any]:
        """A port of each name, None for ""."""
        try:
            return [self._client.outports.register(name) if name else None for name in names]
        except self._jack.JackError as error:
            raise OutputError(
                f"{self.title} has no room for {sum(map(bool, names))} ports ({error}): send fewer tracks, or give"
                " jackd more ports (-p)"
            ) from None

    def _thread_has_ended(self) -> bool:
        """Wait until JACK's thread has ended of itself, as it does after a callback that says so; False if it hangs.

        Closing a client cancels its threads wherever they are. One that waits for the interpreter just then, as is
        likely where others compute, takes the interpreter's lock with it, and the process stands still for ever.
        """
        until = time.monotonic() + _LEAVING_SECONDS
        while not self._last_thread and not self._reason:
            if time.monotonic() > until:
                return False
            time.sleep(_POLL_SECONDS)
        thread = Path(f"/proc/self/task/{self._last_thread}")  # Linux; elsewhere the pause before closing must do
        while thread.exists() and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        return True

    def _close(self, client: Any) -> None:
        nothing = self._jack._ffi.NULL
        # The thread that brings notices is cancelled likewise: no more of those that come often, then let one end.
        self._jack._lib.jack_set_xrun_callback(client._ptr, nothing, nothing)
        if self._active:
            time.sleep(_ONE_CALLBACK_SECONDS)
        with CLIENTS_COME_AND_GO:
            client.close()

    def _process(self, frames: int) -> None:
        if self._leaving:
            self._last_thread = threading.get_native_id()
            raise self._jack.CallbackExit
        if self._room is None:
            return
        if self._follower is not None:
            state = self._jack._lib.jack_transport_query(self._pointer, self._place)
            self._follower.cycle(_rolling(self._jack, state), int(self._place.frame))
        for port, samples in zip(self._ports, self._room.take(frames), strict=True):
            if port is not None:
                port.get_array()[:] = samples

    def _is_ready(self, _: int, position: Any) -> bool:
        return self._leaving or self._follower is None or self._follower.is_ready(int(position.frame))

    def _note_buffer(self, frames: int) -> None:
        self._buffer = frames

    def _note_xrun(self, _: float) -> None:
        self.xruns += 1

    def _note_shutdown(self, _: object, reason: str) -> None:
        self._reason = reason or "it has shut down"
        self.alive = False

    def _connect(self) -> None:
        with contextlib.suppress(self._jack.JackError):  # a patchbay may have connected them first; it is a convenience
            speakers = self._client.get_ports(is_audio=True, is_input=True, is_physical=True)
            for lane, left in zip(self.lanes, range(0, self.channels, 2), strict=True):
                usual = (1, 2) if lane.name == MASTER else ()
                chosen = usual if lane.channels is None else lane.channels
                for side, channel in enumerate(chosen):
                    if channel <= len(speakers):
                        self._client.connect(self._ports[left + side], speakers[channel - 1])


def _rolling(jack: Any, state: int) -> Rolling:
    if state == jack.STOPPED:
        return "no"
    return "yes" if state == jack.ROLLING else "starting"


def library() -> Any:
    """The `jack` module, quiet; `OutputError` names what is missing. (It has no type hints, hence Any.)"""
    try:
        import jack  # here and not above: without JACK on this machine it cannot be imported
    except ImportError:
        raise OutputError("JACK needs the Python package JACK-Client: pip install JACK-Client") from None
    except OSError:
        raise OutputError(
            "JACK is not installed: install it (apt-get install jackd2, or jackaudio.org), or use --device or --null"
        ) from None
    jack.set_error_function(_be_quiet)
    jack.set_info_function(_be_quiet)
    return jack


def port_names(lanes: Sequence[Lane]) -> list[str]:
    """`vocals_L`, `vocals_R` …: one pair per lane, no name twice, and none that JACK would refuse or cut.

    A lane without a name has ports without names.
    """
    names: list[str] = []
    for lane in lanes:
        plain = lane.name.replace(":", "-").encode()[:_LONGEST_NAME].decode(errors="ignore")
        name, number = plain, 1
        while f"{name}_L" in names:
            number += 1
            name = f"{plain}-{number}"
        names += (f"{name}_L", f"{name}_R") if plain else ("", "")
    return names


def _open_client(jack: Any, server: str) -> Any:
    try:
        with CLIENTS_COME_AND_GO:
            return jack.Client(CLIENT_NAME, no_start_server=True, servername=server or None)
    except jack.JackOpenError:
        named = f" named {server!r}" if server else ""
        raise OutputError(
            f"no JACK server{named} is running: start one (jackd{f' -n {server}' if server else ''} -d alsa), or use"
            " --device or --null"
        ) from None


def _be_quiet(_: str) -> None:
    """What libjack prints goes to nobody: it would run through the terminal view; errors are told by exceptions."""
