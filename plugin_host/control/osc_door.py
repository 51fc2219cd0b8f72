"""A small door for OSC over UDP: enough to play, stop and ride the faders.

    /transport/play   /transport/stop   /transport/seek SECONDS
    /track/NAME/gain DB   /track/NAME/mute 0|1   /master/gain DB
    /ab [0|1]   /scene/NAME [SECONDS]

An address that a button sends takes effect when it is pressed: with 0 or false it does nothing.
"""

import math
import re
import socket
import threading
import time
from collections.abc import Callable

from plugin_host.control.osc_packet import Argument, OscError, OscMessage, messages
from plugin_host.desk.desk import Desk
from plugin_host.errors import HostError, MixError
from plugin_host.live.port import EngineCommand, SetReference
from plugin_host.mix.commands import SetGain, SetMasterGain, SetMute
from plugin_host.mix.scenes import Scene
from plugin_host.mix.transport import Play, Seek, Stop

LOOPBACK = "127.0.0.1"
ORIGIN = "osc"
WARN_EVERY = 5.0
"""Seconds between two warnings of packets that could not be used."""
_RECEIVE_BYTES = 4 * 1024 * 1024
_LARGEST_PACKET = 65_535
_TRACK = re.compile(r"/track/(?P<name>.+)/(?P<what>gain|mute)", re.DOTALL)
_SCENE = re.compile(r"/scene/(?P<name>[^/\\]+(?<!\.toml))", re.DOTALL)


class OscDoor:
    """Takes OSC packets on a UDP port, on its own thread, and does at the desk what they say.

    port 0 takes any free one (see `port`). scenes: a scene's name to the scene. Packets that cannot be used are
    counted in `refused` and told of as one warning every few seconds. `HostError` where the port is not free.
    """

    def __init__(
        self,
        desk: Desk,
        scenes: Callable[[str], Scene],
        *,
        port: int,
        host: str = LOOPBACK,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.received = 0
        self.refused = 0
        self._desk, self._scenes, self._rate, self._clock = desk, scenes, rate, clock
        self._told = 0
        self._tell_again = -math.inf
        self._socket = _bound(host, port)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="osc door", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The UDP port it listens on."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Listen no longer."""
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                packet = self._socket.recv(_LARGEST_PACKET)
            except TimeoutError:
                continue
            except OSError:  # Windows tells here that an answer of ours once found nobody
                continue
            self.received += 1
            self._take(packet)

    def _take(self, packet: bytes) -> None:
        try:
            for message in messages(packet):
                self._carry_out(message)
        except (OscError, HostError) as error:
            self.refused += 1
            self._warn(str(error))

    def _warn(self, text: str) -> None:
        now = self._clock()
        if now >= self._tell_again:
            self._tell_again = now + WARN_EVERY
            count, self._told = self.refused - self._told, self.refused
            self._desk.warn(f"OSC: {count} packet{'s' * (count > 1)} could not be used: {text}")

    def _carry_out(self, message: OscMessage) -> None:
        scene = _SCENE.fullmatch(message.address)
        if scene:
            seconds = _number(message, 0.0)
            self._desk.recall(self._scenes(scene["name"]), seconds, ORIGIN)
            return
        command = self._command(message)
        if command is not None:
            self._desk.do(command, ORIGIN)

    def _command(self, message: OscMessage) -> EngineCommand | None:
        address = message.address
        if address in ("/transport/play", "/transport/stop"):
            pressed = _number(message, 1.0) != 0.0
            return (Play() if address.endswith("play") else Stop()) if pressed else None
        if address == "/transport/seek":
            return Seek(_number(message) * self._rate)
        if address == "/master/gain":
            return SetMasterGain(_number(message))
        if address == "/ab":
            return SetReference(_number(message, float(not self._desk.reference)) != 0.0)
        track = _TRACK.fullmatch(address)
        if track is None:
            raise MixError(f"nothing listens at {address[:80]!r}")
        value = _number(message)
        return SetGain(track["name"], value) if track["what"] == "gain" else SetMute(track["name"], value != 0.0)


def _bound(host: str, port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        door.bind((host, port))
    except (OSError, OverflowError) as error:
        door.close()
        reason = getattr(error, "strerror", None) or error
        raise HostError(
            f"OSC port {port} on {host} cannot be used: {reason}: choose another with --osc-port"
        ) from error
    door.settimeout(0.1)
    return door


def _number(message: OscMessage, default: float | None = None) -> float:
    """The one argument as a number, whatever type it came as; the default where there is none."""
    if not message.arguments and default is not None:
        return default
    value: Argument = message.arguments[0] if len(message.arguments) == 1 else None
    try:
        number = math.nan if value is None else float(value)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise MixError(f"{message.address[:80]!r} takes one number")
    return number
