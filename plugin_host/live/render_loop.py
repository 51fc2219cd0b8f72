"""The render thread: from the feed through the mixer into the device's ring, a few buffers ahead.

Nothing here loads, builds, logs or waits on a lock; what is to change comes ready-made through queues that one side
appends to and the other takes from.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from plugin_host.engine.changes import PreparedChange
from plugin_host.engine.feed import Feed
from plugin_host.engine.feed_player import FeedBlock
from plugin_host.engine.latency import TapDelay
from plugin_host.engine.outputs.frame_ring import FrameRing
from plugin_host.engine.outputs.rate_adapter import RateAdapter
from plugin_host.engine.render_block import MixRenderer, Rendered
from plugin_host.live.bell import Bell
from plugin_host.live.metering import FULL_SCALE, WINDOW_SECONDS, LevelWindow
from plugin_host.live.port import Applied
from plugin_host.live.reference import ReferenceSwitch
from plugin_host.live.shared import SharedState
from plugin_host.mix.limits import MAX_TRACKS

Block = npt.NDArray[np.float32]
_IDLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Posted:
    """A prepared change, the numbers of the commands it carries out, and its engine frame (None: the next)."""

    change: PreparedChange
    numbers: tuple[int, ...]
    at: int | None = None


@dataclass(frozen=True, slots=True)
class RenderPath:
    """What a block passes, in this order, and how it is cut.

    block: frames per turn. ahead_buffers: of the device, that the ring holds before the thread waits. direct: whether
    the tracks follow the master in the ring, "pre" or "post" their faders; "" sends the master alone.
    """

    feed: Feed
    renderer: MixRenderer
    original_delay: TapDelay
    switch: ReferenceSwitch
    adapter: RateAdapter
    ring: FrameRing
    meter_ring: FrameRing
    block: int
    ahead_buffers: int
    direct: Sequence[str] = ()
    pre_fader: bool = False


class RenderLoop:
    """Renders until it is told to end; `start` gives it a thread.

    begin: called first, in the thread. ahead: frames of the device that the ring holds before the thread waits.
    bell: rung by the device after it took a buffer. applied: where `Applied` is
    put for whoever reports it.
    """

    def __init__(self, path: RenderPath, shared: SharedState, rate: int, begin: Callable[[], None]) -> None:
        self._path, self._shared, self._rate, self._begin = path, shared, rate, begin
        self.bell = Bell()
        self.applied: deque[Applied] = deque()
        self.ended_at: deque[int] = deque()
        self.ahead = path.ahead_buffers * path.block
        self.fading = False
        self.playing = False
        self._posted: deque[Posted] = deque()
        self._timed: deque[Posted] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._sinks: tuple[FrameRing, ...] = ()
        self._window = round(WINDOW_SECONDS * rate)
        self._levels = LevelWindow(MAX_TRACKS + 1, self._window + path.block)
        self._clipped = np.zeros(MAX_TRACKS + 1, dtype=bool)
        self._lanes = np.zeros(2 * (1 + len(path.direct)) * path.block, dtype=np.float32)
        self._original = np.zeros(2 * path.block, dtype=np.float32)
        self._names: tuple[str, ...] = ()
        self._starved = 0
        self._load = 0.0
        self._ends = False
        self._thread = threading.Thread(target=self._run, name="render", daemon=True)

    def start(self) -> None:
        """Begin to fill the ring."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the ring is left as it is."""
        self._ends = True
        self.bell.ring()
        self._thread.join()

    def post(self, posted: Posted) -> None:
        """Have a change carried out; those with a time are given in order of time."""
        (self._posted if posted.at is None else self._timed).append(posted)
        self.bell.ring()

    def call(self, action: Callable[[], None]) -> None:
        """Have something small done between two blocks (a switch, a light cleared)."""
        self._calls.append(action)

    def clear_clips(self) -> None:
        """Between two blocks: no signal has clipped."""
        self._clipped[:] = False

    def record(self, ring: FrameRing | None) -> None:
        """Between two blocks: what is heard also goes to this ring (2 channels); None ends that."""
        self._sinks = () if ring is None else (ring,)

    def _run(self) -> None:
        self._begin()
        while not self._ends:
            self._shared.beat()
            if self._path.ring.readable >= self.ahead:
                self.bell.wait(_IDLE_SECONDS)
                continue
            began = time.perf_counter()
            self._turn(self._path.block)
            self._note_load((time.perf_counter() - began) * self._rate / self._path.block)

    def _turn(self, count: int) -> None:
        """One block, cut where a timed change is due."""
        while self._calls:
            self._calls.popleft()()
        while count > 0:
            self._carry_out_due()
            part = count
            if self._timed and self._timed[0].at is not None:
                part = min(part, self._timed[0].at - self._path.renderer.position)
            self._render(part)
            count -= part

    def _carry_out_due(self) -> None:
        renderer = self._path.renderer
        song_frame = self._path.feed.song_frame
        while self._posted:
            self._carry_out(self._posted.popleft(), song_frame)
        while self._timed and (self._timed[0].at or 0) <= renderer.position:
            self._carry_out(self._timed.popleft(), song_frame)

    def _carry_out(self, posted: Posted, song_frame: int) -> None:
        renderer = self._path.renderer
        renderer.apply(posted.change)
        self.fading = renderer.fading
        self._path.original_delay.move(renderer.latency - self._path.switch.latency)
        self.applied.append(Applied(posted.numbers, renderer.position, song_frame))

    def _render(self, count: int) -> None:
        path = self._path
        fed = path.feed.read(path.renderer.names, count)
        rendered = path.renderer.render_block(fed.inputs, count)
        original = self._original[: 2 * count].reshape(2, count)
        path.original_delay.process(fed.reference, original)
        heard, pair = path.switch.process(rendered.master, original)
        self._send(heard, rendered, count)
        if path.meter_ring.writable >= count:
            path.meter_ring.write(pair)
        self._measure(heard, rendered, fed)
        self.fading, self.playing = path.renderer.fading, fed.playing

    def _send(self, heard: Block, rendered: Rendered, count: int) -> None:
        path = self._path
        lanes = self._lanes[: 2 * (1 + len(path.direct)) * count].reshape(-1, 2, count)
        lanes[0] = heard
        direct = rendered.pre if path.pre_fader else rendered.tracks
        places = {name: place for place, name in enumerate(path.renderer.names)} if path.direct else {}
        for lane, name in enumerate(path.direct, 1):
            place = places.get(name)
            lanes[lane] = 0.0 if place is None else direct[place]
        path.ring.write(path.adapter.process(lanes.reshape(-1, count)))
        for sink in self._sinks:
            sink.write(heard)

    def _measure(self, heard: Block, rendered: Rendered, fed: FeedBlock) -> None:
        tracks = len(rendered.tracks)
        self._levels.add(rendered.tracks, heard)
        self._starved += fed.starved
        if fed.ended:
            self.ended_at.append(int(fed.song_frame))
        if self._levels.frames >= self._window:
            self._publish(tracks, fed)

    def _publish(self, tracks: int, fed: FeedBlock) -> None:
        shared, renderer = self._shared, self._path.renderer
        rows = slice(0, tracks + 1)
        peak, rms = self._levels.take(tracks + 1)
        self._clipped[rows] |= (peak >= FULL_SCALE).any(axis=1)
        shared.begin()
        state, meters = shared.state, shared.meters
        meters["peak"][rows], meters["rms"][rows], meters["clipped"][rows] = peak, rms, self._clipped[rows]
        meters["reduction_db"][rows] = renderer.reductions_db
        if renderer.names != self._names:
            self._names = renderer.names
            shared.names[:tracks] = [name.encode()[:63] for name in self._names]
        state["tracks"] = tracks
        state["engine_frame"], state["song_frame"] = renderer.position, fed.song_frame
        state["playing"], state["reference"] = fed.playing, self._path.switch.on
        state["starved"], state["load"] = self._starved, self._load
        shared.end()

    def _note_load(self, load: float) -> None:
        self._load += 0.05 * (load - self._load)
