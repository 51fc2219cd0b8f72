"""The host's side of the audio engine: starts its process, watches it, and brings it back with its whole state."""

import multiprocessing
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from plugin_host.errors import HostError, OutputError
from plugin_host.live.blame import bypass_of, in_words
from plugin_host.live.messages import Begin, Capture, Failed, Finish, LiveSettings, Orders, PlayTake, Ready, Request
from plugin_host.live.port import (
    Applied,
    Back,
    ClearClips,
    Died,
    EngineCommand,
    EngineEvent,
    EngineStatus,
    Meter,
    Notice,
    Refused,
    SetReference,
    Stopped,
)
from plugin_host.live.shared import SharedState, Snapshot
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.take import Take
from plugin_host.mix.transport import Transport, TransportCommand, apply_transport

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

START_SECONDS = 60.0
"""A plugin may take long to load; after this the engine counts as hanging."""
SILENT_SECONDS = 2.0
"""Without a heartbeat for so long, the render thread hangs in a plugin: nothing less than ending the process helps."""
_GLANCE_SECONDS = 0.1
_CRASHES_BEFORE_BYPASS = 2
_MOST_CRASHES = 5
_CRASH_MEMORY_SECONDS = 60.0
_EVENTS_KEPT = 10_000


class EngineHost:
    """An `EnginePort` over an engine in a process of its own. A context manager.

    settings: see `LiveSettings`. begin: what plays at first. Raises `OutputError` or another `HostError` where the
    engine cannot begin; what happens later is told by `events`.
    """

    def __init__(self, settings: LiveSettings, begin: Begin, frames: int) -> None:
        self._settings, self._state, self._frames = settings, begin, frames
        self._shared = SharedState()
        self._lock = threading.Lock()
        self._open: dict[int, EngineCommand] = {}
        self._events: deque[EngineEvent] = deque(maxlen=_EVENTS_KEPT)
        self._crashes: deque[float] = deque(maxlen=_MOST_CRASHES)
        self._blamed: Counter[str] = Counter()
        self._take: Take | None = None
        self._capture: Path | None = None
        self._ends = False
        self.restarts = 0
        try:
            self.ready = self._launch()
        except HostError:
            self._shared.close()
            raise
        self._watcher = threading.Thread(target=self._watch, name="engine watch", daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """Of the engine's process."""
        return self._process.pid or 0

    def send(self, number: int, command: EngineCommand) -> None:
        """See `EnginePort`."""
        self.send_all([(number, command)])

    def send_all(self, orders: Sequence[tuple[int, EngineCommand]]) -> None:
        """See `EnginePort`."""
        with self._lock:
            self._open.update(orders)
            self._post(Orders(tuple(orders)))

    def play_take(self, take: Take | None) -> None:
        """See `EnginePort`."""
        with self._lock:
            self._take = take
            self._post(PlayTake(take))

    def capture(self, path: Path | None) -> None:
        """See `EnginePort`."""
        with self._lock:
            self._capture = path
            self._post(Capture(path))

    def status(self) -> EngineStatus:
        """See `EnginePort`."""
        return _status(self._shared.read(), self._process.is_alive(), self.restarts, self.ready)

    def events(self) -> list[EngineEvent]:
        """See `EnginePort`."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def close(self) -> None:
        """See `EnginePort`."""
        with self._lock:
            if self._ends:
                return
            self._ends = True
            self._post(Finish())
        self._watcher.join()
        self._process.join(timeout=5.0)
        self._kill()
        self._pipe.close()
        self._shared.close()

    def __enter__(self) -> "EngineHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, request: Request) -> None:
        try:
            self._pipe.send(request)
        except OSError:  # it just died; what is open is sent again to the next
            return

    def _launch(self) -> Ready:
        """Start a process with the state there is; returns when it plays."""
        from plugin_host.live.engine import run_engine

        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._shared.name, self._settings, self._state)
        self._process: SpawnProcess = context.Process(target=run_engine, args=arguments, name="stemrack engine")
        self._process.daemon = True
        self._shared.clear_blame()
        self._process.start()
        theirs.close()
        return self._first_word(self._pipe)

    def _first_word(self, pipe: Connection) -> Ready:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.is_alive():
            if pipe.poll(_GLANCE_SECONDS):
                try:
                    word = pipe.recv()
                except (EOFError, OSError):
                    break
                if isinstance(word, Ready):
                    return word
                self._kill()
                raise OutputError(word.text) if isinstance(word, Failed) else OutputError(f"engine: {word}")
        self._kill()
        raise OutputError(f"the audio engine did not start{self._blame_words()}: try --null, or another mix")

    def _blame_words(self) -> str:
        words = in_words(self._shared.blame, self._state.mix)
        return f", at work on {words}" if words else ""

    def _kill(self) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def _watch(self) -> None:
        """Until the end: hear what the engine says, notice its death or silence, bring it back."""
        beat, beaten = -1, time.monotonic()
        while True:
            wait([self._pipe, self._process.sentinel], timeout=_GLANCE_SECONDS)
            heard = self._hear()
            now = time.monotonic()
            if self._shared.heartbeat != beat:
                beat, beaten = self._shared.heartbeat, now
            hangs = now - beaten > SILENT_SECONDS
            if self._ends:
                if not heard or hangs:
                    return
            elif not self._process.is_alive() or hangs:
                if not self._revive("stopped answering" if hangs else "ended by itself"):
                    return
                beaten = time.monotonic()

    def _hear(self) -> bool:
        """Take in what the engine says; whether it can say more."""
        try:
            while self._pipe.poll():
                self._note(self._pipe.recv())
        except (EOFError, OSError):
            return False
        return True

    def _note(self, event: EngineEvent) -> None:
        with self._lock:
            match event:
                case Applied(numbers=numbers, song_frame=song_frame):
                    for number in numbers:
                        self._carry_over(self._open.pop(number, None), song_frame)
                case Refused(number=number):
                    self._open.pop(number, None)
                case Stopped(song_frame=frame):
                    transport = replace(self._state.transport, playing=False, position=frame)
                    self._state = replace(self._state, transport=transport)
                case _:
                    pass
        self._events.append(event)

    def _carry_over(self, command: EngineCommand | None, song_frame: int) -> None:
        """Keep the state that a new engine would have to begin with."""
        state = self._state
        if isinstance(command, SetReference):
            self._state = replace(state, reference=command.on)
        elif command is not None and not isinstance(command, ClearClips):
            self._state = _after(state, command, self._frames, song_frame)

    def _revive(self, how: str) -> bool:
        """After a death: a new process with the state of the old; False where that is given up."""
        blame = self._shared.blame
        self._kill()
        blamed = in_words(blame, self._state.mix)
        self._events.append(Died(f"the audio engine {how}{self._blame_words()}", blamed))
        self._crashes.append(time.monotonic())
        if len(self._crashes) == _MOST_CRASHES and self._crashes[-1] - self._crashes[0] < _CRASH_MEMORY_SECONDS:
            self._events.append(Notice(f"the audio engine died {_MOST_CRASHES} times in a minute: it stays off"))
            return False
        with self._lock:
            bypass = self._bypass_if_guilty(blame)
            self._state = replace(self._state, transport=_where(self._state.transport, self._shared.read()))
            self._pipe.close()
            # A show that was on goes on, whatever became of the device meanwhile.
            self._settings = replace(self._settings, must_open=False)
            try:
                self.ready = self._launch()
            except HostError as error:
                self._events.append(Notice(str(error)))
                return not self._ends
            self.restarts += 1
            self._send_again()
        self._events.append(Back(blamed if bypass else "", bypass))
        return True

    def _send_again(self) -> None:
        if self._open:
            self._post(Orders(tuple(self._open.items())))
        if self._take is not None:
            self._post(PlayTake(self._take))
        if self._capture is not None:
            cut = self._capture
            self._capture = cut.with_stem(f"{cut.stem}-{self.restarts + 1}")
            self._post(Capture(self._capture))
            self._events.append(Notice(f"the capture {cut.name} was cut short by that; it goes on in {self._capture}"))

    def _bypass_if_guilty(self, blame: str) -> c.SetEffectBypass | None:
        """The command, already carried out on the state, that passes by an effect which crashed twice."""
        self._blamed[blame] += 1
        if not blame or self._blamed[blame] < _CRASHES_BEFORE_BYPASS:
            return None
        command = bypass_of(blame, self._state.mix)
        if command is not None:
            self._state = replace(self._state, mix=apply(self._state.mix, command))
        return command


def _after(state: Begin, command: c.Command | TransportCommand, frames: int, song_frame: int) -> Begin:
    try:
        if isinstance(command, c.Command):
            return replace(state, mix=apply(state.mix, command))
        transport = apply_transport(state.transport, command, frames)
        return replace(state, transport=replace(transport, position=song_frame))
    except HostError:
        return state


def _where(transport: Transport, last: Snapshot) -> Transport:
    """The transport where the engine left it; what it shows may be a twentieth of a second old."""
    moved = transport.playing and bool(last.state["playing"])
    return replace(transport, position=int(last.state["song_frame"])) if moved else transport


def _status(snapshot: Snapshot, alive: bool, restarts: int, ready: Ready) -> EngineStatus:
    state = snapshot.state
    meters = [_meter(record) for record in snapshot.meters]
    return EngineStatus(
        alive=alive,
        playing=alive and bool(state["playing"]),
        reference=bool(state["reference"]),
        song_frame=int(state["song_frame"]),
        engine_frame=int(state["engine_frame"]),
        tracks=dict(zip(snapshot.names, meters, strict=False)),
        master=meters[-1],
        lufs=snapshot.lufs,
        dropouts=snapshot.dropouts,
        xruns=snapshot.xruns,
        starved=int(state["starved"]),
        load=float(state["load"]),
        restarts=restarts,
        latency_ms=ready.latency_ms,
        device=ready.device,
    )


def _meter(record: np.void) -> Meter:
    peak, rms = record["peak"], record["rms"]
    levels = (float(peak[0]), float(peak[1])), (float(rms[0]), float(rms[1]))
    return Meter(*levels, bool(record["clipped"]), float(record["reduction_db"]))
