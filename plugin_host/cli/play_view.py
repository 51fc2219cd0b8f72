"""What `stemrack play` shows: tracks, meters, position and health, ten times a second; quiet, only warnings."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from plugin_host.cli.reporting import clock, decibels, note, out
from plugin_host.desk import events as e
from plugin_host.desk.desk import Desk
from plugin_host.live.port import EngineStatus, Meter
from plugin_host.mix.limits import MAX_TRACKS
from plugin_host.mix.state import Mix, Track, is_audible
from plugin_host.mix.transport import Transport

FRAMES_A_SECOND = 10
MESSAGES = 4
"""Lines that stay below the picture."""
METER_WIDTH = 24
METER_FLOOR_DB = -60.0
NAME_WIDTH = 32
_WARNINGS = (e.DeskWarning, e.EngineDied, e.EngineBack)


class PlayView:
    """Follows a desk on the terminal until told to end, from when it is made: what is told meanwhile waits.

    rate: Hz of the song, frames: its length. quiet: no picture, warnings go to stderr one a line; so too where the
    output is no terminal. `close` when desk and engine have ended.
    """

    def __init__(self, desk: Desk, *, rate: int, frames: int, quiet: bool = False, console: Console = out) -> None:
        self._desk, self._rate, self.frames, self._console = desk, rate, frames, console
        self._quiet = quiet or not console.is_terminal
        self._messages: deque[str] = deque(maxlen=None if self._quiet else MESSAGES)
        self._subscription = desk.subscribe()

    def run(self, ended: Callable[[], bool]) -> None:
        """Show until `ended()`; it is asked ten times a second."""
        if self._quiet:
            self._warn_until(ended)
        else:
            self._draw_until(ended)

    def close(self) -> None:
        """Say what the picture took with it, and the last words of engine and desk: a take that was kept, or lost."""
        with self._subscription:
            self._desk.hear_out()
            self._take_in()
        for text in self._messages:
            note(text)

    def _take_in(self, wait_seconds: float = 0.0) -> None:
        events = self._subscription.drain(wait_seconds)
        self._messages.extend(_spoken(event for event in events if not self._quiet or isinstance(event, _WARNINGS)))

    def _warn_until(self, ended: Callable[[], bool]) -> None:
        while not ended():
            self._take_in(1.0 / FRAMES_A_SECOND)
            while self._messages:
                note(self._messages.popleft())

    def _draw_until(self, ended: Callable[[], bool]) -> None:
        with Live(self._picture(), console=self._console, auto_refresh=False, transient=True) as live:
            while not ended():
                time.sleep(1.0 / FRAMES_A_SECOND)
                self._take_in()
                live.update(self._picture(), refresh=True)

    def _picture(self) -> Group:
        desk, messages, status = self._desk, [*self._messages], self._desk.status()
        above = _above(desk.transport, status, self._rate, self.frames)
        wrapped = sum(len(line.wrap(self._console, self._console.width)) for line in above)
        rows = max(1, self._console.height - 2 - wrapped - len(messages))
        return picture(desk.mix, desk.transport, status, self._rate, self.frames, messages, rows)


def picture(
    mix: Mix,
    transport: Transport,
    status: EngineStatus,
    rate: int,
    frames: int,
    messages: Iterable[str] = (),
    rows: int = MAX_TRACKS,
) -> Group:
    """All of it, to be printed by rich. rows: tracks there is room for; the master is always shown."""
    return Group(
        *_above(transport, status, rate, frames),
        _meters(mix, status, rows),
        *(_cut(message, "yellow") for message in messages),
    )


def _above(transport: Transport, status: EngineStatus, rate: int, frames: int) -> tuple[Text, Text]:
    style = "dim" if status.alive and not status.dropouts else "yellow"
    return Text(position_line(transport, status, rate, frames), style="bold"), Text(health_line(status), style=style)


def position_line(transport: Transport, status: EngineStatus, rate: int, frames: int) -> str:
    """▶ 0:12.3 / 3:20.0, bar 7.2, and what is not as usual: loop, speed, transposition, the original."""
    parts = [f"{'▶' if status.playing else '■'} {clock(status.song_frame / rate)} / {clock(frames / rate)}"]
    if transport.tempo:
        beats = int(status.song_frame / rate * transport.tempo / 60)
        parts.append(f"bar {beats // transport.beats_per_bar + 1}.{beats % transport.beats_per_bar + 1}")
    if transport.loop:
        begin, end = transport.loop
        parts.append(f"loop {clock(begin / rate)}–{clock(end / rate)}")
    if transport.speed != 1.0:
        parts.append(f"speed {transport.speed:g}")
    if transport.semitones:
        parts.append(f"{transport.semitones:+g} semitones")
    if status.reference:
        parts.append("ORIGINAL")
    return "  ".join(parts)


def health_line(status: EngineStatus) -> str:
    """Device, load and what went wrong so far."""
    if not status.alive:
        return "the engine is being started …"
    counts = (
        (status.dropouts, "dropouts"),
        (status.xruns, "xruns"),
        (status.starved, "frames late from disk"),
        (status.restarts, "restarts"),
    )
    wrong = "  ".join(f"{count} {what}" for count, what in counts if count) or "no dropouts"
    return f"{status.device}  load {status.load:.0%}  {status.latency_ms:.0f} ms to the ear  {wrong}"


def _meters(mix: Mix, status: EngineStatus, rows: int) -> Table:
    kept = Column(no_wrap=True)
    columns = (Column(no_wrap=True, max_width=NAME_WIDTH), kept, kept.copy(), Column(), kept.copy(), kept.copy())
    table = Table.grid(*columns, padding=(0, 2))
    shown = mix.tracks if len(mix.tracks) <= rows else mix.tracks[: rows - 1]
    for track in shown:
        meter = status.tracks.get(track.name, Meter())
        name = _cut(track.name, "" if is_audible(track, mix) else "dim")
        table.add_row(name, decibels(track.gain_db), marks(track, mix), *_levels(meter))
    if len(shown) < len(mix.tracks):
        table.add_row(_cut(f"and {len(mix.tracks) - len(shown)} more", "dim"))
    table.add_row(
        _cut("master"), decibels(mix.master.gain_db), f"{decibels(status.lufs, 'LUFS')}", *_levels(status.master)
    )
    return table


def _cut(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def marks(track: Track, mix: Mix) -> str:
    """M muted, S solo; m and s where it is its group that is."""
    group = mix.group(track.group) if track.group else None
    own = ("M" if track.mute else "") + ("S" if track.solo else "")
    shared = ("m" if group and group.mute else "") + ("s" if group and group.solo else "")
    return own + shared


def _levels(meter: Meter) -> tuple[Text, str, str]:
    peak = max(meter.peak)
    peak_db = 20.0 * math.log10(peak) if peak > 0.0 else -math.inf
    reduced = f"−{meter.reduction_db:.1f}" if meter.reduction_db >= 0.05 else ""
    return bar(peak_db), "CLIP" if meter.clipped else "", reduced


def bar(peak_db: float) -> Text:
    """A level from -60 dB (nothing) to 0 dB (all of it): green, yellow from -12 dB, red from -1 dB."""
    share = min(max(1.0 - peak_db / METER_FLOOR_DB, 0.0), 1.0)
    style = "red" if peak_db >= -1.0 else "yellow" if peak_db >= -12.0 else "green"
    filled = round(share * METER_WIDTH)
    meter = Text("█" * filled, style=style, no_wrap=True, overflow="crop")
    return meter.append("·" * (METER_WIDTH - filled), style="dim")


def _spoken(events: Iterable[e.DeskEvent]) -> list[str]:
    """The events that a person should read."""
    return [text for event in events if (text := _line(event))]


def _line(event: e.DeskEvent) -> str:
    match event:
        case e.DeskWarning(text):
            return text
        case e.EngineDied(text):
            return f"{text}; starting it again"
        case e.EngineBack(bypassed):
            return f"the engine plays again{f', passing by {bypassed}' if bypassed else ''}"
        case e.TakeBegun(name):
            return f"recording take {name!r}"
        case e.TakeRecorded(name, path, moves):
            return f"take {name!r}: {moves} moves in {path}"
    return ""
