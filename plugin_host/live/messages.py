"""What goes through the pipe between the host and the engine's process, beside the commands themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plugin_host.engine.outputs.request import OutputKind
from plugin_host.live.port import EngineCommand
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take
from plugin_host.mix.transport import Transport

JackMode = Literal["off", "follow", "lead", "both"]
"""Whether JACK's transport moves the song's (follow), the song's JACK's (lead), each the other, or neither."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What stays as it is while the engine runs.

    session: its folder. output: "null", "portaudio", "jack" or "file". device: by name, "" for the usual one. buffer:
    frames. ahead: buffers that are rendered ahead of the device. direct: tracks have outputs of their own; "pre" or
    "post" fader, "" for the master alone, and the tracks that `outs` names. outs: by which of the device's channels
    (from 1; () none) "master" or a track leaves, where it is not the next free pair. path: of the file that is the
    output. allow_missing: plugins that are not there are passed by. scratch: folder for what is rendered ahead.
    must_open: whether a device, stem or plugin that is not there is an error; else the first is waited for, the second
    silent, the third passed by. known_rate: Hz that the device had, and may have when it is back. avoid: plugins that
    are never loaded, by path. jack_transport: where the output is "jack".
    """

    session: Path
    output: OutputKind = "null"
    device: str = ""
    buffer: int = 256
    ahead: int = 4
    direct: str = ""
    outs: tuple[tuple[str, tuple[int, int] | tuple[()]], ...] = ()
    path: Path | None = None
    allow_missing: bool = False
    scratch: Path | None = None
    must_open: bool = True
    known_rate: int | None = None
    avoid: tuple[str, ...] = ()
    jack_transport: JackMode = "off"


@dataclass(frozen=True, slots=True)
class Begin:
    """The state to begin with, or to go on with after a crash."""

    mix: Mix
    transport: Transport
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Orders:
    """Commands in order, each with the number to report it under."""

    commands: tuple[tuple[int, EngineCommand], ...]


@dataclass(frozen=True, slots=True)
class PlayTake:
    """Carry out a take; None ends it."""

    take: Take | None


@dataclass(frozen=True, slots=True)
class Capture:
    """Write what is heard to a file; None ends it."""

    path: Path | None


@dataclass(frozen=True, slots=True)
class Finish:
    """End the process in good order."""


Request = Begin | Orders | PlayTake | Capture | Finish


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine plays. device: in words. latency_ms: from a command to the ear. buffer, rate: the device's own.

    ahead_frames, latency_ms and buffer are as at the start: a JACK server may change them. real_time: False where that
    server does not run so.
    """

    device: str
    rate: int
    buffer: int
    ahead_frames: int
    latency_ms: float
    real_time: bool = True


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine could not begin: one line for the user. The process ends."""

    text: str
