"""What goes into the mixer: the stems and the song in play order, read ahead by a thread of its own.

    control thread ── command, set_sources ──▶ feed thread: a new line, its first frames made, then an order
    render thread  ── read ◀── the line's ring; the order is taken up at a frame, with a fade

The render thread waits on nothing. A line is the song from one place on in one manner (loop, speed, pitch) with one set
of sources; whatever changes these begins a new line, and playing fades across when its first frames are there. A loop
goes round inside a line, exact to the sample. Files are read where they are needed, never mapped, so that one that is
cut short while it plays is silent rather than the end of the process.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self, TypeVar

from plugin_host.engine.feed_player import FeedBlock, FeedPlayer
from plugin_host.engine.feed_reader import FeedReader, Making, SourcesChange, TransportChange, manner_of
from plugin_host.engine.feed_sources import SourceRows
from plugin_host.mix.transport import Transport, TransportCommand
from separation_core.audio.frames import FrameSource

DEFAULT_AHEAD_SECONDS = 1.0
USUAL_DRUMS = frozenset({"drums"})
Thing = TypeVar("Thing")
_SETTLE_POLL_SECONDS = 0.001


class Feed:
    """Plays sources as a transport says. Speed keeps the pitch, and all sources are stretched with one map.

    sources: stereo, by the name that `read` asks for. reference: the song, in step with them; they are the caller's to
    close, after `close` or once `retired` names them. The song ends with the longest. rate in Hz. drums: names of the
    sources that are transposed only where the transport says so. ahead_seconds: how much is made ahead, and the
    longest block that can be read.

    `ready`, `can_take_up`, `take_up`, `read` and `song_frame` are for the render thread, everything else for the
    control thread. The feed knows better than a transport where the song is: it takes `position` from it only after
    Seek and where there is no cause.
    """

    def __init__(
        self,
        sources: Mapping[str, FrameSource],
        reference: FrameSource,
        rate: int,
        *,
        transport: Transport,
        drums: frozenset[str] = USUAL_DRUMS,
        ahead_seconds: float = DEFAULT_AHEAD_SECONDS,
    ) -> None:
        self._problems: deque[str] = deque()
        self._reference = reference
        making = Making(rate, round(ahead_seconds * rate))
        rows = SourceRows(sources, reference, self._problems, drums)
        self._player = FeedPlayer(making.line(rows, transport.position, manner_of(transport)), rate)
        self._reader = FeedReader(self._player, making, transport, tuple(sources.values()))

    def start(self) -> None:
        """Start reading ahead."""
        self._reader.start()

    def close(self) -> None:
        """Stop reading; `read` goes on with what there is."""
        self._reader.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def command(self, transport: Transport, cause: TransportCommand | None) -> None:
        """Carry out what made the transport what it is; with no cause it holds as a whole. Returns at once."""
        self._reader.post(TransportChange(transport, cause))

    def set_sources(
        self, sources: Mapping[str, FrameSource], drums: frozenset[str] = USUAL_DRUMS, *, held: bool = False
    ) -> None:
        """Read from these from now on; names may come and go, and a source that was silent is tried again.

        held: they are made ready, and played from where `take_up` says; nothing else may be set until then.
        """
        rows = SourceRows(sources, self._reference, self._problems, drums)
        if held:
            self._player.hold(rows)
        self._reader.post(SourcesChange(rows, tuple(sources.values())))

    def problems(self) -> list[str]:
        """What went wrong since the last call, one line each."""
        return _drained(self._problems)

    def retired(self) -> list[FrameSource]:
        """Sources that are not read any more since the last call, and may be closed."""
        return _drained(self._reader.retired)

    def settle(self, timeout: float) -> bool:
        """Wait until all that was commanded is ready to be played, and all that there is room for is made.

        For starting, and for playing faster than time. False after `timeout` seconds, which is also what comes while
        `read` has not yet taken up what was commanded earlier.
        """
        deadline = time.monotonic() + timeout
        while not self._reader.settled:
            if time.monotonic() > deadline:
                return False
            time.sleep(_SETTLE_POLL_SECONDS)
        return True

    @property
    def arrived(self) -> bool:
        """Whether what plays, or stands, is what was commanded last."""
        return self._reader.arrived

    @property
    def song_frame(self) -> int:
        """The song frame that the next `read` begins with."""
        return self._player.song_frame

    def ready(self, count: int) -> bool:
        """Whether `read` has the next `count` frames: else it gives silence for those that have not been made yet."""
        return self._player.ready(count)

    @property
    def can_take_up(self) -> bool:
        """Whether sources that are held are ready to be played from the next frame on, or none is held."""
        return self._player.can_take_up

    def take_up(self) -> None:
        """Play sources that are held from the next frame on."""
        self._player.take_up()

    def read(self, names: Sequence[str], count: int) -> FeedBlock:
        """The next `count` frames of the named sources and the song. Waits on nothing."""
        return self._player.read(names, count)


def _drained(things: deque[Thing]) -> list[Thing]:
    return [things.popleft() for _ in range(len(things))]
