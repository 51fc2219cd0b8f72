"""`stemrack play` in step with others: which master is followed, what is sent to whom."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from plugin_host.cli.reporting import note
from plugin_host.errors import ControlError

if TYPE_CHECKING:
    from plugin_host.control.midi.ports import MidiSystem
    from plugin_host.control.parameters.table import ParameterTable
    from plugin_host.control.sync.timecode import TimecodeRate

SENT = ("midi-clock", "mtc")
Master = Literal["off", "midi-clock", "mtc", "mmc", "link"]
Rate = Literal["24", "25", "29.97", "30"]

Follow = Annotated[Master, typer.Option("--sync", help="Follow this master.")]
FollowPort = Annotated[
    str, typer.Option("--sync-from", metavar="PORT", help="Port it is heard on, by part of its name, beside our own.")
]
Send = Annotated[
    list[str] | None,
    typer.Option("--sync-out", metavar="[midi-clock|mtc]", help="Be this master; may be repeated."),
]
SendPort = Annotated[
    str, typer.Option("--sync-to", metavar="PORT", help="Ports that hear it, by part of their names, beside our own.")
]
FrameRate = Annotated[Rate, typer.Option("--sync-rate", help="Frames a second of time code that is sent.")]
Start = Annotated[
    str, typer.Option("--sync-start", metavar="HH:MM:SS:FF", help="Time code at which the song begins, in and out.")
]
Offset = Annotated[
    float, typer.Option("--sync-offset", metavar="MS", min=-1000.0, max=1000.0, help="Sound later than the master.")
]


@dataclass(frozen=True, slots=True)
class SyncWishes:
    """What to follow and what to send. origin: seconds of time code at which the song begins; offset: seconds."""

    follow: str = "off"
    follow_port: str = ""
    send: tuple[str, ...] = ()
    send_port: str = ""
    rate: "TimecodeRate | None" = None
    origin: float = 0.0
    offset: float = 0.0

    @property
    def needs_midi(self) -> bool:
        """Whether something was asked for that goes through MIDI."""
        return bool(self.send) or self.follow not in ("off", "link")


NO_SYNC = SyncWishes()


def sync_wishes(
    follow: Master, follow_port: str, send: Sequence[str], send_port: str, rate: Rate, start: str, offset_ms: float
) -> SyncWishes:
    """The options as they were given; `ControlError` where the start is no time code."""
    from plugin_host.control.sync.timecode import rate_named, seconds_of_label

    if strange := [each for each in send if each not in SENT]:
        raise typer.BadParameter(f"{strange[0]!r}: give {' or '.join(SENT)}", param_hint="--sync-out")
    frame_rate = rate_named(rate)
    origin = seconds_of_label(start, frame_rate)
    return SyncWishes(follow, follow_port, tuple(send), send_port, frame_rate, origin, offset_ms / 1000)


def open_sync(table: "ParameterTable", wishes: SyncWishes, through: str | None, stack: ExitStack) -> None:
    """Follow and send as is wished. through: MIDI's API, "" the usual, None where there shall be no MIDI."""
    from plugin_host.control.sync.follower import FollowSettings, SyncFollower

    if through is None and wishes.needs_midi:
        raise ControlError("--sync and --sync-out go through MIDI: leave --no-midi out")
    settings = FollowSettings(wishes.follow_port, wishes.origin, wishes.offset)
    follower = stack.enter_context(closing(SyncFollower(table.host, partial(_system, through), settings)))
    if wishes.follow != "off":
        follower.follow(wishes.follow)
        note(f"following {wishes.follow}{_on(wishes.follow_port) if wishes.needs_midi else ''}")
    follower.start()
    if wishes.send:
        _open_sender(table, wishes, through, stack)


def _open_sender(table: "ParameterTable", wishes: SyncWishes, through: str | None, stack: ExitStack) -> None:
    from plugin_host.control.sync.sender import SendSettings, SyncOutput, SyncSender
    from plugin_host.control.sync.timecode import TimecodeRate

    settings = SendSettings(
        clock="midi-clock" in wishes.send,
        mtc="mtc" in wishes.send,
        part=wishes.send_port,
        rate=wishes.rate or TimecodeRate.PAL,
        origin=wishes.origin,
    )
    desk = table.host.desk
    output = SyncOutput(_system(through), settings.part, desk.warn)
    sender = stack.enter_context(closing(SyncSender(desk, table.host.rate, output, settings)))
    sender.start()
    note(f"sending {' and '.join(dict.fromkeys(wishes.send))}{_on(wishes.send_port)}")


def _system(through: str | None) -> "MidiSystem":
    from plugin_host.control.midi.rtmidi_ports import open_system

    if through is None:
        raise ControlError("MIDI is off: start without --no-midi")
    return open_system(through)


def _on(part: str) -> str:
    return f" on {part!r} and our own port" if part else " on our own port"
