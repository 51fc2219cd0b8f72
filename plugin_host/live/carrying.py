"""The state that a new engine begins with, brought up to what the old one did."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from plugin_host.errors import HostError
from plugin_host.live.messages import Begin
from plugin_host.live.shared import Snapshot
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Mix
from plugin_host.mix.transport import Transport, TransportCommand, apply_transport


def after(state: Begin, command: c.Command | TransportCommand, frames: int, song_frame: int) -> Begin:
    """The state after a command that was carried out at `song_frame`, in a song of `frames` frames."""
    try:
        if isinstance(command, c.Command):
            return replace(state, mix=apply(state.mix, command))
        transport = apply_transport(state.transport, command, frames)
        return replace(state, transport=replace(transport, position=song_frame))
    except HostError:
        return state


def with_all(mix: Mix, commands: Iterable[object]) -> Mix:
    """The mix after those of the commands that are a mix's and fit it."""
    for command in commands:
        if isinstance(command, c.Command):
            with suppress(HostError):
                mix = apply(mix, command)
    return mix


def where_it_was(transport: Transport, last: Snapshot) -> Transport:
    """The transport where the engine left it; what it shows may be a twentieth of a second old."""
    moved = transport.playing and bool(last.state["playing"])
    return replace(transport, position=int(last.state["song_frame"])) if moved else transport
