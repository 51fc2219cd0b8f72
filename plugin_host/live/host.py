"""The host's side of the audio engine: starts its process, watches it, and brings it back with its whole state."""

import atexit
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType

from plugin_host.errors import HostError
from plugin_host.live.blame import Suspects, in_words
from plugin_host.live.capture_file import go_on_elsewhere
from plugin_host.live.carrying import after, where_it_was, with_all
from plugin_host.live.launch import CannotBegin, EngineProcess
from plugin_host.live.messages import Begin, Capture, Finish, LiveSettings, Orders, PlayTake, Ready, Request
from plugin_host.live.port import (
    Applied,
    Back,
    CaptureLost,
    ClearClips,
    Died,
    EngineCommand,
    EngineEvent,
    EngineStatus,
    Moved,
    Notice,
    Refused,
    SetReference,
    Stopped,
)
from plugin_host.live.shared import SharedState
from plugin_host.live.status import status_of
from plugin_host.mix import commands as c
from plugin_host.mix.apply import apply
from plugin_host.mix.state import Mix
from plugin_host.mix.take import Take
from plugin_host.mix.transport import Seek

SILENT_SECONDS = 2.0
"""Without a heartbeat for so long, the render thread hangs in a plugin: nothing less than ending the process helps."""
_GLANCE_SECONDS = 0.1
_MOST_CRASHES = 5
_CRASH_MEMORY_SECONDS = 60.0
_REST_SECONDS = 10.0
_RETRY_SECONDS = 1.0
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
        self._suspects = Suspects()
        self._capture: Path | None = None
        self._capture_asked: Path | None = None
        self._file_asked = settings.path if settings.output == "file" else None
        self._ends = self._away = False
        self.restarts = 0
        try:
            self._process = self._launched()
        except BaseException:  # Ctrl-C, too
            self._shared.close()
            raise
        self._watcher = threading.Thread(target=self._watch, name="engine watch", daemon=True)
        self._watcher.start()
        atexit.register(self.close)  # the engine minds no polite signal, and an exit would wait for it

    @property
    def pid(self) -> int:
        """Of the engine's process."""
        return self._process.pid

    @property
    def ready(self) -> Ready:
        """What the engine said when it began."""
        return self._process.ready

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
            self._post(PlayTake(take))

    def capture(self, path: Path | None) -> None:
        """See `EnginePort`."""
        with self._lock:
            self._capture = self._capture_asked = path
            self._post(Capture(path))

    def status(self) -> EngineStatus:
        """See `EnginePort`."""
        return status_of(self._shared.read(), self._process.alive, self.restarts)

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
        atexit.unregister(self.close)
        self._watcher.join()
        self._process.join(5.0)
        self._process.kill()
        self._shared.close()

    def __enter__(self) -> "EngineHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, request: Request) -> None:
        if self._away:  # nobody waits for a new engine: it is told everything once it is there
            return
        try:
            self._process.pipe.send(request)
        except OSError:  # it just died; what is open is sent again to the next
            return

    def _launched(self) -> EngineProcess:
        """A new process with the state there is; it plays."""
        return EngineProcess(self._shared, self._settings, self._state, lambda: self._ends)

    def _watch(self) -> None:
        """Until the end: hear what the engine says, notice its death or silence, bring it back."""
        beat, beaten = -1, time.monotonic()
        while True:
            wait([self._process.pipe, self._process.sentinel], timeout=_GLANCE_SECONDS)
            heard = self._hear()
            now = time.monotonic()
            if self._shared.heartbeat != beat:
                beat, beaten = self._shared.heartbeat, now
            hangs = now - beaten > SILENT_SECONDS
            if self._ends:
                if not heard or hangs:
                    return
            elif not self._process.alive or hangs:
                self._revive("stopped answering" if hangs else "ended by itself")
                if self._away:  # the end came first
                    return
                beaten = time.monotonic()

    def _hear(self) -> bool:
        """Take in what the engine says; whether it can say more."""
        try:
            while self._process.pipe.poll():
                self._note(self._process.pipe.recv())
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
                case Moved(command=moved):
                    at = moved.frame if isinstance(moved, Seek) else self._state.transport.position
                    self._state = after(self._state, moved, self._frames, int(at))
                case CaptureLost(path=path) if path == self._capture and self._capture_asked is not None:
                    event, self._capture = CaptureLost(self._capture_asked), None
                case _:
                    pass
        self._events.append(event)

    def _carry_over(self, command: EngineCommand | None, song_frame: int) -> None:
        """Keep the state that a new engine would have to begin with."""
        state = self._state
        if isinstance(command, SetReference):
            self._state = replace(state, reference=command.on)
        elif command is not None and not isinstance(command, ClearClips):
            self._state = after(state, command, self._frames, song_frame)

    def _revive(self, how: str) -> None:
        """After a death: a new process with the state of the old, however many it takes."""
        self._process.kill()
        with self._lock:
            self._away = True
            self._state = replace(self._state, transport=where_it_was(self._state.transport, self._shared.read()))
            # A show that was on goes on, whatever became of device and files meanwhile.
            self._settings = replace(self._settings, must_open=False, known_rate=self.ready.rate)
            self._go_on_writing_elsewhere()
            building = with_all(self._state.mix, self._open.values())
        while not self._ends:
            blamed, bypass = self._mourn(how, building if self._shared.blames_building else self._state.mix)
            if self._relaunched():
                self._events.append(Back(blamed if bypass else "", bypass))
                return
            how, building = "ended by itself", self._state.mix

    def _mourn(self, how: str, mix: Mix) -> tuple[str, c.SetEffectBypass | None]:
        """Say what died of what in `mix`; in words what is to blame, and what is done about it."""
        blamed = in_words(self._shared.blame, mix)
        self._events.append(Died(f"the audio engine {how}{f', at work on {blamed}' if blamed else ''}", blamed))
        self._crashes.append(time.monotonic())
        if len(self._crashes) == _MOST_CRASHES and self._crashes[-1] - self._crashes[0] < _CRASH_MEMORY_SECONDS:
            told = f"the audio engine died {_MOST_CRASHES} times in a minute: next try in {_REST_SECONDS:g} s"
            self._events.append(Notice(told))
            self._rest(_REST_SECONDS)
        return blamed, self._bypass_if_guilty(mix)

    def _relaunched(self) -> bool:
        """Start anew; where it cannot begin (its session is away, say), try until it can. False where it dies again."""
        said = ""
        while not self._ends:
            try:
                self._process = self._launched()
            except CannotBegin as error:
                if str(error) != said:
                    self._events.append(Notice(str(error)))
                said = str(error)
                self._rest(_RETRY_SECONDS)
            except HostError:
                return False
            else:
                self._welcome()
                return True
        return False

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._ends and time.monotonic() < until:
            time.sleep(_GLANCE_SECONDS)

    def _go_on_writing_elsewhere(self) -> None:
        """What was written is completed, and goes on under names that no file has."""
        if self._capture is not None and self._capture_asked is not None:
            self._capture, told = go_on_elsewhere(self._capture, self._capture_asked, "capture")
            self._events.append(Notice(told))
        if self._settings.path is not None and self._file_asked is not None:
            path, told = go_on_elsewhere(self._settings.path, self._file_asked, "file")
            self._settings = replace(self._settings, path=path)
            self._events.append(Notice(told))

    def _welcome(self) -> None:
        """Tell a new engine all that the old one left undone, and what was asked for meanwhile."""
        with self._lock:
            self._away = False
            self.restarts += 1
            if self._open:
                self._post(Orders(tuple(self._open.items())))
            if self._capture is not None:
                self._post(Capture(self._capture))
            if self._ends:
                self._post(Finish())

    def _bypass_if_guilty(self, mix: Mix) -> c.SetEffectBypass | None:
        """The command, already carried out on the state, that passes by an effect which crashed twice."""
        blame, building = self._shared.blame, self._shared.blames_building
        command = self._suspects.sentence(blame, building, self._state.mix, mix)
        self._settings = replace(self._settings, avoid=self._suspects.avoid)
        if command is not None:
            self._state = replace(self._state, mix=apply(self._state.mix, command))
        return command
