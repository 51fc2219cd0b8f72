"""The one mixing function, for the loudspeaker and for the bounce: chain → align → fader per track, sum, master.

A `MixRenderer` is built outside the audio thread; `render_block` then only calls prepared runners and a few numpy
operations on buffers that exist. Its output depends on the inputs, the steps and their times alone: the same song cut
into other block sizes, or rendered with more threads, gives the same samples.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from plugin_host.engine.fault_guard import Fault, FaultGuard
from plugin_host.engine.gains import MixGains
from plugin_host.engine.glide import GainGlide, ramp_shape
from plugin_host.engine.latency import DelayLine, alignment

Block = npt.NDArray[np.float32]
Spread = Callable[..., Iterable[None]]
"""`map`, or the `map` of a thread pool."""


class Runner(Protocol):
    """A prepared chain or limiter: (2, frame) in, (2, frame) out, later by `latency` frames."""

    @property
    def latency(self) -> int:
        """Frames by which the output is late; constant."""

    def process(self, block: Block) -> Block:
        """The next block (2, frame), same length."""

    def reset(self) -> None:
        """Forget everything heard so far."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One block of output; the arrays are the renderer's own and valid until its next call.

    master: (2, frame), late by `MixRenderer.latency`. tracks: (track, 2, frame) after the faders, late by
    `MixRenderer.track_latency`; their sum is what goes into the master.
    """

    master: Block
    tracks: Block


@dataclass(frozen=True, slots=True)
class RenderSetup:
    """What a renderer needs besides the mix: rate in Hz, the longest block in frames, the song frame it begins at."""

    rate: int
    longest_block: int = 8192
    start: int = 0


class _Buffer:
    """Room for blocks (signal, 2, frame) that lie without gaps whatever their length."""

    def __init__(self, signals: int, longest_block: int) -> None:
        self._signals = signals
        self._room = np.zeros(signals * 2 * longest_block, dtype=np.float32)

    def block(self, count: int) -> Block:
        return self._room[: self._signals * 2 * count].reshape(self._signals, 2, count)


class MixRenderer:
    """Mixes blocks of tracks into a master and direct outs.

    names, chains: one per track, in mix order. gains: where the faders stand at the start; nothing fades in.
    limiter: the safety limiter, or None. spread: how the tracks of a block are worked through; `map` does it in this
    thread, a thread pool's `map` on several cores with the same result.

    A chain that gives NaN, infinity or an absurd level silences its own track (or the master) from that sample on,
    until `restart`; see `FaultGuard`. Times are song frames: a step at frame n changes the sound of song frame n,
    however late the chains deliver it.
    """

    def __init__(
        self,
        names: Sequence[str],
        chains: Sequence[Runner],
        gains: MixGains,
        master_chain: Runner,
        limiter: Runner | None,
        setup: RenderSetup,
        spread: Spread = map,
    ) -> None:
        self.track_latency, delays = alignment([chain.latency for chain in chains])
        self.latency = self.track_latency + master_chain.latency + (limiter.latency if limiter else 0)
        self._chains, self._master_chain, self._limiter = tuple(chains), master_chain, limiter
        self._delays = [DelayLine(delay, setup.longest_block) for delay in delays]
        shape = ramp_shape(setup.rate)
        fade = (1.0 - shape).astype(np.float32)
        self._guard = FaultGuard([f"track {name}" for name in names], fade)
        self._master_guard = FaultGuard(["master"], fade)
        self._faders = GainGlide(gains.tracks.reshape(-1), shape)
        self._master_fader = GainGlide(gains.master, shape)
        self._tracks = _Buffer(len(chains), setup.longest_block)
        self._master = _Buffer(1, setup.longest_block)
        self._spread = spread
        self.restart(setup.start)

    @property
    def fader_frame(self) -> int:
        """The song frame that reaches the track faders next: the earliest at which a step is still in time."""
        return self._faders.frame

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Tracks (and the master) that were silenced, each once."""
        return self._guard.faults + self._master_guard.faults

    def step(self, gains: MixGains, at: int) -> None:
        """Move every fader to `gains`, beginning at song frame `at` (or the next one to come, if that has passed)."""
        self._faders.step(gains.tracks.reshape(-1), at)
        self._master_fader.step(gains.master, at)

    def render_block(self, inputs: Sequence[Block]) -> Rendered:
        """Mix the next block: per track (2, frame) float32 of one length, at most `longest_block` frames."""
        count = inputs[0].shape[1] if inputs else 0
        tracks = self._tracks.block(count)
        for _ in self._spread(self._run_chain, range(len(inputs)), inputs, tracks):
            pass  # what a pool's map has yielded is done, and its errors are raised here
        self._guard.process(tracks, self._faders.frame)
        rows = tracks.reshape(-1, count)
        self._faders.apply(rows, out=rows)
        self.position += count
        return Rendered(self._render_master(tracks), tracks)

    def restart(self, frame: int) -> None:
        """Seek: forget tails, faults and ramps; the next input is song frame `frame`, the faders stand on target."""
        self.position = frame
        for chain in (*self._chains, self._master_chain):
            chain.reset()
        if self._limiter is not None:
            self._limiter.reset()
        for delay in self._delays:
            delay.reset()
        self._guard.reset()
        self._master_guard.reset()
        self._faders.jump(frame - self.track_latency)
        self._master_fader.jump(frame - self.track_latency - self._master_chain.latency)

    def _run_chain(self, index: int, block: Block, out: Block) -> None:
        """One track up to its fader: its chain, and the wait for the slowest track."""
        if not self._guard.silenced(index):
            self._delays[index].process(self._chains[index].process(block), out)

    def _render_master(self, tracks: Block) -> Block:
        bus = self._master.block(tracks.shape[2])
        bus[0] = 0.0
        for track in tracks:
            np.add(bus[0], track, out=bus[0])
        bus[0] = self._master_chain.process(bus[0])
        self._master_guard.process(bus, self._master_fader.frame)
        self._master_fader.apply(bus[0], out=bus[0])
        return bus[0] if self._limiter is None else self._limiter.process(bus[0])
