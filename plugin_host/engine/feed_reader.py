"""The feed's own thread: turns what was commanded into lines, and makes them ahead of the render thread."""

import threading
from collections import deque
from dataclasses import dataclass, replace

from plugin_host.engine.feed_line import CHUNK, FeedLine, Manner
from plugin_host.engine.feed_player import FeedPlayer, Order
from plugin_host.engine.feed_sources import SourceRows
from plugin_host.mix.transport import Pause, Play, Seek, Stop, Transport, TransportCommand
from separation_core.audio.frames import FrameSource

PREFILL = CHUNK
"""Frames of a line that are made before it is played."""
SWITCH_SECONDS = 0.03
"""How far ahead of what is being played a line that goes on from it begins: the time to make its first frames."""
POLL_SECONDS = 0.02
BUSY_POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class TransportChange:
    """A transport as it is after `cause` (None: it holds as a whole, position and all)."""

    transport: Transport
    cause: TransportCommand | None


@dataclass(frozen=True, slots=True)
class SourcesChange:
    """Other sources to read from."""

    sources: SourceRows
    handles: tuple[FrameSource, ...]


Change = TransportChange | SourcesChange


@dataclass(frozen=True, slots=True)
class Making:
    """How lines are made: rate in Hz, frames ahead."""

    rate: int
    ahead: int

    def line(self, sources: SourceRows, start: int, manner: Manner) -> FeedLine:
        """A new line from song frame `start` on."""
        return FeedLine(sources, start, manner, self.rate, self.ahead)


def manner_of(transport: Transport) -> Manner:
    """How a transport wants the song played."""
    drums = transport.transpose_drums and transport.semitones != 0.0
    return Manner(transport.loop, transport.speed, transport.semitones, drums)


@dataclass(frozen=True, slots=True)
class _Intent:
    """What shall be. goto: the song frame to go to; None to stay or go on. began: where Stop returns to."""

    playing: bool
    manner: Manner
    sources: SourceRows
    began: int
    goto: int | None = None


class FeedReader:
    """Takes changes and carries them out in its thread; the player is its only listener.

    The song goes on from the frame where it is, known to the sample, whenever a change does not name another. Changes
    that arrive faster than the player takes them up are carried out as one.
    """

    def __init__(
        self, player: FeedPlayer, making: Making, transport: Transport, handles: tuple[FrameSource, ...]
    ) -> None:
        self._player, self._making = player, making
        self._line = player.line
        self._ordered_playing = False
        manner, sources = manner_of(transport), self._line.sources
        self._intent = _Intent(transport.playing, manner, sources, transport.began)
        self._handles = handles
        self._replaced: list[FrameSource] = []
        self._changes: deque[Change] = deque()
        self._posted, self._carried = 0, -1
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self.retired: deque[FrameSource] = deque()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; harmless when done twice or before `start`."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def post(self, change: Change) -> None:
        """Have a change carried out soon. From one thread at a time."""
        self._changes.append(change)  # first: what is counted is there
        self._posted += 1
        self._wake.set()

    @property
    def arrived(self) -> bool:
        """Whether the player has taken up everything posted."""
        return self._carried == self._posted and not self._player.waiting

    @property
    def settled(self) -> bool:
        """Whether everything posted has become orders, and as much is ready as there is room for."""
        line = self._line
        full = line.complete or line.ring.writable < CHUNK
        return self._carried == self._posted and full

    def _run(self) -> None:
        while not self._closing:
            self._notice_the_end()
            taken = self._take_changes()
            outstanding = self._carry_out()
            if not outstanding:
                self._carried = taken
            if not self._line.make_some():
                self._wake.wait(BUSY_POLL_SECONDS if outstanding else POLL_SECONDS)
                self._wake.clear()

    def _notice_the_end(self) -> None:
        if self._ordered_playing and not self._player.waiting and not self._player.playing:
            self._ordered_playing = False
            if self._intent.goto is None:
                self._intent = replace(self._intent, playing=False)

    def _take_changes(self) -> int:
        """Fold all that was posted into the intent; how many changes have been folded so far."""
        while self._changes:
            change = self._changes.popleft()
            if isinstance(change, TransportChange):
                self._intent = self._after(change)
            else:
                self._take_sources(change)
        return self._posted - len(self._changes)

    def _take_sources(self, change: SourcesChange) -> None:
        self._intent = replace(self._intent, sources=change.sources)
        self._replaced.extend(self._handles)
        self._handles = change.handles

    def _after(self, change: TransportChange) -> _Intent:
        transport, intent = change.transport, replace(self._intent, manner=manner_of(change.transport))
        if change.cause is None:
            at = transport.position
            return replace(intent, playing=transport.playing, goto=at, began=transport.began)
        if isinstance(change.cause, Seek):
            return replace(intent, goto=transport.position, began=transport.position)
        if isinstance(change.cause, Play) and not intent.playing:
            return self._played(intent)
        if isinstance(change.cause, Stop) and intent.playing:
            return replace(intent, playing=False, goto=intent.began)
        return replace(intent, playing=False) if isinstance(change.cause, Pause) else intent

    def _played(self, intent: _Intent) -> _Intent:
        """Play from where it stands; from the song's beginning where it stands at the end."""
        at = self._player.song_frame if intent.goto is None else intent.goto
        if at >= intent.sources.frames:
            return replace(intent, playing=True, goto=0, began=0)
        return replace(intent, playing=True, began=at)

    def _carry_out(self) -> bool:
        """Order what the intent asks for, unless the player has not taken up the last order; whether any is left."""
        intent, line = self._intent, self._line
        moves = intent.goto is not None or intent.manner != line.manner or intent.sources is not line.sources
        if not moves and intent.playing == self._ordered_playing:
            return False
        if self._player.waiting:
            return True
        order = self._new_line(intent) if moves else Order(line, intent.playing)
        self._prefill(order)
        self._line, self._ordered_playing = order.line, intent.playing
        self._intent = replace(intent, goto=None)
        self._player.give(order)
        self._retire()
        return False

    def _retire(self) -> None:
        """Let go of sources that were replaced: the line that read them is made no further."""
        kept = {id(source) for source in self._handles}
        self.retired.extend(source for source in self._replaced if id(source) not in kept)
        self._replaced.clear()

    def _new_line(self, intent: _Intent) -> Order:
        """The line asked for, to be played from the frame where it goes on from the last one."""
        if intent.goto is not None:
            return Order(self._making.line(intent.sources, intent.goto, intent.manner), intent.playing)
        lead = round(SWITCH_SECONDS * self._making.rate) if self._player.playing else 0
        at = self._player.index + lead
        start = int(self._line.song_frame(at))
        return Order(self._making.line(intent.sources, start, intent.manner), intent.playing, at)

    def _prefill(self, order: Order) -> None:
        """Make the line's first frames, and as many more as were played while they were made."""
        line = order.line
        while line.ring.written - max(0, self._late(order)) < PREFILL and line.make_some():
            pass

    def _late(self, order: Order) -> int:
        return 0 if order.at is None else self._player.index - order.at
