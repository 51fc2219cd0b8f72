"""A desk in step with a master: the thread that listens, decides by `chase`, and has the desk do it."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from plugin_host.control.parameters.panel import SyncReadings
from plugin_host.control.parameters.sight import Host
from plugin_host.control.sync.chase import TOLERANCE_SECONDS, Chase, Moment
from plugin_host.control.sync.heard_song import HeardSong
from plugin_host.control.sync.master import MasterPlace
from plugin_host.control.sync.mmc_in import Machine, MachineCommand
from plugin_host.control.sync.sources import LinkSource, OpenSystem, Source, open_source
from plugin_host.control.sync.target import Target, target_of
from plugin_host.errors import HostError
from plugin_host.live.port import EngineStatus
from plugin_host.mix import transport as t

ORIGIN = "sync"
LISTEN_SECONDS = 0.002
DECIDE_SECONDS = 0.01
IDLE_SECONDS = 0.1
JOIN_SECONDS = 5.0
PREPARE_SECONDS = 0.005
"""What the engine takes to read the song at another place, about."""
TELL_SECONDS = 1.0
"""For which a state must last before a person is told of it."""
OFF, LOST, LOCKED = "off", "lost", "locked"


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """part: of the name of a port to listen to, "" for none but our own. origin: seconds of time code at which the song
    begins. offset: seconds by which the sound shall be later than the master says."""

    part: str = ""
    origin: float = 0.0
    offset: float = 0.0


class SyncFollower:
    """Follows the master that the panel's `sync_source` names, and shows there how it goes.

    `start` runs its thread, without it `step` must be called. What goes wrong is told through the desk.
    """

    def __init__(
        self,
        host: Host,
        open_system: OpenSystem,
        settings: FollowSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._desk, self._open_system = host, host.desk, open_system
        self._settings, self._clock = settings, clock
        self._name = OFF
        self._source: Source | None = None
        self._told, self._told_after = OFF, float("-inf")
        self._forget()
        self._decide_at = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)

    def start(self) -> None:
        """Run the thread."""
        self._thread.start()

    def follow(self, name: str) -> None:
        """Follow this master from now on; before `start`. `ControlError` where it cannot be had: then it is "off"."""
        self._leave()
        self._name = OFF
        try:
            if name != OFF:
                tempo = self._desk.transport.tempo
                self._source = open_source(name, self._open_system, self._settings.part, self._clock, tempo)
                self._name = name
        finally:
            state = OFF if self._source is None else LOST
            self._told, self._told_after = state, float("-inf")
            self._host.panel.change(ORIGIN, sync_source=self._name, sync_state=state)
            self._host.panel.sync = SyncReadings()

    def close(self) -> None:
        """End the thread, and follow nobody."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)
        self._leave()

    def step(self) -> None:
        """Listen; every hundredth of a second, do what follows from it."""
        if self._host.panel.state.sync_source != self._name:
            self._choose(self._host.panel.state.sync_source)
        if self._source is None:
            return
        self._obey(self._source.look())
        self._tell_problem(self._source.problem)
        now = self._clock()
        if now >= self._decide_at:
            self._decide_at = now + DECIDE_SECONDS
            self._decide(self._source, now)

    def _run(self) -> None:
        while not self._ending.wait(IDLE_SECONDS if self._source is None else LISTEN_SECONDS):
            try:
                self.step()
            except Exception as error:  # noqa: BLE001  (what is wrong with one message must not end all)
                self._tell_refused(f"{type(error).__name__}: {error}")
                self._ending.wait(IDLE_SECONDS)

    def _choose(self, name: str) -> None:
        try:
            self.follow(name)
        except HostError as error:
            self._desk.warn(f"sync: {error}")

    def _leave(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()
        self._forget()

    def _forget(self) -> None:
        self._chase = Chase(self._host.rate, self._host.frames)
        self._song = HeardSong(self._host.rate)
        self._speed = self._desk.transport.speed
        self._refused = self._problem = ""

    def _tell_problem(self, problem: str) -> None:
        if problem and problem != self._problem:
            self._desk.warn(f"sync: {problem}")
        self._problem = problem

    def _decide(self, source: Source, now: float) -> None:
        place, status = source.place_at(now), self._desk.status()
        self._song.observe(status, self._desk.transport.speed, now)
        if place is None:
            return
        if isinstance(source, LinkSource):
            self._share(source)
        self._take_tempo(place)
        target = target_of(place, self._desk.transport.tempo, self._settings.origin, self._settings.offset)
        self._do(self._chase.step(self._moment(now, target, status)))
        self._speed = self._desk.transport.speed
        self._tell(place, target)

    def _moment(self, now: float, target: Target, status: EngineStatus) -> Moment:
        line = self._song.line_at(now)
        heard = line.seconds_at(now) if line is not None and line.playing else None
        return Moment(now, target, self._desk.transport, heard, status.song_delay_ms / 1000 + PREPARE_SECONDS)

    def _share(self, source: LinkSource) -> None:
        """Others play from where our song stands when they begin, and at the speed that was chosen here."""
        transport = self._desk.transport
        if transport.tempo is None:
            return
        if transport.speed != self._speed:
            source.peer.tell_tempo(transport.tempo * transport.speed)
        if not transport.playing:
            source.peer.stood = transport.position / self._host.rate * transport.tempo / 60

    def _take_tempo(self, place: MasterPlace) -> None:
        """The first tempo that can be relied upon is the song's, where nobody said what it is."""
        transport = self._desk.transport
        if transport.tempo is None and place.settled and place.tempo is not None:
            tempo = round(place.tempo, 1)
            self._do((t.SetTempo(tempo, transport.beats_per_bar),))
            self._desk.warn(f"sync: the song's tempo is taken to be {tempo:g}: set /transport/tempo if it is not")

    def _tell(self, place: MasterPlace, target: Target) -> None:
        offset = self._chase.offset
        in_step = not (target.running and self._chase.following)
        in_step = in_step or (offset is not None and abs(offset) <= TOLERANCE_SECONDS)
        self._show(LOCKED if place.heard and in_step else LOST, place.tempo or 0.0, offset or 0.0)

    def _show(self, state: str, tempo: float = 0.0, offset: float = 0.0) -> None:
        self._host.panel.sync = SyncReadings(tempo, 1000 * offset)
        now = self._clock()
        if self._host.panel.state.sync_state != state:
            self._host.panel.change(ORIGIN, sync_state=state)
            self._told_after = now + TELL_SECONDS
        if state != self._told and now >= self._told_after:
            self._told = state
            self._desk.warn(f"sync: {'in step with' if state == LOCKED else 'not in step with'} {self._name}")

    def _do(self, commands: Sequence[t.TransportCommand]) -> None:
        if commands:
            self._tried(partial(self._desk.do_all, commands, ORIGIN))

    def _obey(self, commands: Iterable[MachineCommand]) -> None:
        for command in commands:
            self._show(LOCKED)
            self._tried(partial(self._carry_out, command))

    def _carry_out(self, command: MachineCommand) -> None:
        match command.what:
            case Machine.PLAY | Machine.DEFERRED_PLAY:
                self._desk.do(t.Play(), ORIGIN)
            case Machine.STOP | Machine.PAUSE:
                self._desk.do(t.Pause(), ORIGIN)
            case Machine.LOCATE:
                self._desk.do(t.Seek((command.seconds - self._settings.origin) * self._host.rate), ORIGIN)
            case Machine.RECORD_STROBE:
                if not self._desk.recording:
                    self._desk.record()
            case Machine.RECORD_EXIT:
                self._desk.end_recording()

    def _tried(self, action: Callable[[], object]) -> None:
        try:
            action()
        except HostError as error:
            self._tell_refused(str(error))

    def _tell_refused(self, text: str) -> None:
        """What does not fit is told once, until something else does not."""
        if text != self._refused:
            self._refused = text
            self._desk.warn(f"sync: {text}")
