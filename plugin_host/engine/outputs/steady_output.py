"""An output that goes on whatever happens: while its device is away, a clock takes its place."""

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

from plugin_host.engine.outputs.clocked_outputs import NullOutput
from plugin_host.engine.outputs.contract import Output, Pull
from plugin_host.engine.outputs.jack_output import JackOutput
from plugin_host.engine.outputs.opening import open_output
from plugin_host.engine.outputs.passage import Passage
from plugin_host.engine.outputs.request import Lane, OutputRequest
from plugin_host.errors import OutputError

_WATCH_SECONDS = 0.01
_RETRY_SECONDS = 1.0
_SILENT_SECONDS = 1.0
"""A device that pulls nothing for so long, and for 20 buffers, is replaced until it moves again."""
_LOST_SECONDS = 10.0
"""One that cannot tell that it has gone is taken for gone after this."""
_LETTING_GO_SECONDS = 5.0
_MOST_EVENTS = 100


@dataclass(slots=True)
class _Line:
    """An output with its way to the pull; when it last moved, and how much it had pulled then."""

    output: Output
    passage: Passage
    moved_at: float
    passed: int = 0

    def silent_for(self, now: float) -> float:
        """Seconds since it last pulled."""
        if self.passage.passed != self.passed:
            self.passed, self.moved_at = self.passage.passed, now
        return now - self.moved_at


class SteadyOutput:
    """Plays through the device that is asked for whenever it is there; an `Output` that is always alive.

    `OutputError` where the device is not there at first, unless `must_open` is False: then it begins on the clock, at
    `known_rate` (Hz, of a device that was there before) or the session's rate. rate: stays. changed_rate: Hz of a
    device that came back with another one and is left alone, because what fills the ring resamples to `rate`; open a
    new output to use it. None otherwise.
    """

    tells_its_end = True
    alive = True

    def __init__(self, request: OutputRequest, *, must_open: bool = True, known_rate: int | None = None) -> None:
        self._request = request
        self._events: deque[str] = deque(maxlen=_MOST_EVENTS)
        self._output: Output = self._open_first(must_open, known_rate or request.wanted_rate)
        self.rate, self.channels = self._output.rate, self._output.channels
        self.changed_rate: int | None = None
        self._pull: Pull | None = None
        self._line: _Line | None = None
        self._spare: _Line | None = None
        self._past_xruns = 0
        self._said = ""
        self._retry_at = time.monotonic()
        self._farewell: threading.Thread | None = None
        self._let_go_by = math.inf
        self._ends = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="output watch", daemon=True)

    @property
    def title(self) -> str:
        """The device in use, or which one is waited for."""
        if self.on_device:
            return self._output.title
        return f"no device, clocked until {self._wanted} is back"

    @property
    def buffer(self) -> int:
        """Frames per pull at present: another device, or the user of a JACK server, may change it."""
        return self._output.buffer

    @property
    def problem(self) -> str:
        """Of the output in use."""
        return self._output.problem

    @property
    def xruns(self) -> int:
        """Of all outputs that were in use."""
        return self._past_xruns + self._output.xruns

    @property
    def latency_frames(self) -> int:
        """Of the output in use."""
        return self._output.latency_frames

    @property
    def on_device(self) -> bool:
        """Whether what was asked for is in use, and not the clock in its place."""
        return self._request.kind == "null" or type(self._output) is not NullOutput

    @property
    def jack(self) -> JackOutput | None:
        """The JACK client while there is one, for its transport."""
        return self._output if isinstance(self._output, JackOutput) else None

    def start(self, pull: Pull) -> None:
        """Begin to pull, always from one thread at a time; `OutputError` where the device refuses."""
        self._pull = pull
        self._use(self._started(self._output, pull))
        self._watcher.start()

    def stop(self) -> None:
        """End for good."""
        self._ends.set()
        if self._watcher.is_alive():
            self._watcher.join(_LETTING_GO_SECONDS)
        if self._line is not None:
            self._line.passage.close()
        for output in [self._output, *([self._spare.output] if self._spare else [])]:
            self._retire(output)
            if self._farewell is not None:
                self._farewell.join(_LETTING_GO_SECONDS)

    def name_lanes(self, lanes: tuple[Lane, ...]) -> None:
        """Name lanes that had no name; in JACK they have their ports a moment later, also after it was away.

        lanes: as many as before, and those that had a name the same.
        """
        self._request = replace(self._request, lanes=lanes)

    def events(self) -> list[str]:
        """What happened since the last call, one line each."""
        return [self._events.popleft() for _ in range(len(self._events))]

    @property
    def _wanted(self) -> str:
        return self._request.device or ("JACK" if self._request.kind == "jack" else "the sound card")

    def _open_first(self, must_open: bool, clock_rate: int) -> Output:
        try:
            return open_output(self._request)
        except OutputError as error:
            if must_open:
                raise
            self._events.append(f"{error}; playing goes on against a clock until it is there")
            return self._stand_in(clock_rate)

    def _stand_in(self, rate: int) -> NullOutput:
        return NullOutput(replace(self._request, kind="null", device_rate=rate))

    def _started(self, output: Output, pull: Pull) -> _Line:
        passage = Passage(pull)
        output.start(passage)
        return _Line(output, passage, time.monotonic())

    def _use(self, line: _Line) -> None:
        self._line, self._output = line, line.output

    def _watch(self) -> None:
        while not self._ends.wait(_WATCH_SECONDS):
            if self._line is None or self._pull is None:
                continue
            self._report_problem()
            now = time.monotonic()
            if self.on_device:
                self._watch_device(self._line, self._pull, now)
                self._keep_names()
            elif self._spare is not None:
                self._watch_spare(self._line, self._spare, now)
            elif now >= self._retry_at:
                self._look_for_device(self._line, self._pull)
                self._retry_at = time.monotonic() + _RETRY_SECONDS

    def _report_problem(self) -> None:
        problem = self._output.problem
        if problem and problem != self._said and self._output.alive:
            self._events.append(f"{self._output.title}: {problem}")
        self._said = problem

    def _keep_names(self) -> None:
        """Here, because the device is opened and left here: no name is lost in between."""
        jack = self.jack
        if jack is None or jack.lanes is self._request.lanes:
            return
        try:
            jack.name_lanes(self._request.lanes)
        except OutputError as error:
            self._events.append(str(error))

    def _watch_device(self, line: _Line, pull: Pull, now: float) -> None:
        silent = line.silent_for(now) > max(_SILENT_SECONDS, 20 * self.buffer / self.rate)
        if line.output.alive and not silent:
            return
        line.passage.close()
        self._past_xruns += line.output.xruns
        self._use(self._started(self._stand_in(self.rate), pull))
        if line.output.alive:
            self._spare = line
            self._events.append(f"{line.output.title} takes no more sound: playing goes on against a clock")
        else:
            reason = line.output.problem or "no reason given"
            self._events.append(f"{line.output.title} is gone ({reason}): playing goes on against a clock")
            self._retire(line.output)

    def _watch_spare(self, clock: _Line, spare: _Line, now: float) -> None:
        """A device that fell silent is kept, not closed: that could take for ever, and it may move again."""
        was = spare.moved_at
        silent = spare.silent_for(now)
        if spare.output.alive and spare.moved_at != was:
            self._spare = None
            self._past_xruns -= spare.output.xruns
            self._change_over(clock, spare)
        elif not spare.output.alive or (silent > _LOST_SECONDS and not spare.output.tells_its_end):
            self._spare = None
            self._retire(spare.output)

    def _change_over(self, clock: _Line, device: _Line) -> None:
        clock.passage.close()
        device.passage.open()
        self._use(device)
        self._past_xruns += clock.output.xruns
        clock.output.stop()
        self._events.append(f"{device.output.title} is back")

    def _look_for_device(self, clock: _Line, pull: Pull) -> None:
        if self._is_still_closing():
            return
        try:
            found = open_output(self._request)
        except OutputError:
            return
        if found.rate != self.rate:
            self._leave_alone(found)
        elif self._ends.is_set():
            found.stop()
        else:
            self._return_to(found, clock, pull)

    def _is_still_closing(self) -> bool:
        if self._farewell is None or not self._farewell.is_alive():
            return False
        if time.monotonic() > self._let_go_by:
            self._events.append(f"the driver of {self._wanted} does not let go of it: start again to use it once more")
            self._let_go_by = math.inf
        return True

    def _leave_alone(self, found: Output) -> None:
        if self.changed_rate != found.rate:
            self._events.append(f"{found.title} is back at {found.rate} Hz, not {self.rate}: start again to use it")
        self.changed_rate = found.rate
        found.stop()

    def _return_to(self, found: Output, clock: _Line, pull: Pull) -> None:
        passage = Passage(pull)
        passage.close()
        try:
            found.start(passage)
        except OutputError as error:
            self._events.append(str(error))
            found.stop()
        else:
            self.changed_rate = None
            self._change_over(clock, _Line(found, passage, time.monotonic()))

    def _retire(self, output: Output) -> None:
        """Close an output in a thread of its own: some drivers never return from that."""
        self._farewell = threading.Thread(target=output.stop, name="output farewell", daemon=True)
        self._let_go_by = time.monotonic() + _LETTING_GO_SECONDS
        self._farewell.start()
