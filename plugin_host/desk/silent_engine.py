"""An engine that plays nothing: commands are carried out at once, the song runs by the clock, no sound is made.

For a machine without the means to play, for trying a surface, and for tests of everything above the engine.
"""

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from plugin_host.errors import HostError
from plugin_host.live.port import (
    TAKE_MIX,
    Applied,
    CaptureLost,
    ClearClips,
    EngineCommand,
    EngineEvent,
    EngineStatus,
    Meter,
    Notice,
    Refused,
    SetReference,
    Stopped,
    number_of_move,
)
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take, TakeEvent
from plugin_host.mix.transport import Transport, TransportCommand, apply_transport


class SilentEngine:
    """An `EnginePort` without sound.

    frames, rate: of the song. clock: seconds, rising; another one makes time a test's own.
    """

    def __init__(
        self,
        mix: Mix,
        *,
        frames: int,
        rate: int,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mix = mix
        self.transport = transport or Transport()
        self._frames, self._rate, self._clock = frames, rate, clock
        self._born = self._since = clock()
        self._reference = False
        self._moves: tuple[TakeEvent, ...] = ()
        self._next = 0
        self._events: list[EngineEvent] = []
        self._lock = threading.Lock()

    def send_all(self, orders: Sequence[tuple[int, EngineCommand]]) -> None:
        """Carry the commands out now."""
        for number, command in orders:
            self.send(number, command)

    def send(self, number: int, command: EngineCommand) -> None:
        """Carry the command out now."""
        with self._lock:
            self._move_on()
            try:
                self._do(command)
            except HostError as error:
                self._events.append(Refused(number, str(error)))
            else:
                self._events.append(Applied((number,), self._engine_frame(), self.transport.position))

    def play_take(self, take: Take | None) -> None:
        """Carry out the take's moves as the song passes them; its mix is the desk's to set."""
        with self._lock:
            self._moves, self._next = (take.events if take else ()), 0
            if take:
                self._events.append(Applied((TAKE_MIX,), self._engine_frame(), self.transport.position))

    def capture(self, path: Path | None) -> None:
        """Says that there is nothing to capture."""
        if path is not None:
            with self._lock:
                self._events.append(Notice(f"{path}: not written: nothing sounds here"))
                self._events.append(CaptureLost(path))

    def status(self) -> EngineStatus:
        """Where the song is; every meter at rest."""
        with self._lock:
            self._move_on()
            return EngineStatus(
                alive=True,
                playing=self.transport.playing,
                reference=self._reference,
                song_frame=self.transport.position,
                engine_frame=self._engine_frame(),
                tracks={track.name: Meter() for track in self.mix.tracks},
                device="no sound",
            )

    def events(self) -> list[EngineEvent]:
        """What happened since the last call."""
        with self._lock:
            self._move_on()
            events, self._events = self._events, []
            return events

    def close(self) -> None:
        """Nothing is open."""

    def _do(self, command: EngineCommand) -> None:
        if isinstance(command, SetReference):
            self._reference = command.on
        elif isinstance(command, TransportCommand):
            self.transport = apply_transport(self.transport, command, self._frames)
        elif not isinstance(command, ClearClips):
            self.mix = apply(self.mix, command)

    def _engine_frame(self) -> int:
        return round((self._clock() - self._born) * self._rate)

    def _move_on(self) -> None:
        """Bring the position to the present: it wraps in a loop and stops at the song's end."""
        now = self._clock()
        passed, self._since = (now - self._since) * self._rate * self.transport.speed, now
        if not self.transport.playing:
            return
        position = self._wrapped(self.transport.position + round(passed))
        if position < self.transport.position and self.transport.loop:
            frames = [move.frame for move in self._moves]
            self._next = bisect_left(frames, self.transport.loop[0])
        if position >= self._frames:
            position = self._frames
            self._events.append(Stopped(position))
        self.transport = replace(self.transport, playing=position < self._frames, position=position)
        while self._next < len(self._moves) and self._moves[self._next].frame < position:
            move = self._moves[self._next]
            self._do(move.command)
            self._events.append(Applied((number_of_move(self._next),), self._engine_frame(), move.frame))
            self._next += 1

    def _wrapped(self, position: int) -> int:
        begin, end = self.transport.loop or (0, self._frames)
        if self.transport.loop and self.transport.position < end <= position:
            return begin + (position - begin) % (end - begin)
        return position
