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
from plugin_host.live.transport_lock import TransportLock
from plugin_host.mix.limits import MAX_TRACKS

Block = npt.NDArray[np.float32]
_IDLE_SECONDS = 0.05
_FEED_SECONDS = 0.002
_ENOUGH_BUFFERS = 2
"""Of the device: while so much is in the ring the feed is waited for, as rendering what it lacks would be a gap."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A prepared change, the numbers of the commands it carries out, and its engine frame (None: the next).

    early: see `Applied`.
    """

    change: PreparedChange
    numbers: tuple[int, ...]
    at: int | None = None
    early: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RenderPath:
    """What a block passes, in this order, and how it is cut.

    block: most frames per turn. ahead_buffers: of the device, that the ring holds before the thread waits, but never
    more than most_ahead frames: beyond these it has room for one turn. direct: the tracks that follow the master in the
    ring, "" for a place that is silent, before their faders if pre_fader. lock: keeps what is heard in step with JACK's
    transport.
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
    most_ahead: int
    direct: Sequence[str] = ()
    pre_fader: bool = False
    lock: TransportLock | None = None


class RenderLoop:
    """Renders until it is told to end; `start` gives it a thread.

    begin: called first, in the thread. buffer: frames that the device takes at a time, kept true by it. direct: see
    `RenderPath`; names may change, their number may not. bell: rung by the device after it took a buffer. applied:
    where `Applied` is put for whoever reports it. place: song frame and engine frame with which the next block begins.
    """

    def __init__(self, path: RenderPath, shared: SharedState, rate: int, begin: Callable[[], None]) -> None:
        self._path, self._shared, self._rate, self._begin = path, shared, rate, begin
        self.bell = Bell()
        self.applied: deque[Applied] = deque()
        self.ended_at: deque[int] = deque()
        self.buffer, self.direct = path.block, tuple(path.direct)
        self.playing = False
        self.place = path.feed.song_frame, path.renderer.position
        self._fading = False
        self._exchanges_posted = self._exchanges_begun = 0
        self._posted: deque[Posted] = deque()
        self._timed: deque[Posted] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._sinks: tuple[FrameRing, ...] = ()
        self._window = round(WINDOW_SECONDS * rate)
        self._levels = LevelWindow(MAX_TRACKS, self._window + path.block, path.switch.latency)
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

    @property
    def ahead(self) -> int:
        """Frames of the device that the ring holds before the thread waits."""
        return min(self._path.ahead_buffers * self.buffer, self._path.most_ahead)

    @property
    def free(self) -> bool:
        """Whether chains can be exchanged: no change that does so waits or is under way. Else keep it back."""
        return self._exchanges_posted == self._exchanges_begun and not self._fading

    def post(self, posted: Posted) -> None:
        """Have a change carried out, one that is not light only while `free`; those with a time in order of time."""
        self._exchanges_posted += not posted.change.is_light
        waits = posted.at is not None and (self._timed or posted.at > self._path.renderer.position)
        (self._timed if waits else self._posted).append(posted)
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
            count = min(self._path.block, self.buffer)  # a long turn would be too late for a device with short buffers
            if self._path.ring.readable >= _ENOUGH_BUFFERS * self.buffer and not self._path.feed.ready(count):
                self.bell.wait(_FEED_SECONDS)
                continue
            began = time.perf_counter()
            self._turn(count)
            self._note_load((time.perf_counter() - began) * self._rate / count)

    def _turn(self, count: int) -> None:
        """One block, cut where a timed change is due."""
        while self._calls:
            self._calls.popleft()()
        while count > 0:
            self._carry_out_due()
            part = count
            if self._timed and (wait := (self._timed[0].at or 0) - self._path.renderer.position) > 0:
                part = min(part, wait)
            self._render(part)
            count -= part

    def _carry_out_due(self) -> None:
        if not self._posted and not self._timed:
            return
        self._carry_out_posted()
        while self._timed and not self._posted and self._is_due(self._timed[0]):
            self._carry_out(self._timed.popleft())

    def _is_due(self, posted: Posted) -> bool:
        """What needs other sources begins with them, so that a bounce can do the same; what follows waits with it."""
        ready = not posted.change.sources or self._path.feed.can_take_up
        return ready and (posted.at or 0) <= self._path.renderer.position

    def _carry_out_posted(self) -> None:
        """All that is light, or one exchange of chains and nothing else.

        A take knows frames, and not what was posted together: what begins at one frame is one change in its bounce, and
        a chain that is built anew with a parameter is not one in which that parameter glides.
        """
        if self._posted and not self._posted[0].change.is_light:
            if self._is_due(self._posted[0]):
                self._carry_out(self._posted.popleft())
            return
        while self._posted and self._posted[0].change.is_light:
            self._carry_out(self._posted.popleft())

    def _carry_out(self, posted: Posted) -> None:
        renderer, feed = self._path.renderer, self._path.feed
        if posted.change.sources:
            feed.take_up()
        renderer.apply(posted.change)
        if posted.change.plan.limiter:
            self._path.switch.limit(posted.change.limiter is not None)
        self._fading = renderer.fading
        self._exchanges_begun += not posted.change.is_light  # last: whoever sees it sees the fade, too
        self._path.original_delay.move(renderer.latency - self._path.switch.latency)
        if posted.numbers or posted.early:
            self.applied.append(Applied(posted.numbers, renderer.position, feed.song_frame, posted.early))

    def _render(self, count: int) -> None:
        path, names = self._path, self._path.renderer.names  # once the block is rendered some may have gone
        fed = path.feed.read(names, count)
        if path.lock is not None:
            path.lock.note(path.renderer.position, fed)
        rendered = path.renderer.render_block(fed.inputs, count)
        original = self._original[: 2 * count].reshape(2, count)
        path.original_delay.process(fed.reference, original)
        heard = path.switch.process(rendered.master, original)
        path.ring.write(path.adapter.process(self._beside_direct(heard, rendered) if path.direct else heard))
        for sink in self._sinks:
            sink.write(heard)
        # Where many give way to many there are more of them while they fade than have meters.
        self._levels.add(rendered.tracks[:MAX_TRACKS], heard, rendered.master, original)
        self._note(names[:MAX_TRACKS], fed)
        self.place = path.feed.song_frame, path.renderer.position  # at once, so that they belong together
        self._fading, self.playing = path.renderer.fading, fed.playing  # last: who sees it play sees from where

    def _beside_direct(self, heard: Block, rendered: Rendered) -> Block:
        """What is heard and, after it, the tracks that go out by themselves: (channel, frame)."""
        path, count = self._path, heard.shape[1]
        lanes = self._lanes[: 2 * (1 + len(path.direct)) * count].reshape(-1, 2, count)
        lanes[0] = heard
        direct = rendered.pre if path.pre_fader else rendered.tracks
        places = {name: place for place, name in enumerate(path.renderer.names)}
        for lane, name in enumerate(self.direct, 1):
            place = places.get(name)
            lanes[lane] = 0.0 if place is None else direct[place]
        return lanes.reshape(-1, count)

    def _note(self, names: tuple[str, ...], fed: FeedBlock) -> None:
        self._starved += fed.starved
        if fed.ended:
            self.ended_at.append(self._path.feed.song_frame)
        if self._levels.frames >= self._window:
            self._publish(names, fed)

    def _publish(self, names: tuple[str, ...], fed: FeedBlock) -> None:
        shared, renderer, tracks = self._shared, self._path.renderer, len(names)
        if self._path.meter_ring.writable >= self._levels.frames:
            self._path.meter_ring.write(self._levels.pair)
        levels = self._levels.take(tracks)
        shared.begin()
        self._publish_meters(tracks, *levels)
        state = shared.state
        if names != self._names:
            self._names = names
            shared.names[:tracks] = [name.encode() for name in names]
        state["tracks"] = tracks
        state["engine_frame"], state["song_frame"] = renderer.position, fed.song_frame
        state["playing"], state["reference"] = fed.playing, self._path.switch.on
        state["starved"], state["load"] = self._starved, self._load
        shared.end()

    def _publish_meters(self, tracks: int, peak: Block, rms: Block) -> None:
        """peak, rms: (signal, 2), of what is heard and of the tracks; in shared memory the tracks come first."""
        meters = self._shared.meters
        if peak.max() >= FULL_SCALE:
            self._clipped[: tracks + 1] |= (np.concatenate([peak[1:], peak[:1]]) >= FULL_SCALE).any(axis=1)
        meters["peak"][:tracks], meters["rms"][:tracks] = peak[1:], rms[1:]
        meters["peak"][tracks], meters["rms"][tracks] = peak[0], rms[0]
        meters["clipped"][: tracks + 1] = self._clipped[: tracks + 1]
        *reductions, meters["reduction_db"][tracks] = self._path.renderer.reductions_db
        if len(reductions) >= tracks:  # else some have just gone, and the next ones are right
            meters["reduction_db"][:tracks] = reductions[:tracks]

    def _note_load(self, load: float) -> None:
        self._load += 0.05 * (load - self._load)
