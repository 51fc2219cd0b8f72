"""Being the master: a thread that sends MIDI clock and MTC at the pace of what is heard."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mido import Message

from plugin_host.control.midi.ports import MidiSystem, OutputPort, without_port
from plugin_host.control.sync.clock_out import ClockOut
from plugin_host.control.sync.heard_song import HeardSong, SongLine
from plugin_host.control.sync.listening import VIRTUAL_PORT
from plugin_host.control.sync.mtc_out import MtcOut
from plugin_host.control.sync.timecode import TimecodeRate
from plugin_host.desk.desk import Desk
from plugin_host.errors import ControlError

LOOK_SECONDS = 0.01
"""Between two looks at the engine."""
AHEAD_SECONDS = 0.005
"""How long before it is heard a change is acted upon, so that start comes before the first clock."""
PORTS_SECONDS = 1.0
AFTER_FAULT_SECONDS = 0.1
JOIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SendSettings:
    """clock, mtc: what to send. part: of the names of ports to send to, "" for none but our own. rate: of time code.
    origin: seconds of time code at which the song begins."""

    clock: bool = False
    mtc: bool = False
    part: str = ""
    rate: TimecodeRate = TimecodeRate.PAL
    origin: float = 0.0


class SyncOutput:
    """The ports that are sent to, as they come and go. For one thread; `tell` hears of what cannot be opened."""

    def __init__(self, system: MidiSystem, part: str, tell: Callable[[str], None]) -> None:
        self._system, self._part, self._tell = system, part, tell
        self._open: dict[str, OutputPort] = {}
        self._failed: set[str] = set()
        self._absent = ""

    @property
    def ports(self) -> tuple[str, ...]:
        """The ports that are open."""
        return tuple(self._open)

    def look(self) -> None:
        """Open what is there, leave what is not; about once a second."""
        stands = self._system.poll()
        outputs = self._system.outputs()
        wanted = [name for name in outputs if self._part and self._part.lower() in name.lower()]
        there = [*wanted, VIRTUAL_PORT] if stands else []
        self._tell_absent(without_port(self._part, outputs) if self._part and stands else "")
        for name in [name for name in self._open if name not in there]:
            self._open.pop(name).close()
        for name in there:
            if name not in self._open:
                self._try(name)

    def send(self, message: Message) -> None:
        """To all of them."""
        for port in self._open.values():
            port.send(message)

    def close(self) -> None:
        """Leave the ports and the system."""
        self._system.close()
        for port in self._open.values():
            port.close()
        self._open.clear()

    def _tell_absent(self, absent: str) -> None:
        if absent and absent != self._absent:
            self._tell(f"sync: {absent}")
        self._absent = absent

    def _try(self, name: str) -> None:
        virtual = name == VIRTUAL_PORT
        try:
            self._open[name] = self._system.open_output(f"{name} out" if virtual else name, virtual=virtual)
        except ControlError as error:
            if name not in self._failed:
                self._failed.add(name)
                self._tell(f"sync: {error}")


class SyncSender:
    """Sends to an output, which it closes. rate: the song's, in Hz. `start` runs its thread.

    Time is that of what is heard: seeks, loops, another speed and stops are followed, as soon as the engine has told of
    them (it does so twenty times a second).
    """

    def __init__(
        self,
        desk: Desk,
        rate: int,
        output: SyncOutput,
        settings: SendSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk, self._output, self._clock = desk, output, clock
        self._song = HeardSong(rate)
        self._clock_out = ClockOut() if settings.clock else None
        self._mtc_out = MtcOut(settings.rate, settings.origin) if settings.mtc else None
        self._look_at = self._ports_at = clock()
        self._said_no_tempo = False
        self._fault = ""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync out", daemon=True)

    def start(self) -> None:
        """Run the thread."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; whoever follows is told to stop."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_SECONDS)
        if self._clock_out is not None:
            self._output.send(Message("stop"))
        self._output.close()

    def step(self) -> float:
        """Send what is due; when there is something to do again."""
        now = self._clock()
        if now >= self._ports_at:
            self._ports_at = now + PORTS_SECONDS
            self._output.look()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._song.observe(self._desk.status(), self._desk.transport.speed, now)
        line = self._song.line_at(now + AHEAD_SECONDS)
        if line is None:
            return self._look_at
        for message in self._due(line, now):
            self._output.send(message)
        return min(self._look_at, *self._next(line))

    def _run(self) -> None:
        wait = 0.0
        while not self._ending.wait(wait):
            try:
                wait = max(self.step() - self._clock(), 0.0)
            except Exception as error:  # noqa: BLE001  (what is wrong with one port must not end all)
                wait = AFTER_FAULT_SECONDS
                self._tell_fault(f"{type(error).__name__}: {error}")

    def _tell_fault(self, text: str) -> None:
        """Once, until it is another."""
        if text != self._fault:
            self._fault = text
            self._desk.warn(f"sync: {text}")

    def _due(self, line: SongLine, now: float) -> Sequence[Message]:
        said: list[Message] = []
        if self._clock_out is not None:
            said += self._clock_out.advance(line, self._tempo(), now)
        if self._mtc_out is not None:
            said += self._mtc_out.advance(line, now)
        return said

    def _next(self, line: SongLine) -> list[float]:
        due = [] if self._clock_out is None else [self._clock_out.due(line, self._desk.transport.tempo)]
        return due if self._mtc_out is None else [*due, self._mtc_out.due(line)]

    def _tempo(self) -> float | None:
        tempo = self._desk.transport.tempo
        if tempo is None and not self._said_no_tempo:
            self._said_no_tempo = True
            self._desk.warn("sync: no MIDI clock goes out while the song's tempo is not known: set /transport/tempo")
        return tempo
