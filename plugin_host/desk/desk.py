"""The desk: the one owner of what is heard. Surfaces give it commands, it tells the engine and everyone who listens."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from plugin_host.desk import events as e
from plugin_host.desk.ledger import Ledgers
from plugin_host.desk.orders import Orders
from plugin_host.desk.recalls import RecallDeck
from plugin_host.desk.replays import TAKE_ORIGIN, ReplayDeck
from plugin_host.desk.take_files import read_take, take_path
from plugin_host.desk.takes import TakeDeck
from plugin_host.effects.catalogue import check_effect
from plugin_host.live import port
from plugin_host.mix import commands as c
from plugin_host.mix import transport as t
from plugin_host.mix.scenes import Scene
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take

TICK_SECONDS = 0.02  # between reading the engine's news, and between two steps of a morph
JACK_ORIGIN = "jack"  # of what JACK's transport did to ours
_TAKES_ON = (t.Stop, t.Pause, t.Seek)
"""What ends a recording: from here on the song does not simply run on."""


class Desk:
    """Mix, transport and A/B as everyone sees them, and the commands that change them; for any number of threads.

    frames, rate: the song's. takes_folder: where takes are kept, if they are. clock: seconds. `start` runs the desk's
    own thread; without it `tick` must be called.
    """

    def __init__(
        self,
        engine: port.EnginePort,
        mix: Mix,
        *,
        frames: int,
        rate: int,
        transport: t.Transport | None = None,
        takes_folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self._rate = engine, rate
        self._asked = Ledgers(mix, transport or t.Transport(), frames)
        self._orders = Orders(engine, self._asked)
        self._lock = threading.RLock()
        self._listeners = self._orders.listeners
        self._capture: Path | None = None
        self._takes = TakeDeck(takes_folder, rate)
        self._replays = ReplayDeck(engine, self._orders)
        self._recalls = RecallDeck(self._orders, clock)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    @property
    def mix(self) -> Mix:
        """The mix with everything that was asked for."""
        return self._asked.mix.state

    @property
    def transport(self) -> t.Transport:
        """The transport; while it plays, `status` knows the position."""
        return self._asked.transport.state

    @property
    def reference(self) -> bool:
        """Whether the original is heard instead of the remix."""
        return self._asked.reference.state

    @property
    def recording(self) -> str:
        """The name of the take that is being recorded or waits for play, "" for none."""
        return self._takes.recording

    @property
    def capturing(self) -> Path | None:
        """The file that what is heard is written to, None for none; after a crash of the engine, one beside it."""
        return self._capture

    @property
    def replaying(self) -> bool:
        """Whether a take is being replayed."""
        return self._replays.replaying

    def status(self) -> port.EngineStatus:
        """How the engine is doing and where the song is."""
        return self._engine.status()

    def subscribe(self, size: int = e.QUEUE_SIZE) -> e.Subscription:
        """A queue of everything that happens from now on; close it when done."""
        return self._listeners.subscribe(size)

    def do(self, command: port.EngineCommand, origin: str = "") -> None:
        """Carry out a command of the surface `origin`. `MixError`, `EffectError`: it does not fit, nothing changed."""
        with self._lock:
            if isinstance(command, t.TransportCommand):
                self._do_transport(command, origin)
            elif isinstance(command, port.SetReference):
                self._orders.switch(command, origin)
            elif isinstance(command, port.ClearClips):
                self._orders.send(command)
            else:
                self._do_mix(command, origin)

    def do_all(self, commands: Sequence[port.EngineCommand], origin: str = "") -> None:
        """Carry out several commands as one change: all of them, or none with the error of the first that fits not."""
        with self._lock, self._orders.together(commands):
            for command in commands:
                self.do(command, origin)

    def recall(self, scene: Scene, seconds: float = 0.0, origin: str = "") -> None:
        """Go to a scene in `seconds` (0 … 600); a recall under way stops where it is. `MixError`: it does not fit.

        What the engine cannot build is refused whole: a morph begins when its chains are there.
        """
        with self._lock:
            self._recalls.recall(scene, seconds, origin)

    def record(self, name: str = "") -> str:
        """Record a take from now on or the next Play; its name. `MixError` where one is recorded or has that name."""
        with self._lock:
            name = self._takes.arm(name)
            if self.transport.playing:
                now = self.status()
                self._begin_take(now.song_frame, now.engine_frame)
            return name

    def end_recording(self) -> None:
        """End the take; it is in its file when `TakeRecorded` is told. One that never began is forgotten."""
        with self._lock:
            self._hear()
            self._takes.disarm()
            self._takes.end()

    def replay(self, name: str) -> None:
        """Play the take of that name; `PresetError` where its file is wrong or absent."""
        self.replay_take(read_take(take_path(self._takes.folder, name), self._rate, check_effect))

    def replay_take(self, take: Take) -> None:
        """Play that take: the mix and the place it began with, then its moves."""
        with self._lock:
            self._replays.end()
            self._do_mix(c.ReplaceMix(take.mix), TAKE_ORIGIN)
            self._do_transport(t.Seek(take.start), TAKE_ORIGIN)
            self._replays.begin(take)
            self._do_transport(t.Play(), TAKE_ORIGIN)

    def capture(self, path: Path | None, origin: str = "") -> None:
        """Write what is heard to a file; None completes it."""
        with self._lock:
            self._engine.capture(path)
            self._captures_to(path, origin)

    def _captures_to(self, path: Path | None, origin: str) -> None:
        self._capture = path
        self._listeners.tell(e.CaptureChanged(path, origin))

    def warn(self, text: str) -> None:
        """Tell everyone something in one line."""
        self._listeners.tell(e.DeskWarning(text))

    def start(self) -> None:
        """Run the desk's own thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and complete a take that is being recorded. The engine is not the desk's to close."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        self.end_recording()
        self.tick()

    def hear_out(self) -> None:
        """Take in what the engine still said when it ended, so that listeners are told."""
        with self._lock:
            self._hear()

    def tick(self) -> None:
        """Take in the engine's news, move a morph and a replay on, put finished takes into their files."""
        with self._lock:
            if self._takes.recording and self.transport.loop is not None:
                self._watch_the_loop(self.status())
            self._hear()
            self._recalls.advance()
            self._replays.advance()
            recorded = self._takes.complete()
        for recorder in recorded:
            for event in self._takes.save(recorder):
                self._listeners.tell(event)

    def _run(self) -> None:
        while not self._ending.wait(TICK_SECONDS):
            self.tick()

    def _do_mix(self, command: c.Command, origin: str) -> None:
        self._orders.change_mix(command, origin)
        self._recalls.give_way(command)

    def _do_transport(self, command: t.TransportCommand, origin: str) -> None:
        state = self._asked.transport.tried(command)
        if isinstance(command, t.Pause) and self.transport.playing:
            state = replace(state, position=self.status().song_frame)
        if isinstance(command, t.Stop | t.Seek) and origin != TAKE_ORIGIN:
            self._replays.end()
        self._orders.move(command, state, origin)

    def _watch_the_loop(self, status: port.EngineStatus) -> None:
        if status.playing:  # else the song may still stand where it was before it was sent elsewhere
            self._takes.passed(status.engine_frame, status.song_frame)

    def _hear(self) -> None:
        for event in self._engine.events():
            self._take_in(event)

    def _take_in(self, event: port.EngineEvent) -> None:
        match event:
            case port.Applied():
                self._note_early(event)
                for number in event.numbers:
                    self._confirm(number, event)
            case port.Refused(number) if number < 0:
                self._replays.refused(event)
            case port.Refused(number):
                self._recalls.refused(number)
                self._orders.take_back(event)
            case port.Stopped(song_frame):
                self._takes.end()
                self._replays.end()
                self._asked.transport.amend(lambda old: replace(old, playing=False, position=song_frame))
                self._listeners.tell(e.TransportChanged(None, self.transport))
            case port.Moved(command, engine_frame):
                self._move_with_jack(command, engine_frame)
            case port.Notice(text):
                self._listeners.tell(e.DeskWarning(text))
            case port.CaptureLost(path):
                if path == self._capture:
                    self._captures_to(None, "")
            case port.Died(text, blamed):
                self._takes.end()
                self._listeners.tell(e.EngineDied(text, blamed))
            case port.Back(bypassed, command):
                if command:
                    self._orders.follow(command, "")
                self._replays.go_on()
                self._listeners.tell(e.EngineBack(bypassed))

    def _move_with_jack(self, command: t.Play | t.Pause | t.Seek, engine_frame: int) -> None:
        if isinstance(command, t.Play):
            self._begin_take(self.transport.position, engine_frame)
        else:
            self._takes.end()
            self._replays.end()
        self._asked.transport.amend(lambda old: self._asked.transport.change(old, command))
        self._listeners.tell(e.TransportChanged(command, self.transport, JACK_ORIGIN))

    def _confirm(self, number: int, done: port.Applied) -> None:
        """The engine carried out a command, at a time that recording and the position go by."""
        command = self._replays.applied(number) if number < 0 else self._asked.mix.applied(number)
        if command is not None:
            self._takes.note(done, command)
        self._recalls.applied(number)
        self._asked.reference.applied(number)
        moved = self._asked.transport.applied(number)
        if isinstance(moved, _TAKES_ON):
            self._takes.end()
        if isinstance(moved, t.Pause):
            self._asked.transport.amend(lambda old: replace(old, position=done.song_frame) if not old.playing else old)
        if isinstance(moved, t.Play):
            self._begin_take(done.song_frame, done.engine_frame)

    def _note_early(self, done: port.Applied) -> None:
        """Faders that moved before the mix came that sets them: a take has them at both times, as they are heard."""
        for number in done.early:
            command = self._replays.move(number) if number < 0 else self._asked.mix.asked(number)
            if command is not None:
                self._takes.note(done, command)

    def _begin_take(self, song_frame: int, engine_frame: int) -> None:
        name = self._takes.begin(self._asked.mix.confirmed, song_frame, engine_frame)
        if name:
            self._listeners.tell(e.TakeBegun(name))
