"""The audio engine's process: builds what plays, then stands between the pipe and the render thread until the end."""

import contextlib
import gc
import os
import signal
import sys
import warnings
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import assert_never

from plugin_host.effects.external import avoid
from plugin_host.errors import HostError
from plugin_host.live.capture import CaptureWriter
from plugin_host.live.conductor import Conductor, Numbered
from plugin_host.live.jack_transport import transport_mover
from plugin_host.live.loudness import LoudnessWatch
from plugin_host.live.messages import Begin, Capture, Failed, Finish, LiveSettings, Orders, PlayTake, Ready, Request
from plugin_host.live.port import Applied, ClearClips, EngineEvent, Notice, Refused, SetReference, Stopped
from plugin_host.live.shared import SharedState
from plugin_host.live.signal_path import SignalPath, open_path
from plugin_host.live.take_player import TakePlayer
from plugin_host.mix.commands import Command
from plugin_host.mix.transport import TransportCommand

TICK_SECONDS = 0.002
"""How long the control thread sleeps at most: part of the time from a command to the ear."""
SWITCH_SECONDS = 0.00005
"""How soon a thread that needs the interpreter gets it from one that computes."""
_HANG_UP = (signal.SIGHUP,) if sys.platform != "win32" else ()
_NICENESS = -15
_REAL_TIME_PRIORITY = 5
"""Under those of sound servers, which have 10 and more."""


def run_engine(pipe: Connection, shared_name: str, settings: LiveSettings, begin: Begin) -> None:
    """The process's main function: says `Ready` or `Failed` first, and ends on `Finish` or when the host is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, *_HANG_UP):  # the host's to hear: it ends us in good order
        signal.signal(number, signal.SIG_IGN)
    _hurry()
    sys.setswitchinterval(SWITCH_SECONDS)
    warnings.simplefilter("ignore", RuntimeWarning)  # a damaged file gives NaN: what plays it is silenced and named
    avoid(settings.avoid)
    shared = SharedState(shared_name)
    try:
        with open_path(settings, begin, shared) as path:
            Engine(pipe, shared, path, settings, begin).run()
        with contextlib.suppress(OSError):  # the host is gone
            for line in path.output.events():  # what its end brought about: a file that could not be completed
                pipe.send(Notice(line))
    except HostError as error:
        pipe.send(Failed(str(error)))
    finally:
        shared.close()


def _hurry() -> None:
    """Run before other programs where the system lets us: in real time, else at a better nice value.

    All threads, not the audio's alone: one that is held up while it holds the interpreter would hold up the audio.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REAL_TIME_PRIORITY))
    except (OSError, AttributeError):
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)


class Engine:
    """The control thread: takes requests in, hands prepared changes on, tells what happened."""

    def __init__(
        self, pipe: Connection, shared: SharedState, path: SignalPath, settings: LiveSettings, begin: Begin
    ) -> None:
        self._pipe, self._path, self._settings = pipe, path, settings
        self._mover = transport_mover(path, begin.transport, settings.jack_transport)
        self._told: deque[EngineEvent] = deque()
        self._conductor = Conductor(begin.mix, path.builder, path.post, lambda: path.fed.free, self._told.append)
        self._loudness = LoudnessWatch(path, shared)
        self._take = TakePlayer(self._conductor, path, self._mover.arrived)
        self._capture = CaptureWriter(path, self._told.append)
        self._ends = False

    def run(self) -> None:
        """Until `Finish`, or until the host is gone."""
        # What exists now lives to the end; a collection would stop every thread, the audio's too.
        gc.collect()
        gc.freeze()
        gc.disable()
        self._path.start()
        self._loudness.advance()  # so that there is a status to see from the first word on
        self._pipe.send(self._ready())
        try:
            while not self._ends:
                self._tick()
        finally:
            self._capture.end()
            self._conductor.close()
            self._tell()
            gc.unfreeze()  # the libraries behind what is left count what nobody collects, and complain

    def _ready(self) -> Ready:
        path = self._path
        output, jack = path.output, path.output.jack
        real_time = jack is None or jack.real_time
        return Ready(output.title, output.rate, output.buffer, path.loop.ahead, path.latency_ms, real_time)

    def _tick(self) -> None:
        self._pipe.poll(TICK_SECONDS)
        self._take_in()
        self._path.fed.advance()
        self._conductor.advance()
        self._told.extend(self._mover.advance())
        self._take.advance()
        self._loudness.advance()
        self._capture.advance()
        self._tell()

    def _take_in(self) -> None:
        """All requests that are there; commands that follow each other are carried out together."""
        commands: list[Numbered] = []
        try:
            while self._pipe.poll():
                self._hear(self._pipe.recv(), commands)
        except (EOFError, OSError):
            self._ends = True
        self._conductor.take(commands)

    def _hear(self, request: Request, commands: list[Numbered]) -> None:
        match request:
            case Orders():
                for number, command in request.commands:
                    if isinstance(command, Command):
                        commands.append((number, command))
                    else:
                        self._do(number, command)
            case PlayTake():
                self._take.play(request.take)
            case Capture():
                self._capture.begin(request.path)
            case Finish():
                self._ends = True
            case Begin():
                raise HostError("the engine has begun already")
            case _:
                assert_never(request)

    def _do(self, number: int, command: TransportCommand | SetReference | ClearClips) -> None:
        """Carry out what is not the mix's."""
        path, now = self._path, self._path.position()
        done: Sequence[EngineEvent] = [Applied((number,), now.engine_frame, now.song_frame)]
        try:
            match command:
                case SetReference():
                    path.loop.call(lambda: path.switch.switch(command.on))
                case ClearClips():
                    path.loop.call(path.loop.clear_clips)
                case _:
                    done = self._mover.do(number, command)
        except HostError as error:
            done = [Refused(number, str(error))]
        self._told.extend(done)

    def _tell(self) -> None:
        loop = self._path.loop
        events = [*self._told, *(Notice(line) for line in self._path.notices())]
        self._told.clear()
        while loop.applied:
            events.append(loop.applied.popleft())
        while loop.ended_at:
            events.append(Stopped(loop.ended_at.popleft()))
        with contextlib.suppress(OSError):  # the host is gone; the next poll says so
            for event in events:
                self._pipe.send(event)
