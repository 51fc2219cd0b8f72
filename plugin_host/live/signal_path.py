"""Everything a sample passes in the engine's process, opened in order and closed in reverse."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

from plugin_host.effects.limiter import safety_limiter
from plugin_host.engine.builder import Builder
from plugin_host.engine.fault_guard import Fault
from plugin_host.engine.feed import Feed
from plugin_host.engine.latency import TapDelay
from plugin_host.engine.outputs.contract import Block
from plugin_host.engine.outputs.frame_ring import FrameRing
from plugin_host.engine.outputs.rate_adapter import RateAdapter
from plugin_host.engine.outputs.request import MOST_BUFFER, Lane, OutputRequest
from plugin_host.engine.outputs.steady_output import SteadyOutput
from plugin_host.engine.prepare import PreparedMix, PrepareOptions, prepared_mix
from plugin_host.engine.render_block import RenderSetup
from plugin_host.errors import MixError
from plugin_host.live.blame import BlameMarker
from plugin_host.live.fed_sources import FedSources
from plugin_host.live.lanes import lanes_of, with_lanes_for
from plugin_host.live.messages import Begin, LiveSettings
from plugin_host.live.reference import ReferenceSwitch
from plugin_host.live.render_loop import Posted, RenderLoop, RenderPath
from plugin_host.live.shared import SharedState
from plugin_host.live.steady_file import SteadyFile
from plugin_host.live.transport_lock import RingView, TransportLock
from plugin_host.mix.roles import drum_tracks
from plugin_host.mix.transport import Play, Seek, Stop, Transport, TransportCommand, apply_transport
from plugin_host.stems.open_session import HostSession, open_for_host, reopen_for_host
from plugin_host.stems.reader import SilentStem, StemReader
from separation_core.audio.frames import FrameSource

_METER_SECONDS = 1
_RATE_SLACK = 4096
"""Frames that a resampler may give at once beyond what it was given."""
_LONGEST_AHEAD = 4 * MOST_BUFFER
"""Frames that may be rendered ahead whatever buffer a JACK server changes to: four of the longest that JACK 2 has."""
_FILL_SECONDS = 5.0
_GLANCE_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next block begins. loop: as it was commanded last."""

    playing: bool
    song_frame: int
    engine_frame: int
    speed: float
    loop: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class OpenedParts:
    """What lies beside the render path. sources: what the feed reads at first, by track.

    lanes: of the output. direct: whether every track should have one.
    """

    session: HostSession
    builder: Builder
    output: SteadyOutput
    sources: dict[str, FrameSource]
    lanes: tuple[Lane, ...]
    direct: bool
    warnings: tuple[str, ...]


class SignalPath:
    """The opened path; `start` sets it going. What it needs closed, `open_path` closes."""

    def __init__(self, opened: OpenedParts, loop: RenderLoop, path: RenderPath, transport: Transport) -> None:
        self.rate, self.frames = opened.session.rate, opened.session.frames
        self.feed, self.builder, self.output = path.feed, opened.builder, opened.output
        self.loop, self.switch, self.meter_ring, self.lock = loop, path.switch, path.meter_ring, path.lock
        self._path, self._ordered = path, transport
        self.fed = FedSources(path.feed, opened.sources, lambda: loop.free)
        self._lanes, self._direct = opened.lanes, opened.direct
        self._dropouts, self._faults = 0, frozenset[Fault]()
        self._started = self._jumps = False
        self._notices: deque[str] = deque(opened.warnings)
        if self.lock is not None:
            self.lock.attach(self._ring_view(), self.frames)
        self._taken_from = self._path.ring if self.lock is None else self.lock

    @property
    def latency_ms(self) -> float:
        """From a fader to the ear: what is rendered ahead, two buffers, and what master and device hold back."""
        output, renderer = self.output, self._path.renderer
        device_frames = self.loop.ahead + 2 * output.buffer + output.latency_frames + self._path.adapter.delay_frames
        return 1000.0 * (device_frames / output.rate + (renderer.latency - renderer.track_latency) / self.rate)

    @property
    def song_delay_ms(self) -> float:
        """From when a block of the song enters the mixer to when its first frame is heard."""
        output, renderer = self.output, self._path.renderer
        device_frames = self.loop.ahead + output.latency_frames + self._path.adapter.delay_frames
        return 1000.0 * (device_frames / output.rate + renderer.latency / self.rate)

    @property
    def block(self) -> int:
        """Frames that are rendered at a time."""
        return self._path.block

    @property
    def dropouts(self) -> int:
        """Buffers that the device asked for and did not get whole."""
        return self._dropouts

    def start(self) -> None:
        """Fill the ring, then have the device take from it; `OutputError` where it refuses."""
        self.feed.start()
        self.feed.settle(_FILL_SECONDS)
        self.loop.start()
        self._started = True
        while self._path.ring.readable < self.loop.ahead:
            self.loop.bell.ring()
            time.sleep(_GLANCE_SECONDS)
        self.output.start(self._pull)

    def stop(self) -> None:
        """The device first, so that it never finds the ring empty."""
        self.output.stop()
        if self._started:
            self.loop.stop()

    def post(self, posted: Posted) -> None:
        """Hand a change to the render thread, and its sources to the feed."""
        change = posted.change
        self._notices.extend(change.warnings)
        self.fed.change(change)
        if self._direct and change.plan.added:
            self._give_lanes(change.plan.added)
        self.loop.post(posted)

    def move(self, transport: Transport, command: TransportCommand) -> Transport:
        """Carry a transport command out; the transport after it. `MixError` for what cannot be meant."""
        after = apply_transport(self._as_it_is(transport), command, self.frames)
        self._jumps = isinstance(command, Seek | Stop | Play) or (self._jumps and not self.feed.arrived)
        self._ordered = after
        self.feed.command(after, command)
        return after

    def position(self) -> Position:
        """Where the song is now."""
        return Position(self.loop.playing, *self.loop.place, self._ordered.speed, self._ordered.loop)

    def notice(self, text: str) -> None:
        """Have the user told something."""
        self._notices.append(text)

    def notices(self) -> list[str]:
        """What the user should know since the last call, one line each."""
        faults, known = self._path.renderer.faults, self._faults
        new = [fault for fault in faults if fault not in known]
        self._faults = frozenset(faults)
        remedy = "change its chain, or restore its stem"
        lines = [f"{fault.where} gave no sound but noise or NaN and is silent: {remedy}" for fault in new]
        lines += [*self._notices, *self.feed.problems(), *self.output.events()]
        self._notices.clear()
        self.feed.retired()  # the builder, whose they are, closes them; nobody need hold them here
        return lines

    def _give_lanes(self, added: Sequence[str]) -> None:
        """Outputs for tracks that come while it plays, where the device can have more."""
        self._lanes, left_out = with_lanes_for(self._lanes, added)
        self.output.name_lanes(self._lanes)
        self.loop.direct = tuple(lane.name for lane in self._lanes[1:])
        for name in left_out:
            self.notice(f"track {name} has no output of its own: end and start play again to give it one")

    def _as_it_is(self, transport: Transport) -> Transport:
        """The transport with what the clock did to it, unless the song is only on its way to where it was sent."""
        if self._jumps and not self.feed.arrived:
            return transport
        return replace(transport, playing=self.loop.playing, position=self.feed.song_frame)

    def _ring_view(self) -> RingView:
        """Tracks with outputs of their own are in step with JACK's transport, the master a little after; else it is."""
        path = self._path
        ratio = self.output.rate / self.rate
        latency = (lambda: path.renderer.track_latency) if path.direct else (lambda: path.renderer.latency)
        return RingView(path.ring, ratio, latency, lambda: self.loop.ahead)

    def _pull(self, out: Block) -> None:
        """In the device's thread: copy, count, ring."""
        self.loop.buffer = out.shape[1]  # the user of a JACK server may change its buffer
        self._dropouts += self._taken_from.read_into(out) < out.shape[1]
        self.loop.bell.ring()


@contextmanager
def open_path(settings: LiveSettings, begin: Begin, shared: SharedState) -> Iterator[SignalPath]:
    """Open session, chains and device as the settings say; `HostError` where something is not there."""
    session = open_for_host(settings.session) if settings.must_open else reopen_for_host(settings.session)
    marker = BlameMarker(shared)
    silenced: list[str] = []
    names = [track.name for track in begin.mix.tracks]
    with ExitStack() as stack:
        lock = TransportLock() if settings.output == "jack" and settings.jack_transport != "off" else None
        lanes = lanes_of(settings, names)
        output = _output(settings, session, lanes, lock)
        stack.callback(output.stop)
        setup = RenderSetup(session.rate, output.buffer, pre_fader=settings.direct == "pre")
        options = PrepareOptions(
            settings.allow_missing or not settings.must_open,
            scratch=settings.scratch,
            advance=lambda _: shared.beat(),  # what is rendered ahead may take long: nobody should think we hang
            marker=marker,
            silenced=None if settings.must_open else silenced.append,
        )
        prepared = stack.enter_context(prepared_mix(session, begin.mix, setup, options))
        song = stack.enter_context(closing(_song(session, options)))
        feed = stack.enter_context(closing(_feed(session, begin, prepared, song)))
        render = replace(_render_path(settings, session, feed, prepared, output, begin, lanes), lock=lock)
        builder = Builder(
            session,
            session.rate,
            output.buffer,
            allow_missing=settings.allow_missing,
            scratch=settings.scratch,
            marker=marker,
        )
        stack.callback(builder.close)
        sources = dict(zip(names, prepared.sources, strict=True))
        warnings = (*silenced, *prepared.warnings)
        opened = OpenedParts(session, builder, output, sources, lanes, bool(settings.direct), warnings)
        loop = RenderLoop(render, shared, session.rate, marker.rendering)
        path = SignalPath(opened, loop, render, begin.transport)
        stack.callback(path.stop)
        yield path


def _song(session: HostSession, options: PrepareOptions) -> StemReader | SilentStem:
    try:
        return session.open_song()
    except MixError as error:
        if options.silenced is None:
            raise
        options.silenced(f"the original is silent: {error}")
        return SilentStem(session.rate, session.frames)


def _output(
    settings: LiveSettings, session: HostSession, lanes: tuple[Lane, ...], lock: TransportLock | None
) -> SteadyOutput:
    request = OutputRequest(
        kind=settings.output,
        rate=session.rate,
        lanes=lanes,
        device=settings.device,
        buffer=settings.buffer,
        path=settings.path,
        transport=lock,
    )
    if settings.output == "file":
        return SteadyFile(request, must_open=settings.must_open)
    return SteadyOutput(request, must_open=settings.must_open, known_rate=settings.known_rate)


def _feed(session: HostSession, begin: Begin, prepared: PreparedMix, song: FrameSource) -> Feed:
    tracks = begin.mix.tracks
    sources = dict(zip((track.name for track in tracks), prepared.sources, strict=True))
    return Feed(sources, song, session.rate, transport=begin.transport, drums=drum_tracks(tracks))


def _render_path(
    settings: LiveSettings,
    session: HostSession,
    feed: Feed,
    prepared: PreparedMix,
    output: SteadyOutput,
    begin: Begin,
    lanes: tuple[Lane, ...],
) -> RenderPath:
    rate, renderer = session.rate, prepared.renderer
    limiter = safety_limiter(rate, begin.mix.master.ceiling_db)
    switch = ReferenceSwitch(rate, output.buffer, limiter, on=begin.reference, limited=begin.mix.master.limiter)
    most_ahead = max(settings.ahead * output.buffer, _LONGEST_AHEAD if settings.output == "jack" else 0)
    one_turn = output.buffer * output.rate // rate + _RATE_SLACK
    return RenderPath(
        feed=feed,
        renderer=renderer,
        original_delay=TapDelay(renderer.latency - switch.latency, output.buffer, rate),
        switch=switch,
        adapter=RateAdapter(2 * len(lanes), rate, output.rate),
        ring=FrameRing(2 * len(lanes), most_ahead + one_turn),
        meter_ring=FrameRing(4, _METER_SECONDS * rate),
        block=output.buffer,
        ahead_buffers=settings.ahead,
        most_ahead=most_ahead,
        direct=tuple(lane.name for lane in lanes[1:]),
        pre_fader=settings.direct == "pre",
    )
