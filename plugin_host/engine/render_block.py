"""The one mixing function, for the loudspeaker and for the bounce.

Per track: chain → wait for the slowest track → (pre-fader) → fader → (post-fader). Behind the faders the tracks feed
the aux buses; tracks and what comes back from the buses are summed, in time, into master chain → fader → limiter.

A `MixRenderer` is built outside the audio thread, and so is every `PreparedChange`; `render_block` and `apply` only
call prepared runners and a few numpy operations. The output depends on the inputs, the changes and their frames alone:
the same song cut into other block sizes, or rendered with more threads, gives the same samples.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from plugin_host.engine.aux_buses import AuxBuses
from plugin_host.engine.block_room import BlockRoom
from plugin_host.engine.changes import PreparedChange
from plugin_host.engine.crossfade import Crossfade, fade_shape
from plugin_host.engine.fault_guard import Fault, FaultGuard
from plugin_host.engine.gains import MixGains
from plugin_host.engine.glide import GainGlide, ramp_shape
from plugin_host.engine.latency import alignment
from plugin_host.engine.reduction import ReductionMeter, whose_turn
from plugin_host.engine.strip import Block, Runner, RunningChain, Silence, Strip, Wire, revive
from plugin_host.errors import MixError
from plugin_host.mix.commands import AUX_BUSES, MASTER, ChainOwner

Spread = Callable[..., Iterable[None]]
"""`map`, or the `map` of a thread pool."""

SETTLE_SECONDS = 0.02
"""How long a new chain runs unheard, beside its latency, before it is faded to."""


class Rendered(NamedTuple):
    """One block of output; the arrays are the renderer's own and valid until its next call, to be read only.

    master: (2, frame), late by `MixRenderer.latency`. tracks: (track, 2, frame) after the faders, late by
    `MixRenderer.track_latency`. pre: the same before the faders, only where `RenderSetup.pre_fader` asks for it (no
    tracks otherwise). auxes: (aux, 2, frame), what comes back, in time with the tracks where they enter the master
    (late by `track_latency` and `aux_latency`). Tracks and auxes, in time, sum to what goes into the master.
    """

    master: Block
    tracks: Block
    pre: Block
    auxes: Block


@dataclass(frozen=True, slots=True)
class RenderSetup:
    """What a renderer needs besides the mix.

    rate: Hz. longest_block: frames. start: the frame it begins at. pre_fader: whether `Rendered.pre` is wanted.
    """

    rate: int
    longest_block: int = 8192
    start: int = 0
    pre_fader: bool = False


class MixRenderer:
    """Mixes blocks of tracks into a master and direct outs.

    names, chains: one per track. gains: where the faders stand at the start; nothing fades in. limiter: the safety
    limiter, or None. spread: how the tracks of a block are worked through; `map` does it in this thread, a thread
    pool's `map` on several cores with the same result. auxes: chains of the aux buses.

    A chain that gives NaN, infinity or an absurd level silences its own track (or bus, or the master) from that sample
    on, until it is built anew or `restart`; see `FaultGuard`. Frames count what was rendered since `RenderSetup.start`.
    """

    def __init__(
        self,
        names: Sequence[str],
        chains: Sequence[RunningChain],
        gains: MixGains,
        master_chain: RunningChain,
        limiter: Runner | None,
        setup: RenderSetup,
        spread: Spread = map,
        auxes: Sequence[RunningChain] = (Wire(), Wire()),
    ) -> None:
        self.names = tuple(names)
        self._longest, self._rate, self._spread = setup.longest_block, setup.rate, spread
        self._pre_fader = setup.pre_fader
        shape = ramp_shape(setup.rate)
        fade = (1.0 - shape).astype(np.float32)
        self._fade_shape = fade_shape(setup.rate)
        self._exchange: Crossfade | None = None
        self._leaving: frozenset[str] = frozenset()
        self.track_latency, delays = alignment([chain.latency for chain in chains])
        self._strips = [Strip(chain, delay, self._longest) for chain, delay in zip(chains, delays, strict=True)]
        self._auxes = AuxBuses([bus.value for bus in AUX_BUSES], auxes, gains, shape, self._longest)
        self._direct: Strip[Runner] = Strip(Wire(), self._auxes.latency, self._longest)
        self._master = Strip(master_chain, 0, self._longest)
        self._limiter: Strip[Runner] = Strip(limiter or Wire(), 0, self._longest)
        self._guard = FaultGuard([f"track {name}" for name in names], fade)
        self._master_guard = FaultGuard(["master"], fade)
        self._levels, self._sends = gains.tracks.copy(), gains.sends.copy()
        self._faders = GainGlide(gains.tracks.reshape(-1), shape)
        self._master_fader = GainGlide(gains.master, shape)
        self._buses = BlockRoom(2, self._longest)
        self._returns, self._no_returns = (BlockRoom(len(auxes), self._longest) for _ in range(2))
        self._make_room()
        self.restart(setup.start)

    @property
    def aux_latency(self) -> int:
        """Frames by which the aux buses hold the sum of the tracks back."""
        return self._auxes.latency

    @property
    def latency(self) -> int:
        """Frames by which the master is late, once a change under way is over."""
        return self.track_latency + self.aux_latency + self._master.latest.latency + self._limiter.latest.latency

    @property
    def fading(self) -> bool:
        """Whether chains are being exchanged; until that is over only light changes can be applied."""
        return self._exchange is not None

    @property
    def free_at(self) -> int:
        """The first frame at which chains can be exchanged (again)."""
        return self.position if self._exchange is None else self._exchange.end

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Tracks, buses and the master that are silenced, each once."""
        return self._guard.faults + self._auxes.faults + self._master_guard.faults

    @property
    def reductions_db(self) -> npt.NDArray[np.float32]:
        """What compressors take away, per track and, last, compressors and safety limiter of the master; dB, 0 or more.

        Compressors are read every 0.1 s; the limiter since the last call. Where nothing can tell it is 0.
        """
        meter = self._limiter.latest
        limited = meter.take_recent_db() if isinstance(meter, ReductionMeter) else 0.0
        tracks = [strip.latest.reduction_db or 0.0 for strip in self._strips]
        return np.array([*tracks, (self._master.latest.reduction_db or 0.0) + limited], dtype=np.float32)

    def apply(self, change: PreparedChange) -> None:
        """Carry out a change from the next frame on.

        Faders and parameters glide for 20 ms. A chain built anew first runs unheard beside the old one for its latency
        and 20 ms, then is faded to in 30 ms; so do the other tracks' new waiting times, added tracks, and removed ones,
        which leave `names` when the fade is over. `MixError` for a change that is not light while
        `fading`: hold it back until then.
        """
        if self.fading and not change.is_light:
            raise MixError("chains are being exchanged: hold the next change back until that is over")
        if change.plan.added:
            self._rearrange((*self.names, *change.plan.added))
        for move in change.plan.moves:
            self._strip(move.owner).latest.move(move.slot, move.name, move.value)
        if change.plan.gains:
            self._step_faders(change)
        if not change.is_light:
            self._begin_exchange(change)

    def render_block(self, inputs: Sequence[Block], count: int | None = None) -> Rendered:
        """Mix the next block: per track of `names` (2, frame) float32 of one length, at most `longest_block` frames.

        count: frames, needed where there are no tracks.
        """
        frames = inputs[0].shape[1] if inputs else count or 0
        for row in whose_turn(self.position, frames, len(self._strips) + 1, self._rate):
            (self._strips[row] if row < len(self._strips) else self._master).latest.measure()
        tracks = self._tracks.block(frames)
        for _ in self._spread(self._run_chain, range(len(inputs)), inputs, tracks):
            pass  # what a pool's map has yielded is done, and its errors are raised here
        self._guard.process(tracks, self.position - self.track_latency)
        pre = self._pre.block(frames)
        if self._pre_fader:
            pre[:] = tracks
        rows = tracks.reshape(-1, frames)
        self._faders.apply(rows, out=rows)
        returned = self._render_auxes(tracks, frames)
        rendered = Rendered(self._render_master(tracks, returned), tracks, pre, returned)
        self.position += frames
        if self._exchange is not None and self.position >= self._exchange.end:
            self._finish_exchange()
        return rendered

    def restart(self, frame: int) -> None:
        """Begin anew at `frame`: forget tails, faults, ramps and fades; the faders stand on target."""
        self._finish_exchange()
        self.position = frame
        for part in (*self._parts, self._guard, self._master_guard):
            part.reset()
        self._faders.jump(frame)
        self._master_fader.jump(frame)

    @property
    def _parts(self) -> tuple["Strip[RunningChain] | Strip[Runner] | AuxBuses", ...]:
        return (*self._strips, self._auxes, self._direct, self._master, self._limiter)

    def _run_chain(self, row: int, block: Block, out: Block) -> None:
        """One track up to its fader."""
        if self._guard.silenced(row):
            return
        found = self._strips[row].process(block, out, self._exchange, self.position)
        if found is not out:
            out[:] = found

    def _render_auxes(self, tracks: Block, count: int) -> Block:
        """What comes back (aux, 2, frame) of the tracks (track, 2, frame)."""
        if not self._auxes.running:
            return self._no_returns.block(count)
        returned = self._returns.block(count)
        self._auxes.process(tracks, returned, self._exchange, self.position)
        return returned

    def _render_master(self, tracks: Block, returned: Block) -> Block:
        """The sum of the tracks (track, 2, frame) and of what comes back from the aux buses, up to the limiter."""
        frame, fade = self.position, self._exchange
        room, other = self._buses.block(tracks.shape[2])
        mixed = self._direct.process(np.add.reduce(tracks, axis=0, out=room), other, fade, frame)
        if self._auxes.running:
            for back in returned:
                mixed += back
        master = self._master.process(mixed, other if mixed is room else room, fade, frame)
        self._master_guard.process(master[None], frame - self.track_latency - self.aux_latency)
        self._master_fader.apply(master, out=master)
        return self._limiter.process(master, room if master is other else other, fade, frame)

    def _strip(self, owner: ChainOwner) -> Strip[RunningChain]:
        if isinstance(owner, str):
            return self._strips[self.names.index(owner)]
        return self._master if owner is MASTER else self._auxes.buses[AUX_BUSES.index(owner)].strip

    def _step_faders(self, change: PreparedChange) -> None:
        """Tracks that are no more keep their faders until they have gone."""
        gains = change.gains
        if change.names == self.names:
            self._levels, self._sends = gains.tracks.copy(), gains.sends.copy()
        else:
            places = {name: place for place, name in enumerate(change.names)}
            rows = [row for row, name in enumerate(self.names) if name in places]
            found = [places[self.names[row]] for row in rows]
            self._levels[rows], self._sends[rows] = gains.tracks[found], gains.sends[found]
        self._faders.step(self._levels.reshape(-1), self._faders.frame)
        self._master_fader.step(gains.master, self._master_fader.frame)
        self._auxes.step(self._sends, gains.auxes)

    def _begin_exchange(self, change: PreparedChange) -> None:
        chains, self._leaving = change.chains, frozenset(change.plan.removed)
        staying = [row for row, name in enumerate(self.names) if name not in self._leaving]
        latest = [chains.get(self.names[row], self._strips[row].chain) for row in staying]
        self.track_latency, delays = alignment([chain.latency for chain in latest])
        for row, chain, delay in zip(staying, latest, delays, strict=True):
            revive(self._strips[row], chain, self._guard, row)
            self._strips[row].exchange(chain, delay)
        for row, name in enumerate(self.names):
            if name in self._leaving:
                self._strips[row].exchange(Silence(), 0)
        self._auxes.exchange([chains.get(bus, self._strip(bus).chain) for bus in AUX_BUSES])
        self._direct.exchange(self._direct.chain, self.aux_latency)
        master = chains.get(MASTER, self._master.chain)
        revive(self._master, master, self._master_guard, 0)
        self._master.exchange(master, 0)
        if change.plan.limiter:
            self._limiter.exchange(change.limiter or Wire(), 0)
        settle = round(SETTLE_SECONDS * self._rate) + self.latency
        self._exchange = Crossfade(self.position + settle, self._fade_shape)

    def _finish_exchange(self) -> None:
        for part in self._parts:
            part.finish()
        self._exchange = None
        if self._leaving:
            self._rearrange(tuple(name for name in self.names if name not in self._leaving))
            self._leaving = frozenset()

    def _rearrange(self, names: tuple[str, ...]) -> None:
        """Tracks come, silent, or go; the others keep all they have."""
        places = {name: row for row, name in enumerate(self.names)}
        rows = [places.get(name) for name in names]
        channels = [-1 if row is None else 2 * row + side for row in rows for side in (0, 1)]
        kept = [-1 if row is None else row for row in rows]
        self._levels, self._sends = (np.vstack([old, np.zeros((1, 2))])[kept] for old in (self._levels, self._sends))
        self._strips = [
            Strip[RunningChain](Silence(), 0, self._longest) if row is None else self._strips[row] for row in rows
        ]
        self._guard.rearrange([f"track {name}" for name in names], rows)
        self._faders.rearrange(np.array(channels, dtype=np.intp))
        self._auxes.rearrange(np.array(channels, dtype=np.intp))
        self.names = names
        self._make_room()

    def _make_room(self) -> None:
        self._tracks = BlockRoom(len(self.names), self._longest)
        self._pre = BlockRoom(len(self.names) if self._pre_fader else 0, self._longest)
