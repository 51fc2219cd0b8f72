"""The device's side of JACK's transport: what is taken from the ring is what belongs to the transport's frame.

    render thread ── note ──▶ run: at which frame of the ring the song begins, and where in the song that is
    device thread ── cycle, is_ready, read_into: hold the run back until JACK's transport reaches it, then keep to it

Frames of the ring and of JACK's transport pass at the same pace, so one pair of them says where the rest belong: what
came too late is passed over, what is too early waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from plugin_host.engine.feed_player import FeedBlock
from plugin_host.engine.outputs.contract import Block, Rolling
from plugin_host.engine.outputs.frame_ring import FrameRing


@dataclass(frozen=True, slots=True)
class Run:
    """The song playing without interruption.

    ring_frame, engine_frame, song_frame: of its first frame. jack_frame: of JACK's transport, that it belongs to. gaps:
    where in the ring, in order, the disk was too slow, and for how many frames the song waited.
    """

    ring_frame: int
    jack_frame: int
    engine_frame: int
    song_frame: int
    gaps: tuple[tuple[int, int], ...] = ()

    def place(self, frame: int, most: int) -> tuple[int, int]:
        """The ring frame of a JACK frame, and how many after it, at most so many, follow without a gap."""
        wanted = self.ring_frame + frame - self.jack_frame
        for at, count in self.gaps:
            if wanted < at:
                return wanted, min(most, at - wanted)
            wanted += count
        return wanted, most


@dataclass(frozen=True, slots=True)
class RingView:
    """How the lock sees the path: its ring; ring frames per song frame; by how many song frames what is heard is late;
    how many frames the ring should hold before it starts.
    """

    ring: FrameRing
    ratio: float
    latency: Callable[[], int]
    ahead: Callable[[], int]


class TransportLock:
    """Follows the server's transport to the frame; `attach` it before anything runs.

    run: that plays or is about to; None once the song was stopped. heard: what the server said last, None before it
    spoke. last_frame: the first JACK frame that the song does not have. Set by the control thread: free, the run is
    left alone; aim, the JACK frame that the next run belongs to (None: its own song frame); ended, which it takes back:
    the song's end was passed.
    """

    def __init__(self) -> None:
        self.run: Run | None = None
        self.heard: tuple[Rolling, int] | None = None
        self.free = self.ended = False
        self.aim: int | None = None
        self.last_frame = 0
        self._view: RingView | None = None
        self._playing = False
        self._abandoned: Run | None = None
        self._cycle: tuple[Rolling, int] | None = None

    def attach(self, view: RingView, frames: int) -> None:
        """Before the render thread and the device start. frames: of the song."""
        self._view = view
        self.last_frame = self.jack_frame(frames)

    @property
    def view(self) -> RingView:
        """What was attached."""
        assert self._view is not None, "attach comes first"  # noqa: S101 - an order of calls, not an input
        return self._view

    def jack_frame(self, song_frame: float) -> int:
        """Of JACK's rate."""
        return round(song_frame * self.view.ratio)

    def song_frame(self, jack_frame: int) -> int:
        """Of the song's rate."""
        return round(jack_frame / self.view.ratio)

    def note(self, engine_frame: int, fed: FeedBlock) -> None:
        """In the render thread, of every block before it goes into the ring."""
        if (fed.playing or fed.ended) and not self._playing:
            song = int(fed.song_frame)
            aim = self.jack_frame(song) if self.aim is None else self.aim
            self.run = Run(self.jack_frame(engine_frame + self.view.latency()), aim, engine_frame, song)
        elif self._playing and not (fed.playing or fed.ended):  # what the ring holds up to the song's end still counts
            self.run = None
        if fed.starved and self.run is not None:
            waited_at = engine_frame + self.view.latency() + fed.reference.shape[1] - fed.starved
            gap = self.jack_frame(waited_at), self.jack_frame(fed.starved)
            self.run = replace(self.run, gaps=(*self.run.gaps, gap))
        self._playing = fed.playing
        self.ended |= fed.ended

    def abandon(self) -> None:
        """Do not wait for the transport to reach the run: it is about to end."""
        self._abandoned = self.run

    def reaches(self, frame: int, patience: int) -> bool:
        """Whether what is to be heard at that JACK frame, or within so many after it, is in the ring or nearly."""
        run, ring = self.run, self.view.ring
        if run is None or run is self._abandoned:
            return False
        wanted, _ = run.place(frame, 1)
        return wanted + patience >= ring.taken and wanted - patience <= ring.taken + ring.readable

    def holds(self, frame: int) -> bool:
        """Whether a run that begins with that JACK frame waits to be heard."""
        run = self.run
        waits = run is not None and run is not self._abandoned and self.view.ring.taken <= run.ring_frame
        return waits and run is not None and run.jack_frame == frame

    @property
    def begun(self) -> bool:
        """Whether something of the run has been taken."""
        run = self.run
        return run is not None and self.view.ring.taken > run.ring_frame

    def cycle(self, rolling: Rolling, frame: int) -> None:
        """See `TransportFollower`."""
        self.heard = self._cycle = (rolling, frame)

    def is_ready(self, frame: int) -> bool:
        """See `TransportFollower`."""
        run, ring = self.run, self.view.ring
        if self.free or frame >= self.last_frame:
            return True
        if run is None or not self.holds(frame):
            return False
        return ring.taken == run.ring_frame and ring.readable >= self.view.ahead()

    def read_into(self, out: Block) -> int:
        """As the ring's: fill (channel, frame); how many frames are as they should be. In the device's thread."""
        cycle, self._cycle = self._cycle, None  # a clock that stands in for the server has no transport
        run, ring = self.run, self.view.ring
        if cycle is None or run is None or self.free:
            return ring.read_into(out)
        rolling, frame = cycle
        waits = ring.taken <= run.ring_frame
        if waits and (rolling == "no" or run is self._abandoned or (rolling == "starting" and run.jack_frame != frame)):
            ring.skip(ring.readable)
            out.fill(0.0)
            return int(out.shape[1])
        if rolling == "yes" and run is not self._abandoned:
            return self._in_step(out, run, frame)
        return self._up_to(run, out) if waits else ring.read_into(out)

    def _up_to(self, run: Run, out: Block) -> int:
        """What was rendered before the run; then silence, until the transport rolls."""
        ring = self.view.ring
        count = min(out.shape[1], run.ring_frame - ring.taken)
        got = ring.read_into(out[:, :count])
        out[:, count:] = 0.0
        rest: int = out.shape[1] - count
        return rest + got

    def _in_step(self, out: Block, run: Run, frame: int) -> int:
        ring, count = self.view.ring, int(out.shape[1])
        done = min(max(run.jack_frame - frame, 0), count)
        if done == count and ring.taken + count <= run.ring_frame:
            return ring.read_into(out)
        out[:, :done] = 0.0
        got = done
        while done < count:
            wanted, length = run.place(frame + done, count - done)
            ring.skip(wanted - ring.taken)
            early = min(max(ring.taken - wanted, 0), length)
            out[:, done : done + early] = 0.0
            got += early + ring.read_into(out[:, done + early : done + length])
            done += length
        return got
