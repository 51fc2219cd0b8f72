"""The song's transport and JACK's: who moves whom, in the engine's control thread.

Where stemrack leads, Play, Stop and Seek go to JACK, and the song follows JACK, as it does when another program moves
it. So there is one way only, and nothing echoes:

    a command ──(lead, both)──▶ JACK's transport ──▶ a run prepared at its frame ──▶ heard when it rolls
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from plugin_host.engine.outputs.contract import Rolling
from plugin_host.engine.outputs.jack_output import JackOutput
from plugin_host.errors import OutputError
from plugin_host.live.messages import JackMode
from plugin_host.live.port import Applied, EngineEvent, Moved
from plugin_host.live.signal_path import SignalPath
from plugin_host.live.transport_lock import TransportLock
from plugin_host.mix.transport import Pause, Play, Seek, Stop, Transport, TransportCommand, apply_transport

LEAD_SECONDS = 0.2
"""How far ahead a run is aimed at a transport that rolls already: the time to prepare it."""
PATIENCE_SECONDS = 0.25
"""What is heard may be so far from JACK's frame before the song is sent there; less the lock makes up for."""
_ASKED_SECONDS = 1.0
"""How long a run may take to be prepared before it is asked for again."""
_SENT_SECONDS = 0.5
"""How long JACK may take to go where we sent it; until then another place is not taken for somebody's wish."""
_SETTLE_SECONDS = 0.03
"""After a pause: so that what comes next begins anew, and does not fade across."""


class TransportMover(Protocol):
    """What carries transport commands out. `HostError` for one that cannot be."""

    def arrived(self) -> bool:
        """Whether the song is where the commands sent it."""

    def do(self, number: int, command: TransportCommand) -> Sequence[EngineEvent]:
        """Carry out a command; what is to be told of it."""

    def advance(self) -> Sequence[EngineEvent]:
        """Called all the time; what happened."""


def transport_mover(path: SignalPath, transport: Transport, mode: JackMode) -> TransportMover:
    """As the mode says."""
    lock = path.lock
    return OwnTransport(path, transport) if lock is None else JackTransport(path, lock, transport, mode)


class OwnTransport:
    """Commands move the song, and nothing else does."""

    def __init__(self, path: SignalPath, transport: Transport) -> None:
        self._path, self._transport = path, transport

    def arrived(self) -> bool:
        """See `TransportMover`."""
        return self._path.feed.arrived

    def do(self, number: int, command: TransportCommand) -> Sequence[EngineEvent]:
        """See `TransportMover`."""
        now = self._path.position()
        self._transport = self._path.move(self._transport, command)
        return [Applied((number,), now.engine_frame, self._transport.position)]

    def advance(self) -> Sequence[EngineEvent]:
        """See `TransportMover`."""
        return ()


@dataclass(frozen=True, slots=True)
class _Sent:
    """Where JACK's transport was sent, whether it rolls there (None: as before), and when, in seconds."""

    frame: int
    rolls: bool | None
    at: float

    def is_at(self, rolling: Rolling, frame: int) -> bool:
        return frame == self.frame and self.rolls in (None, rolling != "no")


class JackTransport:
    """The song's transport in step with JACK's, while there is a server; else it is the song's own.

    known: the transport as everybody was told of it.
    """

    def __init__(self, path: SignalPath, lock: TransportLock, transport: Transport, mode: JackMode) -> None:
        self._path, self._lock, self._mode = path, lock, mode
        self.known = transport
        self._song = transport  # what the feed was last ordered
        self._asked: tuple[int, float] | None = None
        self._placed: int | None = None
        self._waiting: list[int] = []
        self._started = False  # nobody was told yet of a run that was asked for
        self._starts = False  # JACK was asked to roll, and does not yet
        self._joined = False
        self._sent: _Sent | None = None
        self._paused_at = 0.0
        self._events: list[EngineEvent] = []
        lock.free = mode == "lead"

    def arrived(self) -> bool:
        """See `TransportMover`."""
        return self._path.feed.arrived and not (self._path.output.jack and (self._sent or self._starts or self._asked))

    def do(self, number: int, command: TransportCommand) -> Sequence[EngineEvent]:
        """See `TransportMover`; Play is told of when it is heard, in step with JACK."""
        jack, now = self._path.output.jack, self._path.position()
        if jack is None or not isinstance(command, Play | Stop | Pause | Seek):
            self._order(command)
            self.known = self._song if jack is None else apply_transport(self.known, command, self._path.frames)
            return [Applied((number,), now.engine_frame, self._song.position)]
        if self._mode == "follow":
            raise OutputError("JACK's transport leads here: use its controls, or play with --jack-transport both")
        there = self.known.playing and self.arrived()
        before = replace(self.known, position=now.song_frame) if there else self.known
        self.known = apply_transport(before, command, self._path.frames)
        self._lock.free = False
        if isinstance(command, Play) and not before.playing:
            self._waiting.append(number)
            self._roll(jack)
            return ()
        if isinstance(command, Seek) and before.playing:
            self._roll(jack)
        elif not isinstance(command, Play):
            self._lead(jack, command)
        return [Applied((number,), now.engine_frame, self.known.position)]

    def advance(self) -> Sequence[EngineEvent]:
        """See `TransportMover`."""
        jack, heard = self._path.output.jack, self._lock.heard
        if jack is None or heard is None:
            self._part()
            return self._drained()
        if not self._joined:
            self._join(jack)
        self._notice_end()
        if not self._lock.free:
            self._follow(*heard)
        return self._drained()

    def _follow(self, rolling: Rolling, frame: int) -> None:
        on_its_way = self._is_on_its_way(rolling, frame)
        if rolling == "no":
            self._stand(frame, on_its_way=on_its_way)
        elif not on_its_way:
            self._starts = False
            if rolling == "starting":
                self._prepare(frame, frame)
            else:
                self._keep(frame)

    def _drained(self) -> Sequence[EngineEvent]:
        events, self._events = self._events, []
        return events

    def _roll(self, jack: JackOutput) -> None:
        self._locate(jack, rolls=True)
        jack.transport_start()
        self._starts = True

    def _locate(self, jack: JackOutput, *, rolls: bool | None) -> None:
        frame = self._lock.jack_frame(self.known.position)
        self._sent = _Sent(frame, rolls, time.monotonic())
        jack.transport_locate(frame)

    def _lead(self, jack: JackOutput, command: Stop | Pause | Seek) -> None:
        """Have JACK's transport do it; its frame becomes the song's."""
        if not isinstance(command, Seek):
            jack.transport_stop()
            self._starts = False
        if not isinstance(command, Pause) or self.known.loop or self.known.stretched or self._mode == "lead":
            self._locate(jack, rolls=None if isinstance(command, Seek) else False)

    def _join(self, jack: JackOutput) -> None:
        """A server is there (again). A show that is on goes on where that is ours to say."""
        self._joined = True
        if self.known.playing and self._path.loop.playing and self._mode != "follow":
            self.known = replace(self.known, position=self._path.feed.song_frame)
            self._lock.free = False
            self._roll(jack)

    def _part(self) -> None:
        """There is no server: what it was to do, the song does by itself."""
        self._joined = self._starts = False
        if self._waiting:
            self._order(Seek(self.known.position))
            self._order(Play())
            now = self._path.position().engine_frame
            self._events.append(Applied(tuple(self._waiting), now, self.known.position))
            self._waiting.clear()

    def _notice_end(self) -> None:
        """The song's end stops the song; JACK's transport rolls on, as it does past the end of any other program."""
        if self._lock.ended and not self._path.loop.playing:
            self._lock.ended = False
            self._song = replace(self._song, playing=False)
            self.known = replace(self.known, playing=False, position=self._path.frames)

    def _is_on_its_way(self, rolling: Rolling, frame: int) -> bool:
        """Whether JACK was sent elsewhere and has not got there yet."""
        sent = self._sent
        if sent is not None and (sent.is_at(rolling, frame) or time.monotonic() > sent.at + _SENT_SECONDS):
            self._sent = None
        return self._sent is not None

    def _stand(self, frame: int, *, on_its_way: bool) -> None:
        """JACK's transport is stopped at a frame."""
        if self._starts:
            return
        self._asked = self._lock.aim = None
        if self._song.playing:
            self._pause()
        elif on_its_way or not self._has_paused:
            return
        elif self._placed != frame:
            self._placed = frame
            self._order(Seek(self._lock.song_frame(frame)))
            self._tell_stop()
        elif self._mode == "lead":
            self._lock.free = True

    def _prepare(self, frame: int, target: int) -> None:
        """Have a run ready that begins with JACK's frame `target`."""
        on_its_way = self._asked is not None and self._is_due and self._asked[0] == target
        if on_its_way or self._lock.holds(target):
            self._tell_start()
        elif self._song.playing:
            self._pause()
        elif self._has_paused and target < self._lock.last_frame:
            self._asked, self._placed = (target, time.monotonic()), None
            self._lock.aim = target
            self._started = True
            self._order(Seek(self._lock.song_frame(target)))
            self._order(Play())

    def _keep(self, frame: int) -> None:
        """JACK's transport rolls and is at a frame."""
        lock, path = self._lock, self._path
        self._tell_start()
        if lock.reaches(frame, round(PATIENCE_SECONDS * path.output.rate)):
            if lock.begun:
                self._asked, lock.free = None, self._mode == "lead"
        elif not self._is_due:
            self._prepare(frame, frame + round(LEAD_SECONDS * path.output.rate))

    @property
    def _is_due(self) -> bool:
        """Whether a run that was asked for may still be on its way."""
        return self._asked is not None and time.monotonic() < self._asked[1] + _ASKED_SECONDS

    @property
    def _has_paused(self) -> bool:
        return not self._path.loop.playing and time.monotonic() > self._paused_at + _SETTLE_SECONDS

    def _pause(self) -> None:
        """Fade out; what is ready but not heard yet is thrown away."""
        self._asked = self._placed = None
        self._paused_at = time.monotonic()
        self._lock.abandon()
        self._order(Pause())

    def _order(self, command: TransportCommand) -> None:
        self._song = self._path.move(self._song, command)

    def _tell_start(self) -> None:
        """That the song plays, and since when, once that is certain."""
        run = self._lock.run
        if not self._started or run is None:
            return
        self._started = False
        if self._waiting:
            self._events.append(Applied(tuple(self._waiting), run.engine_frame, run.song_frame))
            self._waiting.clear()
        if self.known.position != run.song_frame:
            self._events.append(Moved(Seek(run.song_frame), run.engine_frame))
        if not self.known.playing:
            self._events.append(Moved(Play(), run.engine_frame))
        self.known = replace(self.known, playing=True, position=run.song_frame, began=run.song_frame)

    def _tell_stop(self) -> None:
        """That the song stands, and where, unless that is known."""
        now, at = self._path.position().engine_frame, self._song.position
        if self.known.playing:
            self._events.append(Moved(Pause(), now))
        if self.known.playing or self.known.position != at:
            self._events.append(Moved(Seek(at), now))
        self.known = replace(self.known, playing=False, position=at)
